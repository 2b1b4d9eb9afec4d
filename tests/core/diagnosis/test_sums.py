"""Numbers that follow exactly from others: which rules are read, and who breaks them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from cta_core.contract import compile_contract, learn
from cta_core.diagnosis import Decision, diagnose
from cta_core.diagnosis.sums import broken_rule, made_of, rules_about
from cta_core.diagnosis.table import Table

Event = dict[str, Any]


def orders(count: int = 200, seed: int = 7) -> list[Event]:
    """Orders with a total, a fee, a price times a count, a nested net amount, and numbers that follow from nothing."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        goods, tax, freight = (round(rng.lognormvariate(mu, 0.7), 2) for mu in (4, 2, 1.5))
        pieces, price = rng.randint(1, 9), round(rng.lognormvariate(2.5, 0.6), 2)
        made.append(
            {
                "order": f"O-{number}",
                "goods": goods,
                "tax": tax,
                "freight": freight,
                "total": round(goods + tax + freight, 2),
                "fee": round(0.014 * goods + 0.25, 2),
                "pieces": pieces,
                "price": price,
                "line": round(pieces * price, 2),
                "score": rng.randint(0, 100),
                "money": {"gross": round(goods * 1.19, 2)},
                "serial": 1000 + number,
            }
        )
    return made


HEALTHY = Table(orders())


@pytest.mark.parametrize(
    ("path", "parts", "product"),
    [
        ("/total", {"/goods", "/tax", "/freight"}, False),
        ("/money/gross", {"/goods"}, False),
        ("/line", {"/pieces", "/price"}, True),
        ("/price", {"/pieces", "/line"}, True),
    ],
)
def test_exact_rules_are_read(path: str, parts: set[str], product: bool) -> None:
    """A sum, a fee with a fixed part, and a product are found with the fields that make them up, and with no other."""
    rule = made_of(HEALTHY, path)
    assert rule is not None
    assert (set(rule.parts), rule.product) == (parts, product)


def test_a_fixed_part_is_read() -> None:
    """A fee follows from one amount, the goods' or the gross one, with its fixed part as the constant."""
    rule = made_of(HEALTHY, "/fee")
    assert rule is not None
    assert len(rule.parts) == 1
    assert rule.constant == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("path", ["/score", "/freight_", "/serial", "/order", "/pieces_"])
def test_what_follows_from_nothing_has_no_rule(path: str) -> None:
    """Chance numbers, counters, texts and fields that are not there have none."""
    assert made_of(HEALTHY, path) is None


def test_a_rule_that_is_only_nearly_so_is_none() -> None:
    """A field that follows another with a tenth of noise has no rule: that is for the relations to weigh."""
    rng = random.Random(3)
    noisy = [{**event, "near": round(event["goods"] * rng.gauss(1, 0.1), 2)} for event in orders()]
    assert made_of(Table(noisy), "/near") is None


def test_other_events_of_the_stream_keep_the_rules() -> None:
    """Over 40 healthy streams with other values, with three times the prices, or cut to ten events none is broken."""
    for seed in range(40):
        fresh = orders(seed=100 + seed)
        dear = [
            {
                **event,
                "goods": 3 * event["goods"],
                "total": round(3 * event["goods"] + event["tax"] + event["freight"], 2),
            }
            for event in fresh
        ]
        for events in (fresh, fresh[:10]):
            assert [broken_rule(rule, Table(events)) for rule in rules_about(HEALTHY, {"/total", "/line", "/fee"})] == [
                None
            ] * len(rules_about(HEALTHY, {"/total", "/line", "/fee"}))
        rule = made_of(HEALTHY, "/total")
        assert rule is not None
        assert broken_rule(rule, Table(dear)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda e, r: round(e["goods"] * 1.02 + 0.5, 2),
        lambda e, r: round(e["goods"] + e["tax"], 2),
        lambda e, r: round(e["total"] * 1.01, 2),
        lambda e, r: round(e["total"] * r.gauss(1, 0.03), 2),
        lambda e, r: round(e["total"] - 1, 2),
        lambda e, r: float(round(e["total"], -1)),
    ],
    ids=["one part, nearly", "a part left out", "a hundredth more", "noise", "a constant less", "rounded to tens"],
)
def test_a_value_that_comes_near_is_told_from_the_exact_one(change: Callable[[Event, random.Random], float]) -> None:
    """Whatever approximates the total without being it breaks its rule, and the finding asks for a person."""
    rng = random.Random(9)
    near = [{**event, "total": change(event, rng)} for event in orders(seed=8)]
    rule = made_of(HEALTHY, "/total")
    assert rule is not None
    finding = broken_rule(rule, Table(near))
    assert finding is not None
    assert finding.doubt


def test_strays_break_no_rule() -> None:
    """A correction by hand in one of forty events leaves the rule standing."""
    some = [{**event, "total": event["total"] + (5 if n % 40 == 0 else 0)} for n, event in enumerate(orders(seed=8))]
    rule = made_of(HEALTHY, "/total")
    assert rule is not None
    assert broken_rule(rule, Table(some)) is None


def test_the_rules_of_other_fields_speak_too() -> None:
    """What a program writes is also judged by the totals in which it is a part."""
    assert {rule.path for rule in rules_about(HEALTHY, {"/freight"})} >= {"/freight", "/total"}


@pytest.mark.parametrize("seed", range(6))
def test_a_near_total_under_its_other_name_is_not_healed(seed: int) -> None:
    """`totalAmount` that nearly is the total goes to a person; with the very total in it, it is healed."""
    baseline = orders(seed=20 + seed)
    contract = compile_contract(learn(baseline))

    def renamed(near: bool) -> list[Event]:
        rng = random.Random(seed)
        drifted = orders(seed=60 + seed)
        for event in drifted:
            total = event.pop("total")
            event["totalAmount"] = round(total * rng.gauss(1, 0.02), 2) if near else total
        return drifted

    assert diagnose(baseline, renamed(True), contract).decision is Decision.ESCALATE
    assert diagnose(baseline, renamed(False), contract).decision is Decision.HEAL
