"""What is drawn: fits, says its states in words, and uses only letters that terminals have."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import msgspec
import pytest

from cta_tui import facts, ink, messages, signs
from cta_tui.diff import leaves
from cta_tui.ink import Drawing, plain_text
from cta_tui.messages import Pick, View
from cta_tui.model import Model, apply
from cta_tui.theme import STYLES, THEMES, style_of
from cta_tui.widgets import (
    adapter_sheet,
    adapters,
    canary,
    chart,
    decisions,
    event_detail,
    evidence,
    faults,
    fix,
    footer,
    guide,
    inbox,
    incident_head,
    runs,
    server_sheet,
    signature_sheet,
    signatures,
    sources,
    stage_strip,
    streams,
    tail,
    timeline,
    today,
    top_bar,
    trace,
    why,
)
from helpers.room import ADAPTER, CANARY, INCIDENT, NOW, REPORT, full, told

MODULES = (
    adapter_sheet,
    adapters,
    canary,
    chart,
    decisions,
    event_detail,
    evidence,
    faults,
    fix,
    footer,
    guide,
    inbox,
    incident_head,
    runs,
    server_sheet,
    signature_sheet,
    signatures,
    sources,
    stage_strip,
    streams,
    tail,
    timeline,
    today,
    top_bar,
    trace,
    why,
)
DRAWS: dict[str, Callable[[Model, int, int], Drawing]] = {
    each.__name__.rpartition(".")[2]: each.draw for each in MODULES
}
WIDTHS = (60, 78, 80, 120, 200)

SAFE = set("✓×·!◆■▲▼▶◀→─━│▁▂▃▄▅▆▇█░▒▓…é") | set("日本語のとても長い名前")
"""Letters beyond ASCII that Fira Code, JetBrains Mono and DejaVu Sans Mono have; and those of the test's own event."""


def lost() -> Model:
    """A room whose server is gone."""
    return told((messages.Lost(why="No server answers.", at=NOW + 8, since=8.0),), full())


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_every_line_fits(name: str) -> None:
    """Whatever the width, no line is wider, and each style is one that the themes know."""
    models = [Model(), lost(), *(full(view) for view in View)]
    for width, model in product(WIDTHS, models):
        for line in DRAWS[name](model, width, 10).lines:
            assert ink.size(line) <= width, plain_text(Drawing(lines=(line,)))
            assert all(part in STYLES for span in line for part in span.style.split())


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_only_letters_that_terminals_have(name: str) -> None:
    """No letter is drawn that common fonts lack."""
    for model in (Model(), full(View.EVENTS)):
        text = plain_text(DRAWS[name](model, 120, 10))
        assert {letter for letter in text if not letter.isascii()} <= SAFE


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_every_entry_has_a_line(name: str) -> None:
    """A drawing whose lines can be selected says what each of them means."""
    drawing = DRAWS[name](full(), 100, 10)
    assert not drawing.keys or len(drawing.keys) == len(drawing.lines)


