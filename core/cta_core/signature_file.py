"""Signatures as a file: one installation's memory for another's, readable JSON with a header.

This module decides the file format and what it refuses; it reads and writes bytes, not files. A file holds no payload
values: forms of fields, programs, counts. What is taken from one is a candidate like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cta_core.adapter.compile import check_program
from cta_core.errors import InvalidInput, InvalidProgram, Violation
from cta_core.memory import SignatureRecord
from cta_core.signature import DIMENSIONS

FORMAT: Final = "cta-signatures/1"
"""What the `format` field of a file says."""


class SignatureFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signatures in a file."""

    format: str
    """`cta-signatures/1`."""
    signatures: tuple[SignatureRecord, ...] = ()


def dump(signatures: Sequence[SignatureRecord]) -> bytes:
    """The signatures as a file, one trailing newline. Revisions belong to their store and are left out."""
    kept = tuple(msgspec.structs.replace(each, revision=0, counted=()) for each in signatures)
    return msgspec.json.format(msgspec.json.encode(SignatureFile(format=FORMAT, signatures=kept)), indent=1) + b"\n"


def load(raw: bytes) -> tuple[SignatureRecord, ...]:
    """The signatures of a file, checked; `InvalidInput` names every field that is wrong."""
    try:
        file = msgspec.json.decode(raw, type=SignatureFile)
    except UnicodeDecodeError:
        raise InvalidInput.of("file", "must be UTF-8 text") from None
    except RecursionError:
        raise InvalidInput.of("file", "is nested too deeply") from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidInput.of(f"file{path.rstrip('`')}", message) from None
    except msgspec.DecodeError as error:
        raise InvalidInput.of("file", f"is no JSON: {error}") from None
    if file.format != FORMAT:
        raise InvalidInput.of("file.format", f"must be {FORMAT}; a newer file needs a newer version")
    problems: list[Violation] = []
    for index, signature in enumerate(file.signatures):
        field = f"file.signatures[{index}]"
        if not signature.signature_id or not signature.fingerprint:
            problems.append(Violation(field, "needs a signature_id and a fingerprint"))
        if len(signature.embedding) not in (0, DIMENSIONS):
            problems.append(Violation(f"{field}.embedding", f"must have {DIMENSIONS} numbers, or none"))
        if min(signature.hits, signature.confirmed, signature.refused) < 0:
            problems.append(Violation(field, "counts must not be negative"))
        try:
            check_program(signature.program)
        except InvalidProgram as error:
            problems.extend(Violation(f"{field}.program.{one.field}", one.remedy) for one in error.violations)
    if problems:
        raise InvalidInput(problems)
    return file.signatures
