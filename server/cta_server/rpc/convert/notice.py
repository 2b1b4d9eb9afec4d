"""What a notification tells of an incident or an adapter: the API's own message as proto JSON, fields that hold payload
left empty by the core.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from cta_core.notice import Notice
from cta_server.rpc.convert.adapter import adapter
from cta_server.rpc.convert.incident import incident


def data(notice: Notice) -> dict[str, Any]:
    """The incident or the adapter of a notice."""
    if notice.incident is not None:
        return MessageToDict(incident(notice.incident))
    if notice.adapter is None:
        return {}
    message = adapter(notice.adapter)
    for field in ("program", "program_json"):  # the core has emptied them: an empty program is no news
        message.ClearField(field)
    return MessageToDict(message)
