"""A drain that is killed at any moment: what was acknowledged arrives, once, in its place."""

from __future__ import annotations

from pathlib import Path
from random import Random

from helpers.draining import killed_drains

ROUNDS = 3
"""A hundred are run by `python -m benchmarks.memory --parts drains`."""


def test_a_killed_drain_loses_and_doubles_nothing(tmp_path: Path, url: str) -> None:
    """After each kill the next process goes on; in the end each acknowledged event is there once, at its position."""
    told, there = killed_drains(tmp_path / "store", url, rounds=ROUNDS, chance=Random())
    assert there >= told > 0
