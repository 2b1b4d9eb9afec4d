"""The exact scan for likeness, against the cosine written out."""

from __future__ import annotations

import math
import random

from cta_server.store.nearest import FIRST, Nearest, pack, unpack


def vector(chance: random.Random) -> list[float]:
    return [chance.gauss(0, 1) for _ in range(8)]


def cosine(one: list[float], two: list[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True)) / (math.hypot(*one) * math.hypot(*two))


def test_the_scan_finds_what_the_cosine_says_through_every_change() -> None:
    """After puts, replacements and drops beyond the first matrix, the ten nearest are the ten nearest."""
    chance = random.Random(5)
    nearest, kept = Nearest(), dict[str, list[float]]()
    for number in range(3 * FIRST):
        name = f"sig_{number if chance.random() < 0.8 else chance.randrange(number + 1)}"
        if chance.random() < 0.15:
            nearest.drop(name)
            kept.pop(name, None)
        else:
            kept[name] = vector(chance)
            nearest.put(name, pack(kept[name]))
    for _ in range(20):
        wanted = vector(chance)
        right = sorted(kept, key=lambda name: -cosine(wanted, kept[name]))[:10]
        found = nearest.find(wanted, 10)
        assert [name for name, _ in found] == right
        assert all(math.isclose(score, cosine(wanted, kept[name]), abs_tol=1e-5) for name, score in found)


def test_only_vectors_of_one_length_are_alike() -> None:
    """An empty vector and one without a direction are like nothing, and one of another length only like its own."""
    nearest = Nearest([("a", pack([1.0, 0.0]))])
    nearest.put("b", pack([1.0, 0.0, 0.0]))
    nearest.put("c", b"")
    nearest.put("d", pack([0.0, 0.0]))
    assert nearest.find([1.0, 0.0], 5) == [("a", 1.0)]
    assert nearest.find([1.0, 0.0, 0.0], 5) == [("b", 1.0)]
    assert nearest.find([1.0], 5) == nearest.find([0.0, 0.0], 5) == []
    nearest.put("a", b"")
    assert nearest.find([1.0, 0.0], 5) == Nearest().find([1.0, 0.0], 5) == []
    nearest.put("d", pack([0.0, 1.0, 0.0]))
    assert nearest.find([0.0, 2.0, 0.0], 1) == [("d", 1.0)]


def test_a_packed_vector_comes_back() -> None:
    """Single precision goes in and out unchanged."""
    assert unpack(pack((0.25, -0.5))) == (0.25, -0.5)
