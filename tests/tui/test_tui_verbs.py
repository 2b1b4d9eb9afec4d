"""The keys: one table that bindings, footer, help and documentation agree with, and what each key comes to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cta_tui import acts, facts, messages, plans, ready
from cta_tui.app import ControlRoom
from cta_tui.letters import letters
from cta_tui.messages import Pick, View
from cta_tui.model import Model, apply
from cta_tui.verbs import BY_NAME, VERBS, VIEW_WORDS, Section
from helpers.room import ADAPTER, INCIDENT, NOW, REPORT, full, told

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tui.md").read_text("utf-8")
KEYS_ON_PAGE = {"|": "\\|"}

WITHOUT_UNDO = {
    "approve": full(),
    "close": full(),
    "roll_back": apply(full(View.ADAPTERS), messages.Picked(pick=Pick.ADAPTER, key="adp_01m87xaaaaaaaaaaaaaaaaaaaa")),
    "promote": full(View.ADAPTERS),
    "clear_adapters": apply(full(), messages.Picked(pick=Pick.STREAM, key="orders")),
    "redrive": apply(full(), messages.Picked(pick=Pick.STREAM, key="payments")),
    "learn": full(),
    "forget": full(View.SIGNATURES),
}
AT_ONCE = ("analyse", "canary", "export", "source", "faster", "slower", "clear_faults", "halt")


def test_no_key_means_two_things() -> None:
    """A key has one verb."""
    keys = [key for verb in VERBS for key in (verb.key, *filter(None, verb.also.split(",")))]
    assert len(keys) == len(set(keys))


def test_every_verb_is_a_binding() -> None:
    """What the table says can be pressed."""
    assert {binding.id for binding in ControlRoom.BINDINGS} == set(BY_NAME)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_key_is_documented(verb: object) -> None:
    """The page has a row for each key, with the words of the help."""
    found = next(each for each in VERBS if each is verb)
    assert f"`{found.key}`" in PAGE
    assert found.help in PAGE


@pytest.mark.parametrize("view", View)
def test_every_view_is_documented(view: View) -> None:
    """The page has a section for each view."""
    assert f"{VIEW_WORDS[view][0]}\n" in PAGE


def test_every_section_of_the_help_is_documented() -> None:
    """The page has the help's sections."""
    assert all(f"### {section.value}" in PAGE for section in Section)


@pytest.mark.parametrize("name", sorted(WITHOUT_UNDO))
def test_what_cannot_be_taken_back_is_asked(name: str) -> None:
    """An act that nothing undoes is confirmed, and the question says more than the verb."""
    plan = plans.plan(name, WITHOUT_UNDO[name])
    assert BY_NAME[name].ready(WITHOUT_UNDO[name]) == ""
    assert isinstance(plan, plans.Confirm)
    assert plan.lines


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_can_be_taken_back_is_not_asked(name: str) -> None:
    """An act that can be taken back, or changes nothing, is done at once."""
    assert isinstance(plans.plan(name, full()), plans.Do)


def test_every_verb_of_the_loop_has_a_plan() -> None:
    """No verb of the loop or of the sources comes to nothing."""
    for verb in VERBS:
        if verb.section in {Section.LOOP, Section.FEED}:
            assert plans.plan(verb.name, full()) is not None, verb.name


def test_stopping_everything_never_asks_and_releasing_does() -> None:
    """The kill switch is one key; letting the loop go on is a decision."""
    assert plans.plan("halt", full()) == plans.Do(act=acts.SetKillSwitch(engaged=True))
    halted = msgspec.structs.replace(full(), stats=facts.StatsFact(halted=True))
    assert isinstance(plans.plan("halt", halted), plans.Confirm)


def test_only_the_step_to_full_autonomy_asks() -> None:
    """Lowering autonomy never asks; letting the loop promote by itself does."""
    menu = plans.plan("autonomy", apply(full(), messages.Picked(pick=Pick.STREAM, key="payments")))
    assert isinstance(menu, plans.Choose)
    kinds = [type(option.plan) for option in menu.options]
    assert kinds == [plans.Do, plans.Do, plans.Do, plans.Confirm]


def test_acts_carry_the_revision_that_was_seen() -> None:
    """What a person decides on is named by its revision."""
    approve = plans.plan("approve", full())
    assert isinstance(approve, plans.Confirm)
    assert approve.act == acts.Approve(incident_id=INCIDENT.incident_id, revision=INCIDENT.revision)
    reject = plans.plan("reject", full())
    assert isinstance(reject, plans.Write)
    assert reject.make("too odd") == acts.Reject(
        incident_id=INCIDENT.incident_id, revision=INCIDENT.revision, reason="too odd"
    )


def test_a_fix_by_hand_offers_readings_adapters_and_another_analysis() -> None:
    """On an escalated incident each reading is a letter, and analysing again is one."""
    report = msgspec.structs.replace(
        REPORT, readings=(facts.ReadingFact(label="day first"), facts.ReadingFact(label="month first"))
    )
    stuck = msgspec.structs.replace(INCIDENT, state="ESCALATED", revision=99)
    model = told((messages.ReportCame(report=report), messages.IncidentsCame(incidents=(stuck,))), full())
    menu = plans.plan("apply", model)
    assert isinstance(menu, plans.Choose)
    asked = [(option.letter, isinstance(option.plan, plans.Confirm)) for option in menu.options]
    assert asked == [("1", True), ("2", True), ("a", True), ("r", False)]


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb.section in {Section.LOOP, Section.FEED}], ids=lambda v: v.name
)
def test_offline_every_act_says_why_not(verb: object) -> None:
    """Without a live picture nothing of the loop can be driven, and the reason is said."""
    found = next(each for each in VERBS if each is verb)
    lost = told((messages.Lost(why="gone", at=NOW, since=3.0),), full())
    for model in (lost, Model()):
        assert found.ready(model)


def test_reasons_are_sentences() -> None:
    """A reason why not ends as a sentence does, and names no code."""
    for model in (full(), Model(), told((messages.Refused(why="no token", at=NOW),))):
        for verb in VERBS:
            reason = verb.ready(model)
            assert not reason or reason.endswith("."), (verb.name, reason)


def test_nothing_is_promoted_or_redriven_while_halted() -> None:
    """Under the kill switch the room does not even ask."""
    halted = msgspec.structs.replace(full(), stats=msgspec.structs.replace(full().stats, halted=True))
    for name in ("approve", "promote", "redrive"):
        assert "alted" in BY_NAME[name].ready(halted)


def test_verbs_are_about_what_is_in_view() -> None:
    """The adapter of the adapters' view is the selected one; elsewhere it is the incident's."""
    key = "adp_01m87xaaaaaaaaaaaaaaaaaaaa"
    picked = apply(full(View.ADAPTERS), messages.Picked(pick=Pick.ADAPTER, key=key))
    found, elsewhere = ready.adapter_of(picked), ready.adapter_of(full(View.INCIDENT))
    assert found is not None
    assert elsewhere is not None
    assert (found.adapter_id, elsewhere.adapter_id) == (key, ADAPTER.adapter_id)


def test_every_kind_of_fault_has_its_own_letter() -> None:
    """A menu is one key deep, for as many kinds as there are, and `q` still leaves."""
    found = letters([facts.KindFact(kind=name) for name in ("rename", "reorder", "rr", "queue", "drop", "drift")])
    given = [letter for letter, _ in found]
    assert len(set(given)) == len(given)
    assert "q" not in given
