"""The demonstration consumer: what passes, and what each stage raises."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cta_server.consumers.payments import auditor, intake, retriever, risk_of

EVENT = {
    "id": "p-1",
    "merchant": "m-0042",
    "amount": 19.99,
    "currency": "EUR",
    "method": "card",
    "customer": {"id": "c-1"},
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    """The event, changed."""
    return {name: value for name, value in (EVENT | changes).items() if name not in names}


def test_a_payment_goes_through() -> None:
    """A healthy payment comes out with its risk, and its fee to the cent."""
    paid = auditor(retriever(intake(EVENT)))
    assert paid["risk"] == risk_of("m-0042")
    assert {"fee", "net"} < paid.keys()
    assert round(float(paid["fee"]) + float(paid["net"]), 2) == 19.99


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (without("amount", amt=19.99), KeyError),
        (without("merchant"), KeyError),
        (without(amount="19,99"), ValueError),
        (without(amount=19.999), ValueError),
        (without(amount=True), TypeError),
        (without(amount={"value": 19.99}), TypeError),
        (without(amount=None), TypeError),
        (without(amount="1e400"), ValueError),
        (without(amount="NaN"), ValueError),
        (without(currency="euro"), ValueError),
        (without(merchant=""), ValueError),
    ],
)
def test_intake_raises_on_what_it_cannot_take(event: dict[str, Any], error: type[Exception]) -> None:
    """A field that is gone or unusable is an error of Intake."""
    with pytest.raises(error):
        intake(event)


@pytest.mark.parametrize("merchant", ["M-0042", "0042", "m0042", "m-"])
def test_the_retriever_knows_one_spelling(merchant: str) -> None:
    """A merchant id in another spelling is not in the table."""
    with pytest.raises(LookupError):
        retriever(intake(without(merchant=merchant)))


@pytest.mark.parametrize("amount", [0, -5, 1_000_000.01])
def test_the_auditor_raises_on_nonsense(amount: float) -> None:
    """An amount that no payment has is an error of the Auditor."""
    with pytest.raises(ValueError, match="range"):
        auditor(retriever(intake(without(amount=amount))))


def test_most_merchants_are_harmless() -> None:
    """The risk table is spread as it says, and the same for the same merchant."""
    risks = Counter(risk_of(f"m-{n:04d}") for n in range(700))
    assert risks["low"] > risks["medium"] > risks["high"] > 50
