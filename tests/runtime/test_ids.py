"""Ids sort by time and are never given twice."""

from __future__ import annotations

import re

from cta_server.runtime.ids import Ids


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    """Also within one millisecond, and when the clock goes back."""
    times = iter([1.0] * 500 + [0.5] * 500 + [2.0] * 500)
    ids = Ids(lambda: next(times))
    made = [ids.new("inc") for _ in range(1500)]
    assert made == sorted(made)
    assert len(set(made)) == 1500


def test_ids_have_the_documented_pattern() -> None:
    """A prefix and 26 small letters and digits."""
    assert re.fullmatch(r"adp_[0-9a-z]{26}", Ids(lambda: 1_800_000_000.0).new("adp"))
