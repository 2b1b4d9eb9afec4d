"""Silent drift: the monitor of contract-valid events, the e-detector, and the canary's value parity."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cta_core.drift import SilentDriftMonitor, values_belong
from cta_core.drift.detector import EDetector
from cta_core.profile import Profile
from driftgen.populations import DOMAINS, Population, world_of


def stream(domain: str, seed: int, count: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return Population(domain, DOMAINS[domain]).events(rng, count, 1.7e9, world_of(random.Random(7)))


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_healthy_events_raise_no_alarm(domain: str) -> None:
    """Two thousand healthy events of the same population raise no alarm."""
    monitor = SilentDriftMonitor(Profile.of(stream(domain, 1, 1000)))
    assert monitor.observe(stream(domain, 2, 2000)) == []


def test_a_silent_factor_of_a_hundred_is_seen_within_ten_events() -> None:
    """Cents for units under the same name raise an alarm within ten events."""
    monitor = SilentDriftMonitor(Profile.of(stream("payments", 1, 1000)))
    drifted = [{**event, "amount": round(event["amount"] * 100)} for event in stream("payments", 3, 40)]
    alarms = monitor.observe(drifted)
    assert [(alarm.path, alarm.question) for alarm in alarms] == [("/amount", "band")]
    monitor.reset()
    assert monitor.observe(drifted[:10])


def test_a_field_that_is_gone_is_seen_within_five_events() -> None:
    """An optional field that is no longer sent raises an alarm within five events after a baseline of a thousand."""
    monitor = SilentDriftMonitor(Profile.of(stream("web", 1, 1000)))
    drifted = [{key: value for key, value in event.items() if key != "user"} for event in stream("web", 3, 6)]
    assert any(alarm.path == "/user" and alarm.question == "absent" for alarm in monitor.observe(drifted[:6]))


def test_business_as_usual_is_no_drift() -> None:
    """A quarter more of everything, which a sale brings, raises no alarm."""
    monitor = SilentDriftMonitor(Profile.of(stream("payments", 1, 1000)))
    assert (
        monitor.observe({**event, "amount": round(event["amount"] * 1.25, 2)} for event in stream("payments", 4, 500))
        == []
    )


def test_a_short_baseline_asks_nothing() -> None:
    """A profile of a handful of events raises no alarm whatever comes."""
    monitor = SilentDriftMonitor(Profile.of(stream("payments", 1, 20)))
    assert monitor.observe([{"x": 1}] * 50) == []


def test_the_detector_forgets_on_reset() -> None:
    """After a reset the evidence starts from nothing."""
    detector = EDetector(0, 1000, 1e-6)
    assert not detector.see(strange=True)
    before = detector.evidence
    detector.reset()
    assert detector.evidence < before


def test_healed_values_that_belong_are_accepted() -> None:
    """Values of the same population belong to its profile."""
    ok, text = values_belong(Profile.of(stream("payments", 1, 300)), stream("payments", 5, 60), ["/amount", "/method"])
    assert ok
    assert "2 healed fields" in text


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/amount", lambda event: event["amount"] * 100),
        ("/amount", lambda event: str(event["amount"])),
        ("/method", lambda event: event["method"].upper()),
        ("/payment_id", lambda event: event["merchant"]),
        ("/risk_score", lambda event: event["risk_score"] + 0.5),
    ],
)
def test_healed_values_that_do_not_belong_are_refused(path: str, change: Any) -> None:
    """Another magnitude, type, label, form or precision does not belong, and the text names the field."""
    healed = [{**event, path[1:]: change(event)} for event in stream("payments", 5, 60)]
    ok, text = values_belong(Profile.of(stream("payments", 1, 300)), healed, [path])
    assert not ok
    assert text.startswith(path)


def test_too_few_healed_values_prove_nothing() -> None:
    """A handful of values is accepted with a text that says so."""
    ok, text = values_belong(Profile.of(stream("payments", 1, 300)), stream("payments", 5, 3), ["/amount"])
    assert ok
    assert "too few" in text


def test_an_alarm_tells_when_the_change_began() -> None:
    """After hundreds of healthy events, odd ones among them, the alarm's run begins with the first changed event."""
    monitor = SilentDriftMonitor(Profile.of(stream("payments", 1, 1000)))
    assert monitor.observe(stream("payments", 2, 700)) == []
    drifted = [{**event, "amount": round(event["amount"] * 100)} for event in stream("payments", 3, 60)]
    for number, event in enumerate(drifted, start=1):
        alarms = monitor.observe([event])
        if alarms:
            assert abs(alarms[0].events - number) <= 2
            return
    raise AssertionError("no alarm")
