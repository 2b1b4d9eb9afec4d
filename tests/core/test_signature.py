"""Signatures: the exact key of a drift and the vector of likeness."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

from cta_core import signature
from cta_core.contract import compile_contract
from cta_core.profile import Profile
from driftgen.populations import DOMAINS, Population, world_of

PAYMENTS = Population("payments", DOMAINS["payments"])
CONTRACT = compile_contract(PAYMENTS.contract())


def stream(seed: int, count: int = 200, population: Population = PAYMENTS) -> list[dict[str, Any]]:
    return population.events(random.Random(seed), count, 1.7e9, world_of(random.Random(7)))


def renamed(events: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    return [{new if key == old else key: value for key, value in event.items()} for event in events]


HEALTHY = Profile.of(stream(1))


def test_the_same_drift_has_the_same_key_whatever_was_sampled() -> None:
    """Different events of the same drift give one key."""
    one = signature.look(HEALTHY, renamed(stream(2), "amount", "amt"), CONTRACT).fingerprint
    two = signature.look(HEALTHY, renamed(stream(3, 90), "amount", "amt"), CONTRACT).fingerprint
    assert one == two
    assert one.startswith("sig1:")


def test_another_drift_has_another_key() -> None:
    """A different field, a different new name, a type, a magnitude: each gives a key of its own."""
    variants = [
        renamed(stream(2), "amount", "amt"),
        renamed(stream(2), "amount", "value"),
        renamed(stream(2), "fee", "charge"),
        [{**event, "amount": str(event["amount"])} for event in stream(2)],
        [{**event, "amount": event["amount"] * 100} for event in stream(2)],
        stream(2),
    ]
    keys = {signature.look(HEALTHY, events, CONTRACT).fingerprint for events in variants}
    assert len(keys) == len(variants)


def test_an_embedding_is_a_unit_vector_of_128_numbers() -> None:
    """The vector has its stated length and size, in single precision, and is empty where nothing changed."""
    vector = signature.look(HEALTHY, renamed(stream(2), "amount", "amt"), CONTRACT).embedding
    assert len(vector) == signature.DIMENSIONS == 128
    assert math.isclose(sum(value * value for value in vector), 1.0, rel_tol=1e-6)
    assert all(struct.unpack("f", struct.pack("f", value))[0] == value for value in vector)
    assert signature.look(HEALTHY, stream(2), CONTRACT).embedding == ()


def test_like_incidents_on_other_streams_are_nearer_than_unlike_ones() -> None:
    """A scaled and renamed money field is nearer to the same change on another stream than to a cast."""
    bank = Population("bank", DOMAINS["bank"])

    def cents(events: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
        return [{**{k: v for k, v in event.items() if k != old}, new: round(event[old] * 100)} for event in events]

    one = signature.look(HEALTHY, cents(stream(2), "amount", "amount_cents"), CONTRACT).embedding
    two = signature.look(
        Profile.of(stream(1, 200, bank)),
        cents(stream(2, 200, bank), "amount", "amount_minor"),
        compile_contract(bank.contract()),
    ).embedding
    other = signature.look(HEALTHY, [{**e, "risk_score": str(e["risk_score"])} for e in stream(2)], CONTRACT).embedding
    assert signature.likeness(one, two) > 0.7 > signature.likeness(one, other)


def test_vectors_of_different_length_are_not_alike() -> None:
    """A missing embedding is like nothing."""
    assert signature.likeness((), (1.0,)) == 0.0
