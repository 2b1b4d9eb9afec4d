"""Times and durations of the API as seconds, and seconds as those: the one place where the client converts them.

It decides what an unset time is: 0 here, no message there. It tells nothing in words; `cli.words` does. The verbs, the
guard, trace files and the control room call it.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def seconds(time: Timestamp | Duration) -> float:
    """Seconds since the epoch, or of the duration; 0 where it is unset."""
    return time.seconds + time.nanos / 1e9


def milliseconds(length: Duration) -> float:
    """A duration in milliseconds, as it was written: a thousand times `seconds` is next to it at times."""
    return length.ToMicroseconds() / 1000


def timestamp(seconds: float) -> Timestamp | None:
    """A time as the API has it, to the microsecond; None, which leaves a field unset, for 0."""
    if not seconds:
        return None
    time = Timestamp()
    time.FromMicroseconds(round(seconds * 1_000_000))
    return time


def duration(seconds: float) -> Duration:
    """A duration as the API has it, to the microsecond."""
    length = Duration()
    length.FromMicroseconds(round(seconds * 1_000_000))
    return length
