"""Value parity: wrong factors do not belong, business and growing numbers do."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cta_core.drift import values_belong
from cta_core.profile import Profile


def amounts(seed: int, factor: float, spread: float, count: int = 300) -> list[dict[str, Any]]:
    """Events with a log-normal amount, two decimals."""
    chance = random.Random(seed)
    return [{"id": n, "amount": round(chance.lognormvariate(3.5, spread) * factor, 2)} for n in range(count)]


@pytest.mark.parametrize("factor", [0.001, 0.01, 0.1, 10.0, 60.0, 100.0, 1000.0])
@pytest.mark.parametrize("spread", [0.3, 0.8, 1.2])
def test_a_wrong_factor_does_not_belong(factor: float, spread: float) -> None:
    """Amounts that are off by a unit's factor are refused, whatever their spread."""
    healthy = Profile.of(amounts(1, 1.0, spread))
    belongs, text = values_belong(healthy, amounts(2, factor, spread), ["/amount"])
    assert not belongs
    assert text.startswith("/amount: ")


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25, 1.5])
def test_business_belongs(factor: float) -> None:
    """A sale or a good season is no wrong heal, in any of a hundred samples."""
    healthy = Profile.of(amounts(1, 1.0, 1.0))
    assert all(values_belong(healthy, amounts(seed, factor, 1.0), ["/amount"])[0] for seed in range(2, 102))


@pytest.mark.parametrize(("later", "expected"), [(1.0, True), (1.02, True), (1000.0, False), (0.001, False)])
def test_times_grow(later: float, expected: bool) -> None:
    """Epoch seconds of a later day belong; milliseconds do not."""
    base = 1_790_000_000
    healthy = Profile.of([{"t": base + n * 7} for n in range(300)])
    healed = [{"t": int((base + 400_000 + n * 7) * later)} for n in range(300)]
    assert values_belong(healthy, healed, ["/t"])[0] is expected
