"""Chance that depends on nothing but an event and a seed: the same event is always treated the same."""

from __future__ import annotations

from hashlib import blake2b


def fraction(raw: bytes, seed: int) -> float:
    """A number from 0 (included) to 1 (excluded) for the bytes of an event, spread evenly."""
    key = (seed & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
    return int.from_bytes(blake2b(raw, digest_size=6, key=key).digest(), "big") / (1 << 48)
