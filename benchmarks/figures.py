"""Figures of a benchmark: a name, a value with its spread, and the goal it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of a report."""

    name: str
    value: str
    goal: str = ""

    def __str__(self) -> str:
        """The line."""
        goal = f"   (goal {self.goal})" if self.goal else ""
        return f"{self.name:<72} {self.value}{goal}"


def spread(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    ordered = sorted(values)
    high = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    return f"p50 {median(ordered):.1f}  p95 {high:.1f}  (n={len(ordered)})"