def test_every_state_has_its_own_sign_and_word() -> None:
    """No state is told by its colour alone: word and style together never differ by the style only."""
    words = [sign.word for sign in signs.STATES.values()]
    assert len(words) == len(set(words))
    assert all(sign.sign and sign.word for sign in signs.STATES.values())


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_can_be_read_in_every_theme(theme: object) -> None:
    """Each style's contrast to the background is at least 4.5 to 1."""
    from textual.color import Color

    for found in THEMES:
        ground = Color.parse(found.background or "black")
        for name in ("good", "attention", "bad", "quiet", "accent"):
            colour = style_of(name, found).color
            assert colour is not None
            assert contrast(Color.from_rich_color(colour).rgb, ground.rgb) >= 4.5, (found.name, name)
    assert theme in THEMES


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """By WCAG 2."""

    def light(colour: tuple[int, int, int]) -> float:
        linear = [
            part / 255 / 12.92 if part / 255 <= 0.03928 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_bar_says_how_old_the_picture_is() -> None:
    """A lost server is said with the age of what is shown."""
    model = apply(lost(), messages.Tick(at=NOW + 12))
    assert "× offline 12 s" in plain_text(top_bar.draw(model, 80, 1))


def test_a_silent_server_is_called_stale() -> None:
    """Values that nobody confirmed for two seconds are not called live."""
    text = plain_text(top_bar.draw(apply(full(), messages.Tick(at=NOW + 2)), 80, 1))
    assert "! stale 2 s" in text
    assert "✓ live" not in text


def test_a_catching_up_room_says_so() -> None:
    """After a reconnect the bar says that the incidents are not yet whole."""
    model = told(
        (messages.Lost(why="", at=NOW, since=1.0), messages.Heard(stats=facts.StatsFact(), server_time=NOW, at=NOW))
    )
    assert "catching up" in plain_text(top_bar.draw(model, 80, 1))


def test_the_kill_switch_is_never_cut_from_the_bar() -> None:
    """While everything is halted, the narrowest bar says so."""
    halted = msgspec.structs.replace(full(), stats=msgspec.structs.replace(full().stats, halted=True))
    assert "HALTED" in plain_text(top_bar.draw(halted, 60, 1))


def test_an_archive_that_is_away_is_told_with_what_waits() -> None:
    """The top bar says that it is away, the server's sheet why, what waits, and what was lost; else neither does."""
    model = full()
    assert "archive away" not in plain_text(top_bar.draw(model, 120, 1))
    away = facts.ArchiveFact(
        engine="ClickHouse", away=True, rows=1284, size=3 << 20, age=90.0, dropped=50, aside=2, error="no route"
    )
    model = msgspec.structs.replace(model, stats=msgspec.structs.replace(model.stats, archive=away))
    assert "! archive away" in plain_text(top_bar.draw(model, 120, 1))
    sheet = " ".join(plain_text(server_sheet.draw(model, 120, 0)).split())
    for part in ("ClickHouse", "away: no route", "1,284 wait (3.0 MiB)", "50 events dropped", "2 rows refused"):
        assert part in sheet


@pytest.mark.parametrize(
    ("state", "canary_id", "stage"),
    [
        ("DETECTED", "", "! DETECT"),
        ("ANALYZING", "", "◆ ANALYSE"),
        ("CANARY", "", "◆ CANARY"),
        ("AWAITING APPROVAL", "", "! CANARY"),
        ("AWAITING APPROVAL", "can_1", "! PROMOTE"),
        ("ESCALATED", "", "× ANALYSE"),
        ("ROLLED BACK", "", "× CANARY"),
        ("PROMOTED", "can_1", "✓ PROMOTE"),
        ("RESOLVED", "can_1", "✓ LEARN"),
    ],
)
def test_the_strip_stands_where_the_incident_is(state: str, canary_id: str, stage: str) -> None:
    """The stage in view is marked by its sign: working, asking, stopped or done."""
    marks = (*INCIDENT.marks, facts.MarkFact(state="PROMOTED", time=NOW)) if state in {"PROMOTED", "RESOLVED"} else ()
    adapter_id = "" if state == "ESCALATED" else INCIDENT.adapter_id
    incident = msgspec.structs.replace(
        INCIDENT, state=state, canary_id=canary_id, marks=marks, adapter_id=adapter_id, revision=99
    )
    text = plain_text(stage_strip.draw(apply(full(), messages.IncidentsCame(incidents=(incident,))), 80, 2))
    expected = stage.replace("! DETECT", "◆ DETECT")
    assert expected in text


def test_the_strip_tells_measured_times() -> None:
    """Each stage that is behind us says how long it took."""
    lines = plain_text(stage_strip.draw(full(), 80, 2)).splitlines()
    for stage, note in (("DETECT", "30 ms"), ("ANALYSE", "70 ms"), ("PATCH", "2 steps"), ("CANARY", "pass")):
        assert lines[1][lines[0].index(stage) - 2 :].startswith(note)


def test_a_change_is_told_by_minus_and_plus() -> None:
    """What went has a minus, what came a plus, what stays neither."""
    text = plain_text(fix.draw(full(), 100, 0))
    assert "- /amount_cents: 1089" in text
    assert "+ /amount: 10.89" in text
    assert '  /country: "DE"' in text


def test_a_worker_that_is_behind_is_told() -> None:
    """Which consumers apply which revision stands in the adapter's sheet, with the reason of one that refused."""
    text = plain_text(adapter_sheet.draw(full(View.ADAPTERS), 100, 0))
    assert "1 of 2 on the revision in force" in text
    assert "revision 4 of 12 a step is unknown" in text


def test_a_worker_that_runs_canaries_is_told() -> None:
    """Also one that offers them and watches no adapters, as a client in another language may."""
    worker = facts.WorkerFact(worker_id="go-1", stream_ids=("elsewhere",), state="AWAY", offers=(ADAPTER.stream_id,))
    room = apply(full(View.ADAPTERS), messages.WorkersCame(workers=(worker,)))
    assert "away, revision 0, runs canaries" in plain_text(adapter_sheet.draw(room, 100, 0))


def test_leaves_pair_by_path() -> None:
    """Every field of either text is there once, with its values."""
    found = {
        leaf.path: (leaf.before, leaf.after) for leaf in leaves('{"a": 1, "b": {"c": [1]}}', '{"a": 2, "d": null}')
    }
    assert found == {"/a": ("1", "2"), "/b/c/0": ("1", None), "/d": (None, "null")}


def test_text_that_is_no_json_is_one_leaf() -> None:
    """Poison is shown as it is."""
    assert [(leaf.path, leaf.before) for leaf in leaves("not json", "not json")] == [("", "not json")]


def test_the_cause_comes_with_its_evidence_and_its_doubt() -> None:
    """A reader finds cause, certainty, what lost against it, and what speaks against it."""
    cause, facts_told = plain_text(why.draw(full(), 100, 0)), plain_text(evidence.draw(full(), 100, 0))
    assert REPORT.cause in cause
    assert "99.9 %" in cause
    assert "not /fee" in cause
    assert "an unlikely thing (-0.4)" in facts_told
    assert "lossless: nothing is lost" in facts_told


def test_the_canary_says_what_it_claims_and_what_decided_it() -> None:
    """Progress, bound, harm and verdict stand beside what decided."""
    text = plain_text(canary.draw(full(), 100, 0))
    for part in ("303 of 299 needed", "0 of 303", "1 %", "of 250 healthy", "✓ PASS", CANARY.reasons[0]):
        assert part in text


def test_a_running_canary_has_no_verdict() -> None:
    """While it runs, the canary says how far it is and claims nothing."""
    running = msgspec.structs.replace(CANARY, verdict="", drifted=120, reasons=())
    text = plain_text(canary.draw(apply(full(), messages.CanaryCame(canary=running)), 100, 0))
    assert "120 of 299 needed" in text
    assert "RUNNING" in text
    assert "PASS" not in text


def test_a_refuted_fix_needs_no_more_events() -> None:
    """A failed canary shows what it replayed, not how many events its failures would take to be outvoted."""
    refused = msgspec.structs.replace(CANARY, verdict="FAIL", drifted=304, failed=50, needed=6323)
    text = plain_text(canary.draw(apply(full(), messages.CanaryCame(canary=refused)), 100, 0))
    assert "replayed 304 drifted and 250 healthy" in text
    assert "6,323" not in text


def test_an_empty_room_names_the_next_key() -> None:
    """Where there is nothing, the screen says what would make something."""
    empty = told(
        (messages.Heard(stats=facts.StatsFact(), server_time=NOW, at=NOW), messages.IncidentsCame(current=True))
    )
    assert "`7`" in plain_text(inbox.draw(empty, 80, 5))
    assert "s starts one" in plain_text(incident_head.draw(empty, 80, 5))
    assert "n starts one" in plain_text(sources.draw(empty, 80, 5))


def test_a_filter_without_rows_says_how_to_leave_it() -> None:
    """An empty tail under a filter is not an empty tail."""
    text = plain_text(tail.draw(apply(full(View.EVENTS), messages.Filtered(text="nothing")), 80, 5))
    assert "/nothing" in text
    assert "Escape" in text


def test_narrow_tables_drop_columns_whole() -> None:
    """A column that has no room is left out, not cut."""
    head = plain_text(streams.draw(full(), 80, 5)).splitlines()[0]
    assert "ADAPTER" not in head
    assert "ADAPTER" in plain_text(streams.draw(full(), 140, 5))
    assert "…" not in head


@pytest.mark.parametrize("module", [adapters, decisions, inbox, runs, signatures, sources, streams, tail])
def test_no_head_of_a_table_is_cut(module: object) -> None:
    """Whatever the width of half a screen or of a whole one, the names of the columns are whole."""
    draw = DRAWS[str(getattr(module, "__name__", "")).rpartition(".")[2]]
    for width in (58, 60, 78, 80, 99, 120, 200):
        assert "…" not in plain_text(draw(full(View.EVENTS), width, 10)).splitlines()[0], width


def test_wrapping_loses_no_word() -> None:
    """A wrapped text has all its words, and no line is too wide."""
    text = f"{ADAPTER.words[1]} and averyveryveryverylongword that has no blank"
    lines = ink.wrap(text, 12)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(ink.size(line) <= 12 for line in lines)


def test_halt_and_help_are_in_every_footer() -> None:
    """However narrow, the footer has the two keys that one must find."""
    for view, width in product(View, WIDTHS):
        text = plain_text(footer.draw(full(view), width, 1))
        assert "! Halt" in text
        assert "? Help" in text


def showing(run: facts.RunFact) -> Model:
    """The full picture with one run more, which is selected."""
    model = apply(full(), messages.RunsCame(runs=(run,)))
    return apply(model, messages.Picked(pick=messages.Pick.RUN, key=run.run_id))


def test_spans_stand_below_those_that_caused_them() -> None:
    """With their attributes, their notes and the end of the stack; the id of the trace is told."""
    spans = facts.RunFact(
        run_id="run_spans",
        stream_id="s",
        trace_id="abc123",
        trace=(
            facts.TraceFact(kind="STEP", stage="Clerk", time=NOW, seconds=1.0, span_id="1"),
            facts.TraceFact(kind="TOOL", stage="rates", time=NOW, seconds=0.5, span_id="2", parent_id="1",
                            attributes='{"tokens":7}', notes=("WARN: slow",)),
            facts.TraceFact(kind="ERROR", stage="rates", time=NOW + 0.5, error="KeyError", message="XTS", span_id="2",
                            parent_id="1", stack="in rates · raise KeyError"),
        ),
    )  # fmt: skip
    text = plain_text(trace.draw(showing(spans), 100, 0))
    for line in ("abc123", " · Clerk", " ◆  rates", '{"tokens":7}', "WARN: slow", "KeyError: XTS", "raise KeyError"):
        assert line in text


def test_single_events_of_a_batch_are_left_to_the_export() -> None:
    """A stage that has an entry for the batch is one bar, however many of its events are recorded."""
    batch = [
        facts.TraceFact(kind="STEP", stage="Parse", time=NOW, seconds=1.0, message="30 events"),
        *(facts.TraceFact(kind="STEP", stage="Parse", time=NOW, event_id=f"e{n}", made="{}") for n in range(20)),
        facts.TraceFact(kind="ERROR", stage="Parse", time=NOW, event_id="e21", error="KeyError", message="gone"),
    ]
    found = facts.RunFact(run_id="run_batch", stream_id="s", recorded=20, trace=tuple(batch))
    text = plain_text(trace.draw(showing(found), 100, 0))
    assert (text.count("Parse"), "kept of 20 events" in text, "KeyError: gone" in text) == (2, True, True)


def test_the_server_tells_of_webhooks_that_nobody_reaches() -> None:
    """Their number and how many fail stand with the server; without webhooks there is no line."""

    def drawn(count: int, failing: int) -> str:
        stats = facts.StatsFact(webhooks=count, webhooks_failing=failing)
        model = told((messages.Heard(stats=stats, server_time=NOW, at=NOW),))
        return plain_text(server_sheet.draw(model, 80, 0))

    assert "2 webhooks, 1 failing: cta system webhooks tells why" in drawn(2, 1)
    assert "failing" not in drawn(2, 0)
    assert "webhooks" not in drawn(0, 0)


def test_a_masked_copy_says_that_it_is_one() -> None:
    """Whoever looks at a held event of a stream that hides fields sees that, and how the event itself is seen."""
    model = full(View.EVENTS)
    held = model.held[0]
    for masked in (False, True):
        shown = msgspec.structs.replace(held, masked=masked)
        chosen = msgspec.structs.replace(
            model, held=(shown,), held_shown=True, picked={**model.picked, Pick.EVENT: held.key}
        )
        assert ("cta events quarantined --raw" in plain_text(event_detail.draw(chosen, 120, 10))) is masked
