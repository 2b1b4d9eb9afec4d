"""Times, durations and JSON scalars between messages and the core.

The core counts seconds since the epoch and milliseconds as floats; 0.0 means that there is no time, and the field stays
unset. Of numbers in a `google.protobuf.Value` those that are whole become integers: a Value cannot tell 1 from 1.0, and
whole numbers are what people mean.
"""

from __future__ import annotations

import math
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import NullValue, Value
from google.protobuf.timestamp_pb2 import Timestamp

from cta_core.adapter.scalar import Scalar
from cta_server.rpc.convert.problems import Problems

EXACT: Final = 2**53
"""Up to here a double is every integer; larger ones in a Value have lost digits on the way."""
LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999, the last second of a Timestamp."""


def timestamp(seconds: float) -> Timestamp | None:
    """The time, to the microsecond; None for 0.0, which leaves the field unset."""
    if seconds == 0.0:
        return None
    micros = round(seconds * 1_000_000)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def seconds_of(time: Timestamp, field: str, problems: Problems) -> float:
    """The time in seconds since the epoch."""
    if not 0 <= time.seconds <= LAST_SECOND or not 0 <= time.nanos < 1_000_000_000:
        problems.add(field, "must be a time between 1970 and 9999")
        return 0.0
    return time.seconds + time.nanos / 1e9


def duration(milliseconds: float) -> Duration:
    """The duration, to the microsecond."""
    micros = round(milliseconds * 1000)
    return Duration(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def milliseconds_of(span: Duration, field: str, problems: Problems) -> float:
    """The duration in milliseconds; negative ones are refused."""
    if span.seconds < 0 or span.nanos < 0 or span.nanos >= 1_000_000_000:
        problems.add(field, "must be a duration of 0 s or more")
        return 0.0
    return span.seconds * 1000 + span.nanos / 1e6


def value(scalar: Scalar) -> Value:
    """The scalar as a Value."""
    if scalar is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if isinstance(scalar, bool):
        return Value(bool_value=scalar)
    if isinstance(scalar, str):
        return Value(string_value=scalar)
    return Value(number_value=scalar)


def scalar_of(item: Value, field: str, problems: Problems) -> Scalar:
    """The scalar in a Value; lists and objects are refused."""
    match item.WhichOneof("kind"):
        case "null_value":
            return None
        case "bool_value":
            return item.bool_value
        case "string_value":
            return item.string_value
        case "number_value":
            return _number(item.number_value, field, problems)
        case _:
            problems.add(field, "must be text, a number, true, false or null")
            return None


def json_of(item: Value, field: str, problems: Problems) -> Any:
    """The JSON value in a Value, of any kind; whole numbers as integers."""
    # The parser of messages refuses nesting below 100 levels, so that this recursion ends in time.
    match item.WhichOneof("kind"):
        case "struct_value":
            return {key: json_of(member, field, problems) for key, member in item.struct_value.fields.items()}
        case "list_value":
            return [json_of(member, field, problems) for member in item.list_value.values]
        case None:
            problems.add(field, "holds a Value that is not set")
            return None
        case _:
            return scalar_of(item, field, problems)


def _number(number: float, field: str, problems: Problems) -> int | float:
    if not math.isfinite(number):
        problems.add(field, "must be a number that JSON can write")
        return 0
    return int(number) if number.is_integer() and abs(number) <= EXACT else number
