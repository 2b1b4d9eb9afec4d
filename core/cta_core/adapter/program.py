"""An adapter's program: a guard and the steps that turn a drifted event into a healthy one, as data.

Programs are values: they are stored, sent, read by people and compiled once per revision by `compile.compile_program`.
"""

from __future__ import annotations

import msgspec

from cta_core.adapter.guard import Condition
from cta_core.adapter.steps import AnyStep


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A guard and its steps, in the order in which they run."""

    guard: tuple[Condition, ...] = ()
    """All of these hold for the events that the program is for; empty means every event."""
    steps: tuple[AnyStep, ...] = ()
