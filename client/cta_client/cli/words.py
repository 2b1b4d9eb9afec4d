"""Words for values: times, counts, shares, states, payloads. Plain functions, used by every view of the client.

Nothing here reads a clock of its own or knows a terminal; `now` comes in, so that the same message gives the same text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from cta.v1.event_pb2 import Payload
from cta_client.seconds import seconds

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper  # pyright: ignore[reportPrivateUsage] - it has no other name


def word(enum: _EnumTypeWrapper[Any], number: int) -> str:
    """A value's word without its prefix: `AWAITING APPROVAL`; a newer server's value by its number."""
    try:
        name = enum.Name(number)
    except ValueError:
        return f"UNKNOWN({number})"
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.DESCRIPTOR.name).upper() + "_"
    plain_name = name.removeprefix(prefix)
    return "" if plain_name == "UNSPECIFIED" else plain_name.replace("_", " ")


def count(number: float) -> str:
    """`1,204`."""
    return f"{number:,.0f}"


def share(part: float, *, digits: int = 1) -> str:
    """`99.9 %`; never rounds up to 100 % or down to 0 % what is not."""
    percent = 100 * part
    if part > 0 and percent < 10**-digits / 2:
        return f"< {10**-digits:g} %"
    if part < 1 and round(percent, digits) >= 100:
        return f"> {100 - 10**-digits:g} %"
    return f"{percent:.{digits}f}".rstrip("0").rstrip(".") + " %" if digits else f"{percent:.0f} %"


def span(length: float) -> str:
    """How long: `18 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`, `4 d`."""
    if length < 0.0005:
        return "0 ms" if length <= 0 else "< 1 ms"
    if length < 0.995:
        return f"{1000 * length:.0f} ms"
    if length < 59.95:
        return f"{length:.1f}".removesuffix(".0") + " s"
    whole = round(length)
    if whole < 3600:
        return _pair(whole // 60, "min", whole % 60, "s")
    if whole < 86400:
        return _pair(whole // 3600, "h", whole % 3600 // 60, "min")
    return _pair(whole // 86400, "d", whole % 86400 // 3600, "h")


def ago(time: Timestamp, now: float) -> str:
    """How long ago: `now`, `12 s ago`, `3 min ago`; empty when unset."""
    if not time.seconds:
        return ""
    passed = now - seconds(time)
    if passed < 1.5:
        return "now"
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (129_600, "h", 3600)):
        if passed < limit:
            return f"{passed / size:.0f} {unit} ago"
    return f"{passed / 86400:.0f} d ago"


def clock(time: Timestamp) -> str:
    """The moment itself, UTC: `2026-11-24 22:17:28.120`; empty when unset."""
    if not time.seconds:
        return ""
    return datetime.fromtimestamp(seconds(time), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """The text on one line with control characters made visible: a payload must not drive the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else "?", text)


def body(payload: Payload) -> str:
    """A payload as text."""
    match payload.WhichOneof("body"):
        case "json":
            return payload.json
        case "data":
            return payload.data.decode("utf-8", "backslashreplace")
        case "value":
            return str(payload.value).strip()
        case _:
            return ""


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
