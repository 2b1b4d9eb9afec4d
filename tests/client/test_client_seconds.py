"""Times and durations of the API as seconds and back."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from cta_client.seconds import duration, milliseconds, seconds, timestamp

LATEST = 253_402_300_799
"""The end of the year 9999, where the API's times end."""


@given(st.integers(1, LATEST * 1_000_000))
def test_times_come_back_to_the_microsecond(microseconds: int) -> None:
    """A time that was written from seconds is read as the same seconds, as near as a float of them can be."""
    made = timestamp(microseconds / 1_000_000)
    assert made is not None
    # Beyond the year 2242 floats of seconds are more than a microsecond apart.
    assert abs(made.ToMicroseconds() - microseconds) <= max(1, microseconds >> 52)
    assert abs(seconds(made) - microseconds / 1_000_000) <= 1e-6 * max(1, microseconds >> 52)


@given(st.integers(0, 10**12))
def test_durations_come_back_as_they_were_written(microseconds: int) -> None:
    """A duration in milliseconds, with up to three places, is the same number after both ways."""
    written = microseconds / 1000
    assert milliseconds(duration(written / 1000)) == written
    assert abs(seconds(duration(written / 1000)) - written / 1000) < 1e-6


def test_a_time_that_is_unset_is_zero_and_no_message() -> None:
    """0 leaves a field of a time unset, and what is unset reads as 0; a duration of 0 is one."""
    assert timestamp(0.0) is None
    assert seconds(Timestamp()) == 0.0
    assert duration(0.0) == Duration()
    assert seconds(Duration(seconds=-2, nanos=-500_000_000)) == -2.5
