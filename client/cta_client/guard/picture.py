"""What a guard knows of its stream: contract, limits and the adapters in force, and how that is kept in a file.

A picture is a value; a change makes a new one, and `gate` compiles it. The file is replaced as a whole, so that a
process that is killed while it writes finds the former one. The link makes pictures, the desk judges with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from cta_core.adapter.compile import check_program
from cta_core.adapter.program import Program
from cta_core.contract import compile_contract
from cta_core.event import DEFAULT_LIMITS, EventLimits
from cta_core.gate import ActiveAdapter, Gate

FORMAT: Final = "cta-guard/1"
"""What the file's `format` says; a file of another version is passed over and the server asked."""


class Picture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream as a guard sees it."""

    stream_id: str
    contract_json: str = ""
    """The contract in force: the declared one, else the learned one. Empty: every JSON object is healthy."""
    limits: EventLimits = DEFAULT_LIMITS
    adapters: tuple[ActiveAdapter, ...] = ()
    """In force."""
    format: str = FORMAT

    @property
    def revision(self) -> int:
        """Of the newest adapter; 0 without one."""
        return max((adapter.revision for adapter in self.adapters), default=0)

    def gate(self) -> Gate:
        """Compiles it. Raises `InvalidContract` or `InvalidProgram`."""
        contract = compile_contract(self.contract_json.encode()) if self.contract_json else None
        return Gate(contract, self.adapters, self.limits)

    def having(self, fresh: Iterable[ActiveAdapter], gone: Iterable[str] = ()) -> Picture:
        """The picture with some adapters new or changed, and others gone."""
        known = {adapter.adapter_id: adapter for adapter in self.adapters}
        for adapter_id in gone:
            known.pop(adapter_id, None)
        known.update((adapter.adapter_id, adapter) for adapter in fresh)
        return msgspec.structs.replace(self, adapters=tuple(known.values()))


def read_adapter(adapter_id: str, revision: int, program_json: str) -> ActiveAdapter:
    """An adapter as the server sends it, checked.

    Raises:
        msgspec.DecodeError: It has what this version does not know.
        InvalidProgram: It is no program that may run.
    """
    program = msgspec.json.decode(program_json, type=Program)
    check_program(program)
    return ActiveAdapter(adapter_id=adapter_id, revision=revision, program=program)


def save(picture: Picture, path: Path) -> None:
    """Replaces the file, which its owner alone may read."""
    fresh = path.with_suffix(".new")
    # A contract may list values that an event had; nobody else needs to read it.
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(picture))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load(path: Path, stream_id: str) -> Picture | None:
    """The picture in the file; None when there is none that this version can use."""
    try:
        picture = msgspec.json.decode(path.read_bytes(), type=Picture)
    except (OSError, msgspec.DecodeError):
        return None
    return picture if picture.format == FORMAT and picture.stream_id == stream_id else None
