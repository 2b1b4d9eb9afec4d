"""Profiles: mergeable statistics of every field."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cta_core.profile import Profile

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(max_size=12)
)
events = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d/e"]),
        scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("xy"), scalars),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(events, events, events)
def test_merging_is_associative(one: list[Any], two: list[Any], three: list[Any]) -> None:
    """Merging profiles gives the same bytes whichever two are merged first, and the same as one profile of all
    events.
    """
    a, b, c = Profile.of(one), Profile.of(two), Profile.of(three)
    left = a.merge(b).merge(c).to_bytes()
    assert left == a.merge(b.merge(c)).to_bytes()
    assert left == Profile.of([*one, *two, *three]).to_bytes()


@settings(deadline=None, max_examples=40)
@given(events, events)
def test_merging_is_commutative(one: list[Any], two: list[Any]) -> None:
    """The order of two profiles does not matter."""
    assert Profile.of(one).merge(Profile.of(two)).to_bytes() == Profile.of(two).merge(Profile.of(one)).to_bytes()


@settings(deadline=None, max_examples=40)
@given(events)
def test_a_stored_profile_is_the_same_profile(some: list[Any]) -> None:
    """What was stored comes back unchanged."""
    raw = Profile.of(some).to_bytes()
    assert Profile.from_bytes(raw).to_bytes() == raw


@settings(deadline=None, max_examples=60)
@given(events, st.integers(1, 90))
def test_many_events_at_once_count_as_one_by_one(some: list[Any], times: int) -> None:
    """A profile of many events is the same, to the order of what it counts, as one that saw them one by one."""
    many = [*some, *({"n": index / 3, "s": f"{index:x} {'-' * (index % 40)}", "z": -0.0} for index in range(times))] * 2
    grown = Profile()
    for event in many:
        grown.observe(event)
    assert repr(Profile.of(many)) == repr(grown)


def test_quantiles_are_exact_to_one_percent() -> None:
    """A quantile differs from the true one by a hundredth of its value at most."""
    profile = Profile.of({"n": value} for value in range(1, 2001))
    for share in (0.01, 0.25, 0.5, 0.9, 0.99):
        assert math.isclose(profile.fields["/n"].quantile(share), 1 + int(share * 1999), rel_tol=0.012)


def test_labels_are_counted_exactly() -> None:
    """A field with few values keeps the count of each of them."""
    profile = Profile.of({"s": "abc"[index % 3]} for index in range(300))
    field = profile.fields["/s"]
    assert field.labelled
    assert sorted(field.values.counts.values()) == [100, 100, 100]


def test_many_distinct_values_are_estimated() -> None:
    """The number of distinct values is right to a fifth when there are thousands."""
    profile = Profile.of({"id": f"x{index}"} for index in range(5000))
    assert 4000 < profile.fields["/id"].distinct < 6000
    assert not profile.fields["/id"].labelled


def test_array_members_share_one_field() -> None:
    """All members of an array are one field whose path has `*`, counted once an event."""
    profile = Profile.of([{"items": [{"q": 1}, {"q": 2}]}, {"items": []}])
    assert profile.fields["/items/*/q"].present == 2
    assert profile.fields["/items/*/q"].events == 1
    assert profile.rate("/items/*/q") == 0.5
