"""The registry of kinds of faults. A new one is a function beside the others and a line in its module's tuple."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cta_server.runtime.faults.kinds.classics import CLASSICS
from cta_server.runtime.faults.kinds.kind import Kind, Made
from cta_server.runtime.faults.kinds.names import NAMES
from cta_server.runtime.faults.kinds.numbers import NUMBERS
from cta_server.runtime.faults.kinds.shapes import SHAPES
from cta_server.runtime.faults.kinds.texts import TEXTS

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (*NAMES, *NUMBERS, *TEXTS, *SHAPES, *CLASSICS)}
"""All kinds by name."""

__all__ = ["KINDS", "Kind", "Made"]
