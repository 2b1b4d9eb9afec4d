"""The examples of the page of adapters are what the engine does."""

from __future__ import annotations

import re

import msgspec
import pytest

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.adapter.steps import KINDS, AnyStep
from cta_core.errors import EventRefused
from helpers.pages import DOCS

ROW = re.compile(r"^\| `(\{.*\})` \| (?:`(\{.*\})`|refused: (.*)) \|$", re.MULTILINE)


def section(kind: str) -> str:
    """The section of a kind of step."""
    text = (DOCS / "adapters.md").read_text("utf-8")
    return text.split(f"\n### {kind}\n", 1)[1].split("\n### ", 1)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_step_is_true(kind: str) -> None:
    """A step of the page does to the page's events what the page says, also where it refuses."""
    text = section(kind)
    step = msgspec.json.decode(text.split("```json\n", 1)[1].split("```", 1)[0], type=AnyStep)
    apply = compile_program(Program(steps=(step,))).apply
    rows = ROW.findall(text)
    assert rows, "no example"
    for before, after, refused in rows:
        event = msgspec.json.decode(before)
        if refused:
            with pytest.raises(EventRefused) as found:
                apply(event)
            assert str(found.value) == refused
        else:
            assert msgspec.json.encode(apply(event)).decode() == after


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_step_shows_a_change(kind: str) -> None:
    """The first event of every example is one that the step changes."""
    before, after, _ = ROW.findall(section(kind))[0]
    assert after
    assert msgspec.json.decode(before) != msgspec.json.decode(after)
