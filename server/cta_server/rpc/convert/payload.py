"""Bodies of events: the three forms of a `Payload` to bytes, and bytes to the form that keeps them byte for byte."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from cta.v1.event_pb2 import Payload
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.scalars import json_of

UNSET: Final = "set one of json, data or value"


def payload(raw: bytes) -> Payload:
    """The body as `json`, or as `data` when it is not UTF-8 text."""
    try:
        return Payload(json=raw.decode())
    except UnicodeDecodeError:
        return Payload(data=raw)


def preview(raw: bytes, limit: int) -> Payload:
    """The body cut to `limit` bytes, at the border of a character; 0 cuts nothing."""
    if not limit or len(raw) <= limit:
        return payload(raw)
    cut = raw[:limit]
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Payload(data=cut)
    return Payload(json=cut.decode(errors="ignore"))


def body_of(item: Payload, field: str, problems: Problems) -> bytes:
    """The body's bytes. `value` is written as JSON."""
    arm = item.WhichOneof("body")
    if arm == "json":
        return item.json.encode()
    if arm == "data":
        return item.data
    if arm == "value":
        return msgspec.json.encode(json_of(item.value, f"{field}.value", problems))
    problems.add(field, UNSET)
    return b""


def bodies_of(items: Iterable[Payload], field: str, problems: Problems) -> list[bytes]:
    """The bytes of several bodies."""
    return [body_of(item, f"{field}[{index}]", problems) for index, item in enumerate(items)]
