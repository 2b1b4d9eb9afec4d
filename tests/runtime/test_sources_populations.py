"""Populations: repeatable, true to their contract, and shaped like real data."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import islice
from statistics import mean, median

import msgspec
import pytest

from cta_core.contract import compile_contract
from cta_server.consumers.payments import auditor, intake, retriever
from cta_server.runtime.sources.populations import POPULATIONS, Population

every_population = pytest.mark.parametrize("population", POPULATIONS.values(), ids=list(POPULATIONS))


def first(population: Population, count: int, *, seed: int = 1, start: int = 0) -> list[dict[str, object]]:
    """Events of a population."""
    return list(islice(population.events(seed, start), count))


@every_population
def test_every_event_satisfies_the_contract(population: Population) -> None:
    """Thousands of events of several seeds, early and late ones, break no rule of the population's contract."""
    contract = compile_contract(dict(population.contract))
    for seed, start in ((0, 0), (7, 0), (-3, 2_000_000)):
        for event in first(population, 1500, seed=seed, start=start):
            assert contract.violations(event) == ()


@every_population
def test_the_same_seed_gives_the_same_bytes(population: Population) -> None:
    """Event n of a seed is the same from whatever number one starts, and another seed gives others."""
    events = first(population, 700)
    assert msgspec.json.encode(first(population, 700)) == msgspec.json.encode(events)
    for start in (1, 127, 128, 129, 600):
        assert first(population, 100, start=start) == events[start : start + 100]
    assert first(population, 50, seed=2) != events[:50]


@every_population
def test_events_are_not_shared(population: Population) -> None:
    """A consumer may change an event without changing any other."""
    one, other = first(population, 1)[0], first(population, 1)[0]
    one.clear()
    assert other


def test_the_payments_consumer_takes_every_payment() -> None:
    """Healthy payments pass Intake, Retriever and Auditor."""
    for event in first(POPULATIONS["payments"], 5000):
        paid = auditor(retriever(intake(event)))
        assert Decimal(paid["fee"]) + Decimal(paid["net"]) == Decimal(str(event["amount"]))


def test_payments_have_the_shape_of_payments() -> None:
    """Amounts are skewed and have two decimals, ids are unique, countries go with currencies, some merchants are
    large.
    """
    events = msgspec.convert(first(POPULATIONS["payments"], 5000), list[dict[str, object]])
    amounts = [float(str(event["amount"])) for event in events if event["currency"] == "EUR"]
    assert mean(amounts) > 1.1 * median(amounts)
    assert all(amount == round(amount, 2) for amount in amounts)
    assert len({event["id"] for event in events}) == 5000
    pairs = {(event["country"], event["currency"]) for event in events}
    assert len(pairs) == len({country for country, _ in pairs})
    merchants = Counter(event["merchant"] for event in events)
    assert merchants.most_common(1)[0][1] > 5 * median(merchants.values())


def test_an_orders_total_is_the_sum_of_its_lines() -> None:
    """Goods plus shipping minus discount, to the cent."""
    for event in msgspec.convert(first(POPULATIONS["orders"], 1000), list[_Order]):
        goods = sum(round(item.quantity * item.unit_price * 100) for item in event.items)
        assert round(event.total * 100) == goods + round(event.shipping["cost"] * 100) - round(
            (event.discount or 0) * 100
        )  # type: ignore[operator]


def test_telemetry_looks_the_same_at_any_time() -> None:
    """Readings of all devices together have the same middle a month later: what a baseline learned stays true."""
    early, late = (
        msgspec.convert(first(POPULATIONS["telemetry"], 2000, start=start), list[_Reading]) for start in (0, 5_000_000)
    )
    for name in ("temperature", "humidity", "pressure"):
        assert abs(mean(r.readings[name] or 0 for r in early) - mean(r.readings[name] or 0 for r in late)) < 1.5
    assert abs(mean(r.battery for r in early) - mean(r.battery for r in late)) < 5


class _Line(msgspec.Struct):
    quantity: int
    unit_price: float


class _Order(msgspec.Struct):
    items: list[_Line]
    shipping: dict[str, float | str]
    discount: float | None
    total: float


class _Reading(msgspec.Struct):
    readings: dict[str, float | None]
    battery: float
