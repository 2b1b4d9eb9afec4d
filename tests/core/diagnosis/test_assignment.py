"""The assignment: the cheapest one-to-one choice."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from cta_core.diagnosis.assignment import assign

costs = st.integers(1, 4).flatmap(
    lambda rows: st.integers(rows, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(-20, 20), min_size=columns, max_size=columns), min_size=rows, max_size=rows
        )
    )
)


@given(costs)
def test_no_other_choice_is_cheaper(cost: list[list[int]]) -> None:
    """The sum of costs is the least over all one-to-one choices."""
    chosen = assign(cost)
    assert len(set(chosen)) == len(cost)
    best = min(
        sum(row[j] for row, j in zip(cost, order, strict=True))
        for order in permutations(range(len(cost[0])), len(cost))
    )
    assert sum(row[j] for row, j in zip(cost, chosen, strict=True)) == best


def test_nothing_to_assign() -> None:
    """No rows give no choice."""
    assert assign([]) == []
