"""A sure name is no proof: a renamed field whose values moved as well goes to a person."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cta_core.diagnosis import Decision, diagnose


def orders(seed: int, count: int = 250) -> list[dict[str, Any]]:
    """Orders with an amount, a weight and a few fields around them."""
    chance = random.Random(seed)
    return [
        {
            "order_id": f"o{seed}-{number}",
            "amount": round(chance.lognormvariate(3.2, 0.9), 2),
            "weight": round(chance.lognormvariate(1.1, 0.7), 2),
            "country": chance.choice(["DE", "FR", "IT"]),
            "items": chance.randint(1, 9),
        }
        for number in range(count)
    ]


def changed(seed: int, field: str, name: str, factor: float) -> list[dict[str, Any]]:
    """Later orders in which the field has another name and, by the factor, another unit."""
    return [
        {
            (name if key == field else key): round(value * factor, 2) if key == field else value
            for key, value in e.items()
        }
        for e in orders(seed + 100)
    ]


@pytest.mark.parametrize("factor", [2.20462, 0.45359, 1.95583, 3.28084])
@pytest.mark.parametrize(("field", "name"), [("amount", "amountValue"), ("weight", "itemWeight")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_unit_under_a_sure_name_is_not_passed_on(field: str, name: str, factor: float, seed: int) -> None:
    """Pounds under the name of kilograms, or another currency, are never taken for the field as it was."""
    report = diagnose(orders(seed), changed(seed, field, name, factor), None)
    if report.decision is Decision.HEAL:
        assert report.program is not None
        assert any(step.__struct_config__.tag == "scale" for step in report.program.steps)


@pytest.mark.parametrize(("field", "name"), [("amount", "amountValue"), ("weight", "itemWeight")])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_values_under_a_sure_name_are_healed(field: str, name: str, seed: int) -> None:
    """The rename alone is healed."""
    report = diagnose(orders(seed), changed(seed, field, name, 1.0), None)
    assert report.decision is Decision.HEAL


@pytest.mark.parametrize("width", [3, 4, 5])
def test_texts_cut_to_a_width_are_not_guessed_back(width: int) -> None:
    """Names that were cut, most short enough to stay whole, are not filled up: others are cut to the same."""
    names = ["Ben", "Eva", "Mia", "Leo", "Finn", "Jana", "Davide", "Sofia", "Klara", "Emil", "Ida", "Otto"]

    def people(seed: int) -> list[dict[str, Any]]:
        chance = random.Random(seed)
        return [
            {"id": f"{seed}-{n}", "first_name": chance.choice(names), "age": chance.randint(18, 80)} for n in range(250)
        ]

    cut = [{**event, "first_name": event["first_name"][:width]} for event in people(9)]
    assert diagnose(people(8), cut, None).decision is not Decision.HEAL
