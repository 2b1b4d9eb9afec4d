"""Pace and meter: how many events are due, and how fast they went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_server.runtime.sources.pace import MAX_BATCH, Meter, Pace


def run(rate: float, seconds: float) -> list[tuple[float, int]]:
    """The batches of so many seconds, each with its time, on a clock that waits exactly."""
    now, batches = 0.0, []
    pace = Pace(rate, now)
    while True:
        now += pace.wait(now)
        if now > seconds:
            return batches
        batches.append((now, pace.take(now)))


@pytest.mark.parametrize("rate", [0.5, 1, 7, 20, 100, 1000, 9999.5, 40_000])
def test_the_rate_is_kept(rate: float) -> None:
    """Over ten seconds a source sends ten times its rate, to within a batch."""
    batches = run(rate, 10)
    total = sum(count for _, count in batches)
    assert abs(total - 10 * rate) <= max(count for _, count in batches) + 1
    assert max(count for _, count in batches) <= MAX_BATCH


def test_slow_sources_send_single_events_evenly() -> None:
    """At one event a second, the first comes at once and the others a second apart."""
    assert [(round(at, 6), count) for at, count in run(1, 3.5)] == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_fast_sources_send_batches() -> None:
    """At a thousand events a second a batch has the events of 25 ms."""
    assert [count for _, count in run(1000, 1)][1:] == [25] * (len(run(1000, 1)) - 1)


def test_without_a_rate_a_full_batch_is_always_due() -> None:
    """Rate 0 never waits."""
    pace = Pace(0, 0.0)
    assert [pace.wait(0.0), pace.take(0.0), pace.wait(0.0), pace.take(0.0)] == [0, MAX_BATCH, 0, MAX_BATCH]


def test_a_stall_is_not_made_up_for_in_a_flood() -> None:
    """After a minute of standing still a source sends at most a quarter of a second's events more."""
    pace = Pace(1000, 0.0)
    now, total = 60.0, 0
    while pace.wait(now) == 0:
        total += pace.take(now)
    assert total <= 250


@given(st.floats(0.1, 1e5), st.lists(st.floats(0, 2), max_size=60))
def test_no_clock_makes_it_exceed_the_rate(rate: float, steps: list[float]) -> None:
    """However late it is asked, it never gives more than the rate allows, plus what a stall is made up for."""
    pace, now, total = Pace(rate, 0.0), 0.0, 0
    for step in steps:
        now += step
        if pace.wait(now) == 0:
            count = pace.take(now)
            assert 1 <= count <= MAX_BATCH
            total += count
    assert total <= rate * now + max(rate * 0.25, 1) + 1


def test_the_meter_reads_the_last_seconds() -> None:
    """A steady rate reads as that rate, and after a stop it goes to nothing within three seconds."""
    meter = Meter(0.0)
    for tick in range(1, 1001):
        meter.add(tick * 0.01, 10)
    assert meter.rate(10.0) == pytest.approx(1000, rel=0.05)
    assert meter.rate(11.5) == pytest.approx(500, rel=0.1)
    assert meter.rate(13.1) == 0


def test_the_meter_starts_honestly() -> None:
    """The first event of a slow source does not read as a thousand a second."""
    meter = Meter(0.0)
    meter.add(0.001, 1)
    assert meter.rate(0.001) <= 10
