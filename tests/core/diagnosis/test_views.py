"""Columns read once: types, decimal places, and whether finer decimals are told."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.diagnosis.fit import fit
from cta_core.diagnosis.formats import mask_of, masks_of
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.views import View, decimals_of, json_type

NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(-1e15, 1e15),
    st.floats(-1e-3, 1e-3),
    st.builds(round, st.floats(-1e9, 1e9), st.integers(0, 9)),
)
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8), st.just({}), st.just([1]))


def view(values: list[Any]) -> View:
    return View("/x", values, range(len(values)))


@given(st.lists(NUMBERS, max_size=30))
def test_decimals_told_at_once_are_those_of_each_text(values: list[float]) -> None:
    """The decimal places of many numbers are those that each of them is written with."""
    assert view(values).decimals == Counter(decimals_of(float(value)) for value in values)


@given(st.lists(VALUES, max_size=20))
def test_types_and_counts_are_those_of_each_value(values: list[Any]) -> None:
    """Types are counted value by value, and scalars of different types are never one."""
    made = view(values)
    assert made.types == Counter(map(json_type, values))
    scalars = [value for value in values if value is not None and not isinstance(value, (dict, list))]
    assert sum(made.counts.values()) == (0 if made.kind in ("object", "array") else len(scalars))


@given(st.lists(st.text(max_size=20), max_size=20))
def test_masks_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    """All masks at once are the masks one by one."""
    assert masks_of(texts) == set(map(mask_of, texts))


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c/d", "*"]), VALUES, max_size=4), max_size=8))
def test_a_table_of_some_keys_is_a_part_of_the_whole(events: list[dict[str, Any]]) -> None:
    """A table that reads only some keys has their columns and no others, as the table of everything has them."""
    whole, part = Table(events), Table(events, frozenset({"a", "c/d"}))
    wanted = {path: column for path, column in whole.columns.items() if path.split("/")[1] in ("a", "c~1d")}
    assert {path: (column.rows, column.values) for path, column in part.columns.items()} == {
        path: (column.rows, column.values) for path, column in wanted.items()
    }


def amounts(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [round(rng.lognormvariate(3, 1), 2) for _ in range(150)]


@pytest.mark.parametrize("factor", [0.45359, 1.609344, 2.20462, 0.01])
def test_finer_decimals_than_healthy_ones_are_a_conflict(factor: float) -> None:
    """Cents that a factor made fractions of cents are not the field's values, however alike the distributions are."""
    moved = view([round(value * factor, 4) for value in amounts(2)])
    assert any(conflict.startswith("finer") for conflict in fit(view(amounts(1)), moved).conflicts)


def test_sums_of_binary_fractions_are_no_finer() -> None:
    """Values that a producer added up carry the noise of doubles, and still have two decimals; so does the field."""
    noisy = view([value / 3 + 2 * (value / 3) for value in amounts(2)])
    assert max(noisy.decimals) > 10
    assert not fit(view(amounts(1)), noisy).conflicts
