"""Words, signs and tables: what a person reads."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cta.v1.event_pb2 import Payload
from cta.v1.incident_pb2 import IncidentState
from cta.v1.stream_pb2 import Autonomy
from cta_client.cli import paint, words
from cta_client.cli.table import Column, Table, cut, sheet, wrap


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0.0, "0 ms"),
        (0.0002, "< 1 ms"),
        (0.018, "18 ms"),
        (1.25, "1.2 s"),
        (59.97, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (345_600, "4 d"),
    ],
)
def test_span_reads_as_a_person_says_it(length: float, text: str) -> None:
    """A duration is told in the unit that a person would use."""
    assert words.span(length) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.99999, "> 99.9 %"), (0.00001, "< 0.1 %"), (0.5, "50 %"), (0.125, "12.5 %")],
)
def test_share_never_rounds_to_all_or_nothing(part: float, text: str) -> None:
    """A share that is not 0 or 1 is never told as 0 % or 100 %."""
    assert words.share(part) == text


def test_states_lose_their_prefix() -> None:
    """An enum's value is told by its own word."""
    assert words.word(IncidentState, IncidentState.INCIDENT_STATE_AWAITING_APPROVAL) == "AWAITING APPROVAL"
    assert words.word(Autonomy, Autonomy.AUTONOMY_AUTONOMOUS) == "AUTONOMOUS"


def test_a_newer_servers_state_is_told_by_number() -> None:
    """A value that this client does not know is shown, not dropped."""
    assert words.word(IncidentState, 99) == "UNKNOWN(99)"


def test_every_state_of_an_incident_has_a_sign() -> None:
    """No state reads by colour alone."""
    known = {words.word(IncidentState, number) for number in IncidentState.values()} - {""}
    assert known <= set(paint.SIGNS)


def test_ago_grows_coarser() -> None:
    """How long ago is told in one unit."""
    time = Timestamp(seconds=1_000_000)
    assert [words.ago(time, 1_000_000 + passed) for passed in (0.5, 12, 240, 7200, 400_000)] == [
        "now",
        "12 s ago",
        "4 min ago",
        "2 h ago",
        "5 d ago",
    ]
    assert not words.ago(Timestamp(), 5)


@given(st.text())
def test_no_text_drives_the_terminal(text: str) -> None:
    """Whatever a payload holds, what is printed has no control characters."""
    shown = words.plain(text)
    assert all(letter.isprintable() or letter == " " or ord(letter) >= 0xA0 for letter in shown)
    assert "\x1b" not in shown
    assert "\n" not in shown


def test_a_body_that_is_not_utf8_is_shown_escaped() -> None:
    """A broken payload is shown and never raises."""
    assert words.body(Payload(data=b"\xff{}")) == "\\xff{}"


@given(st.text(), st.integers(1, 60))
def test_cut_text_fits(text: str, width: int) -> None:
    """A cut text never takes more cells than there are."""
    assert cell_len(cut(words.plain(text), width)) <= width


@given(
    st.text(alphabet=st.characters(categories=["L", "N", "P"], include_characters=" "), max_size=200),
    st.integers(2, 40),
)
def test_wrapped_text_keeps_every_letter(text: str, width: int) -> None:
    """Wrapping loses no letters, and no line is too long."""
    lines = list(wrap(text, width))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)


ROWS: Table[tuple[str, int]] = Table(
    columns=(
        Column("NAME", lambda row: row[0], grow=True),
        Column("NUMBER", lambda row: str(row[1]), right=True),
    ),
    note=lambda row: f"about {row[0]}",
    empty="None. Make one.",
)


def test_a_table_fits_its_width() -> None:
    """The growing column gives way, numbers stay whole."""
    lines = list(ROWS.lines([("x" * 200, 12345)], 40))
    assert all(cell_len(line) <= 40 for line in lines)
    assert lines[1].endswith("12345")
    assert "…" in lines[1]


def test_a_table_in_a_pipe_is_not_cut() -> None:
    """Without a width every letter is there, so that grep finds it."""
    assert "x" * 200 in list(ROWS.lines([("x" * 200, 1)], None))[1]


def test_an_empty_table_names_the_next_step() -> None:
    """No rows are told in words."""
    assert list(ROWS.lines([], 80)) == ["None. Make one."]


def test_wide_letters_keep_columns_straight() -> None:
    """Columns are counted in cells, not in letters."""
    lines = list(ROWS.lines([("日本", 1), ("abcd", 2)], 80))
    assert cell_len(lines[1]) == cell_len(lines[3])


def test_a_sheet_leaves_out_what_is_empty() -> None:
    """A name without a value takes no line."""
    assert list(sheet([("a", "1"), ("b", ""), ("longer", "2")], 80)) == ["a       1", "longer  2"]
