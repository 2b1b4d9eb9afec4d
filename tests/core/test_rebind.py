"""Re-binding: a fix of one stream, written for the fields of another, and never trusted for that."""

from __future__ import annotations

import random

import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Default, Move, Rename, Scale
from cta_core.diagnosis import Method
from cta_core.look import Form, Trait
from cta_core.rebind import rebind, traits_for
from driftgen.cases import Outcome
from driftgen.likes import Memory, Side, like_case, look_alike, remembered, twin
from driftgen.populations import DOMAINS

MONEY, CENTS = Form(types="number", size=1.5), Form(types="integer", size=3.5)
RENAMED = Program(steps=(Rename(source="/amt", target="/amount"),))
SCALED_THERE = Program(
    steps=(Rename(source="/amount_cents", target="/amount"), Scale(path="/amount", denominator=100.0))
)


def gone(path: str, form: Form = MONEY) -> Trait:
    return Trait(path=path, before=form)


def new(path: str, form: Form = MONEY) -> Trait:
    return Trait(path=path, after=form)


def test_a_rename_takes_this_streams_names() -> None:
    """The pair that vanished and came here stands where the other stream's pair stood."""
    bound = rebind(RENAMED, (gone("/amount"), new("/amt")), (gone("/total_price"), new("/totalPrice")))
    assert bound == (Program(steps=(Rename(source="/totalPrice", target="/total_price"),)),)


def test_one_fix_serves_as_many_fields_as_changed_in_its_way() -> None:
    """Of one remembered rename a program of several is made, one for each pair."""
    now = (gone("/order_total"), gone("/unit_price"), new("/orderTotal"), new("/unitPrice"))
    (bound,) = rebind(RENAMED, (gone("/amount"), new("/amt")), now)
    assert {step.words() for step in bound.steps} == {
        "rename /orderTotal to /order_total",
        "rename /unitPrice to /unit_price",
    }


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ((gone("/a"), new("/b")), (gone("/total"), new("/colour"))),
        ((gone("/a"), new("/b")), (gone("/net_total"), new("/gross_total"))),
        ((gone("/a"), new("/b")), (gone("/total"), new("/totals", CENTS))),
        ((gone("/a"), new("/b")), (gone("/total"), gone("/colour"), new("/totals"))),
        ((gone("/a"), new("/b")), (gone("/duration_s"), new("/duration_ms"))),
        ((gone("/a"), new("/b")), (gone("/total"),)),
    ],
)
def test_unsure_pairs_are_left_to_the_search(then: tuple[Trait, ...], now: tuple[Trait, ...]) -> None:
    """Other words, opposites, another size, a field without a partner, another unit: nothing is bound."""
    assert rebind(Program(steps=(Rename(source="/b", target="/a"),)), then, now) == ()


def test_a_factor_is_carried_only_where_names_state_it() -> None:
    """Cents to units is bound for `_minor`, and neither for a name without unit nor for another size."""
    then = (gone("/amount"), new("/amount_cents", CENTS))
    assert rebind(SCALED_THERE, then, (gone("/fee"), new("/fee_minor", CENTS))) == (
        Program(steps=(Rename(source="/fee_minor", target="/fee"), Scale(path="/fee", denominator=100.0))),
    )
    assert rebind(SCALED_THERE, then, (gone("/fee"), new("/fees", CENTS))) == ()
    assert rebind(SCALED_THERE, then, (gone("/fee"), new("/fee_minor", Form(types="integer", size=4.5)))) == ()
    silent = Program(steps=(Scale(path="/amount", denominator=100.0),))
    assert rebind(silent, (Trait(path="/amount", before=MONEY, after=CENTS),), (gone("/fee"),)) == ()


def test_values_of_one_stream_are_not_carried_to_another() -> None:
    """A constant says nothing about another stream."""
    constant = Program(steps=(Default(path="/schema", value="v2"),))
    assert rebind(constant, (gone("/schema"),), (gone("/schema"),)) == ()


def test_a_move_needs_another_parent() -> None:
    """A move is bound between two places, and a rename is none of it."""
    moved = Program(steps=(Move(source="/data/amount", target="/amount"),))
    then = (gone("/amount"), new("/data/amount"))
    assert rebind(moved, then, (gone("/fee"), new("/body/fee"))) == (
        Program(steps=(Move(source="/body/fee", target="/fee"),)),
    )
    assert rebind(moved, then, (gone("/fee"), new("/fees"))) == ()


def test_only_the_programs_own_fields_are_kept() -> None:
    """What else had changed is not part of the fix."""
    assert traits_for(RENAMED, (gone("/amount"), new("/amt"), new("/note"))) == (gone("/amount"), new("/amt"))


@pytest.fixture(scope="module")
def memory() -> Memory:
    """What was healed on streams of all domains."""
    return remembered(range(10_000, 10_060), twins=range(41_000, 41_020))


def test_like_incidents_of_other_streams_are_healed_from_memory(memory: Memory) -> None:
    """Nothing is healed wrongly, at least 95 in 100 rightly, and more than half of those without a search."""
    outcomes: list[Outcome] = []
    remembered_ones = 0
    for seed in range(20_000, 20_070):
        case = like_case(seed, random.Random(seed).choice(list(DOMAINS)))
        if case is not None:
            side = Side.of(case)
            report = side.diagnose(memory.alike(side.look()))
            outcomes.append(side.outcome(report))
            remembered_ones += report.method is Method.SIGNATURE
    assert Outcome.UNSAFE not in outcomes
    assert outcomes.count(Outcome.HEALED) >= 0.95 * len(outcomes)
    assert remembered_ones > len(outcomes) / 2


@pytest.mark.parametrize("block", range(4))
def test_no_look_alike_is_healed_wrongly_from_memory(memory: Memory, block: int) -> None:
    """Over 200 cases with names or shapes of remembered ones, and another right fix, memory heals none wrongly."""
    for seed in range(30_000 + 50 * block, 30_050 + 50 * block):
        side = Side.of(look_alike(seed))
        for program in memory.alike(side.look()):
            report = side.recall(program)
            assert report is None or side.outcome(report) is not Outcome.UNSAFE, (side.case.name, report.fix)


def test_the_twins_of_look_alikes_are_healed_from_memory(memory: Memory) -> None:
    """With the same names and the right unit most are healed from memory, all of those rightly: the refusals of
    look-alikes are about their values.
    """
    taken = 0
    for seed in range(40_000, 40_030):
        side = Side.of(twin(seed))
        for report in filter(None, map(side.recall, memory.alike(side.look()))):
            taken += 1
            assert side.outcome(report) is Outcome.HEALED, (side.case.name, report.fix)
    assert taken > 15
