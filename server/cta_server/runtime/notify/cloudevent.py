"""A notice as a CloudEvent 1.0 in structured JSON mode. Pure.

The same notice always becomes the same bytes, so that a repeat is the same event. What `data` is, the caller brings:
the API's own message for the thing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cta_core.notice import PING, Notice

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

Describe = Callable[[Notice], dict[str, Any]]
"""The thing of a notice as its API message in proto JSON."""


def cloud_event(notice: Notice, source: str, describe: Describe) -> bytes:
    """The event of a notice."""
    return _event(notice.notice_id, source, notice.type, notice.subject, notice.time, describe(notice))


def ping(id_: str, source: str, webhook: str, time: float) -> bytes:
    """The event of a test."""
    return _event(id_, source, PING, webhook, time, {"webhook": webhook})


def _event(id_: str, source: str, type_: str, subject: str, time: float, data: dict[str, Any]) -> bytes:
    at = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": id_,
            "source": source,
            "type": type_,
            "subject": subject,
            "time": at,
            "datacontenttype": "application/json",
            "data": data,
        }
    )
