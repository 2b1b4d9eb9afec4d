"""Decoding and encoding of one event: bytes to a JSON object and back, within limits.

This module decides which bytes are an event at all: valid JSON in UTF-8, an object, not too large, not nested too
deeply. What the event should hold is the contract's matter. Called by the gate, by the diagnosis and by the offline
commands.

Integers keep every digit; of duplicate keys the last one counts, as in every JSON parser. `NaN` and `Infinity` are no
JSON: they cannot be decoded, and whoever computes a number for an event refuses them, because the encoder would write
them as null.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cta_core.errors import EventRefused, EventUnreadable
from cta_core.path import is_object


class EventLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an event may be at most."""

    max_bytes: int = 5 * 1024 * 1024
    """Size of the raw bytes."""
    max_depth: int = 200
    """How deep objects and arrays may be nested; the event itself is level 1."""


DEFAULT_LIMITS: Final = EventLimits()

_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()


def decode(raw: bytes, limits: EventLimits = DEFAULT_LIMITS) -> dict[str, Any]:
    """The event in the bytes; `EventUnreadable` (an `EventRefused`) says why there is none."""
    if len(raw) > limits.max_bytes:
        raise EventUnreadable("TOO_LARGE", f"the event has {len(raw)} bytes, {limits.max_bytes} are allowed")
    event = _decode(raw)
    if not is_object(event):
        raise EventUnreadable("NOT_AN_OBJECT", "the event is not a JSON object")
    if not is_shallow(raw, limits.max_depth) and depth_exceeds(event, limits.max_depth):
        raise EventUnreadable("TOO_DEEP", f"the event is nested deeper than {limits.max_depth} levels")
    return event


def is_shallow(raw: bytes, max_depth: int) -> bool:
    """Whether the bytes surely nest no deeper; a refusal says nothing."""
    # Every level has a bracket at its start and one at its end.
    return len(raw) <= 2 * max_depth or raw.count(b"{") + raw.count(b"[") <= max_depth


def _decode(raw: bytes) -> Any:
    try:
        return _decoder.decode(raw)
    except UnicodeDecodeError:
        raise EventUnreadable("MALFORMED", "the event is not valid UTF-8") from None
    except RecursionError:
        raise EventUnreadable("TOO_DEEP", "the event is nested too deeply to be read") from None
    except msgspec.DecodeError as error:
        raise EventUnreadable("MALFORMED", f"the event is not JSON that can be read: {_reason(error)}") from None


def _reason(error: msgspec.DecodeError) -> str:
    """The decoder's own words; they name byte positions, never values."""
    text = str(error)
    return text.removeprefix("JSON is malformed: ")


def depth_exceeds(obj: Any, limit: int) -> bool:
    """Whether objects and arrays are nested deeper than the limit. Walks level by level, without recursion."""
    level: list[Any] = [obj] if type(obj) in (dict, list) else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            return True
        level = [
            value
            for node in level
            for value in (node.values() if is_object(node) else node)
            if type(value) is dict or type(value) is list
        ]
    return False


def encode(obj: Any) -> bytes:
    """The bytes of a JSON value, compact, keys in their order; `EventRefused` for what JSON cannot say."""
    try:
        return _encoder.encode(obj)
    except UnicodeEncodeError:
        raise EventRefused("a text holds half of a surrogate pair") from None
    except ValueError:
        raise EventRefused("a number has too many digits to be written") from None
    except RecursionError:
        raise EventRefused("the event is nested too deeply to be written") from None
