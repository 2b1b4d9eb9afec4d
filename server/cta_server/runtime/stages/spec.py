"""What a consumer is: a chain of stages, each a Python callable that the server's configuration names.

This module decides which names may be stages at all; `chain` imports them, in the worker process and nowhere else. A
name never comes from a request: the configuration is the only source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from cta_core.errors import InvalidInput, Violation

_CALL: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class StageKind(StrEnum):
    """How a stage appears in the trace."""

    STEP = "step"
    """It works on the event itself."""
    TOOL = "tool"
    """It asks something else: a table, a model, a service."""


class StageSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stage of a consumer."""

    name: str
    """Name in traces, failures and reports; unique within the consumer."""
    call: str
    """The callable, `package.module:function`. It takes one decoded event (or the former stage's value) and returns a
    JSON value."""
    kind: StageKind = StageKind.STEP


class ConsumerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A consumer: its stages in order, and where they are imported from."""

    name: str
    stages: tuple[StageSpec, ...]
    path: tuple[str, ...] = ()
    """Folders that the worker searches for modules before all others."""
    memory_mib: int = 2048
    """Memory that the worker process may take, MiB. 2 GiB holds numpy and a table of millions of rows, and leaves a
    common server of 4 GiB alive when a stage leaks."""

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values, with field names as in the configuration."""
        here = f"consumers.{self.name}"
        if not self.stages:
            yield Violation(f"{here}.stages", "name at least one stage")
        seen: set[str] = set()
        for number, stage in enumerate(self.stages):
            field = f"{here}.stages[{number}]"
            if not stage.name:
                yield Violation(f"{field}.name", "give the stage a name")
            elif stage.name in seen:
                yield Violation(
                    f"{field}.name", f"another stage is called {stage.name!r}; names are unique in a consumer"
                )
            seen.add(stage.name)
            if not _CALL.fullmatch(stage.call):
                yield Violation(f"{field}.call", "write package.module:function")
        if self.memory_mib < 64:
            yield Violation(f"{here}.memory_mib", "must be at least 64: a bare Python worker takes about 20")

    def check(self) -> None:
        """Raises `InvalidInput` with every problem."""
        found = list(self.problems())
        if found:
            raise InvalidInput(found)
