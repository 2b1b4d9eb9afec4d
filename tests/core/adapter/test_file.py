"""Adapters as files: readable, complete, and refused by field when something is wrong."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.file import FORMAT, dump, load
from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, Default, EnumEntry, EnumMap, Rename, Scale, ScaleRow
from cta_core.errors import InvalidProgram

PROGRAM = Program(
    guard=(Condition(path="/amt", test=Test.PRESENT), Condition(path="/amount", test=Test.ABSENT)),
    steps=(
        Rename(source="/amt", target="/amount"),
        Cast(path="/amount", to=JsonType.INTEGER),
        Scale(path="/amount", by="/c", table=(ScaleRow(label="EUR", denominator=100.0),)),
        EnumMap(
            path="/s", entries=(EnumEntry(source=1, target=True), EnumEntry(source=1.5, target=None)), when=(
                Condition(path="/v", test=Test.EQUALS, values=(2, "2", None)),
            ),
        ),
    ),
)  # fmt: skip


def test_what_is_written_is_read() -> None:
    """A file gives back the very program, with its header."""
    file = load(dump(PROGRAM, name="orders: amt", origin="incident inc_1"))
    assert file.program == PROGRAM
    assert (file.format, file.name, file.origin) == (FORMAT, "orders: amt", "incident inc_1")
    assert file.words[0] == "rename /amt to /amount"


def test_a_file_is_for_people() -> None:
    """The file is indented JSON, starts with its format and ends with a newline; what has its default is left out."""
    text = dump(PROGRAM).decode()
    assert text.startswith('{\n  "format": "cta-adapter/1",\n')
    assert text.endswith("}\n")
    assert '"kind": "rename"' in text
    assert "width" not in text


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)


@given(scalars)
def test_scalars_keep_their_type(value: str | float | bool | None) -> None:
    """A constant comes back as the same JSON scalar: 1, 1.0, true and "1" stay four values."""
    (step,) = load(dump(Program(steps=(Default(path="/a", value=value),)))).program.steps
    assert isinstance(step, Default)
    assert (type(step.value), step.value) == (type(value), value)


def changed(old: str, new: str) -> bytes:
    """The file of the program with one text exchanged."""
    text = dump(PROGRAM).decode()
    assert old in text
    return text.replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "file"),
        (b"[]", "file"),
        (b"{", "file"),
        (b'{"format":"\xff"}', "file"),
        (b'{"other":' + b"[" * 100_000, "file"),
        (b'{"format":"cta-adapter/1"}', "file"),
        (changed("cta-adapter/1", "cta-adapter/2"), "format"),
        (changed('"kind": "rename"', '"kind": "rname"'), "program.steps[0].kind"),
        (changed('"kind": "rename"', '"kind": "rename", "extra": 1'), "program.steps[0]"),
        (changed('"to": "INTEGER"', '"to": "INT"'), "program.steps[1].to"),
        (changed('"source": "/amt"', '"source": "amt"'), "program.steps[0].source"),
        (changed('"test": "PRESENT"', '"test": "EQUALS"'), "program.guard[0].values"),
        (changed('"denominator": 100.0', '"denominator": 0.0'), "program.steps[2].table[0].denominator"),
    ],
)
def test_refuses_a_wrong_file_by_field(raw: bytes, field: str) -> None:
    """A file that is no adapter is refused with the name of the field that is wrong."""
    with pytest.raises(InvalidProgram) as caught:
        load(raw)
    assert caught.value.violations[0].field == field


def test_a_wrong_program_is_not_written() -> None:
    """Only programs that work become files."""
    with pytest.raises(InvalidProgram):
        dump(Program())


def test_the_header_does_not_decide() -> None:
    """The words are for readers: a file with other words has the same program."""
    raw = msgspec.json.encode({"format": FORMAT, "words": ["drop everything"], "program": msgspec.to_builtins(PROGRAM)})
    assert load(raw).program == PROGRAM
