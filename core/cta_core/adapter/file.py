"""Adapters as files: readable JSON with a header, for review, for version control and for `cta apply`.

This module decides the file format and what it refuses; it reads and writes bytes, not files. A file that was written
by a newer version names another `format` and is refused as a whole.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cta_core.adapter.compile import check_program, compile_program
from cta_core.adapter.program import Program
from cta_core.errors import InvalidProgram, Violation

FORMAT: Final = "cta-adapter/1"
"""What the `format` field of a file says."""


class AdapterFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An adapter in a file."""

    format: str
    """`cta-adapter/1`."""
    name: str = ""
    """What people call it."""
    origin: str = ""
    """How it came to be, in words: from which incident, or who wrote it."""
    words: tuple[str, ...] = ()
    """The program as sentences, for readers; the program decides."""
    program: Program
    """What is applied."""


def load(raw: bytes) -> AdapterFile:
    """The adapter in a file, checked; `InvalidProgram` names every field that is wrong."""
    try:
        file = msgspec.json.decode(raw, type=AdapterFile)
    except UnicodeDecodeError:
        raise InvalidProgram.of("file", "must be UTF-8 text") from None
    except RecursionError:
        raise InvalidProgram.of("file", "is nested too deeply") from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidProgram.of(path.rstrip("`").lstrip(".") or "file", message) from None
    except msgspec.DecodeError as error:
        raise InvalidProgram.of("file", f"is not JSON: {error}") from None
    if file.format != FORMAT:
        raise InvalidProgram.of("format", f"must be {FORMAT}; this version reads no other")
    try:
        check_program(file.program)
    except InvalidProgram as invalid:
        raise InvalidProgram([Violation(f"program.{v.field}", v.remedy) for v in invalid.violations]) from None
    return file


def dump(program: Program, *, name: str = "", origin: str = "") -> bytes:
    """The file for a program, indented, with a newline at its end."""
    words = compile_program(program).words()
    file = AdapterFile(format=FORMAT, name=name, origin=origin, words=words, program=program)
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
