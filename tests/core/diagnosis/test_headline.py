"""The headline of an incident: what the producer did, read off the steps that undo it."""

from __future__ import annotations

import pytest

from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import KINDS, AnyStep, Cast, Default, Drop, Move, Rename, Scale, Split, Swap
from cta_core.diagnosis import headline


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((Rename(source="/amt", target="/amount"),), "/amount is now /amt"),
        ((Move(source="/country", target="/user/country"),), "/user/country is now /country"),
        (
            (Rename(source="/cents", target="/amount"), Scale(path="/amount", denominator=100.0)),
            "/amount is now /cents; /amount has another unit",
        ),
        ((Swap(left="/lat", right="/lon"),), "/lat and /lon are exchanged"),
        ((Drop(path="/old"), Default(path="/version", value="secret")), "/version is no longer sent"),
        ((Split(source="/name", separator=" ", targets=("/first", "/last")),), "/first and /last are now one, /name"),
        (
            (
                Rename(source="/a", target="/b"),
                Rename(source="/c", target="/d"),
                Cast(path="/e", to=JsonType.INTEGER),
                Cast(path="/f", to=JsonType.INTEGER),
            ),
            "/b is now /a; /d is now /c, and 2 more",
        ),
        ((), ""),
    ],
)
def test_a_headline_names_what_the_producer_did(steps: tuple[AnyStep, ...], told: str) -> None:
    """Two changes are told and the rest counted; a constant is never quoted."""
    assert headline.headline_of(steps) == told


def test_every_kind_of_step_has_its_words() -> None:
    """A step kind without words for what it undoes would break the report of an incident."""
    named = {"Rename", "Move", "Copy", "Swap", "Split", "Merge", "Default", "Drop"}
    assert {kind.__name__ for kind in headline._CHANGED} | named == {kind.__name__ for kind in KINDS.values()}
