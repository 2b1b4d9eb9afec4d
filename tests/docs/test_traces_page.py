"""The page on traces names what the code takes, and the limits that it keeps."""

from __future__ import annotations

import re

from cta_core import spans, trace_file
from cta_core.diagnosis import rerun
from cta_server.rpc.services import otlp
from cta_server.runtime import runs, traces
from helpers.pages import DOCS

PAGE = (DOCS / "traces.md").read_text("utf-8")


def test_every_key_of_a_line_is_told() -> None:
    """Each field has its row, with exactly the keys that are taken, in their order."""
    found = re.findall(r"^\| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    rows = {name: re.findall(r"`(\w+)`", keys) for name, keys in found}
    for field, spellings in trace_file.SPELLINGS.items():
        assert tuple(rows[field]) == spellings
    for word in trace_file.KINDS:
        assert f"`{word}`" in PAGE


def test_every_attribute_is_told() -> None:
    """What a span's attributes mean stands in the table."""
    named = (*spans.INPUTS, *spans.OUTPUTS, *spans.EVENT, *spans.NAMES, *spans.NAMES.values())
    for name in (*named, spans.STREAM, spans.STAGE, spans.SERVICE, spans.OPERATION, spans.ERROR_TYPE):
        assert f"`{name}`" in PAGE, name


def test_the_limits_are_those_of_the_code() -> None:
    """Numbers in the page are the constants."""
    for number in (
        *(otlp.MOST, traces.MOST_PIECES, traces.MOST_OPEN, spans.VALUE_CHARS, spans.ATTRIBUTES_CHARS),
        *(spans.TEXT_CHARS, spans.STACK_CHARS, spans.NOTES, trace_file.MOST_ENTRIES),
    ):
        assert f"{number:,}" in PAGE, number
    assert f"{traces.MOST_BYTES // 2**20} MiB" in PAGE
    assert f"{spans.BODY_BYTES // 1024} KiB" in PAGE
    assert f"{rerun.MOST} events at most" in PAGE
    assert f"{runs.EVENTS} healthy and {runs.EVENTS} failed events" in PAGE
    assert f"{runs.BURST:.0f} events of a stream in a row, then two a second" in PAGE
