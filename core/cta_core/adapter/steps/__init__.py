"""The kinds of steps, one per file, and their registry.

A new kind is a file here, a line in each of the two tables below, and its rows in `tests/core/adapter/steps`.
"""

from __future__ import annotations

from typing import Final

from cta_core.adapter.steps.cast import Cast
from cta_core.adapter.steps.copy import Copy
from cta_core.adapter.steps.datetime import DateTime
from cta_core.adapter.steps.default import Default
from cta_core.adapter.steps.drop import Drop
from cta_core.adapter.steps.enum_map import EnumEntry, EnumMap, Unmapped
from cta_core.adapter.steps.letter_case import LetterCase, Letters
from cta_core.adapter.steps.merge import Merge, MergeRule
from cta_core.adapter.steps.move import Move
from cta_core.adapter.steps.null_form import NullAction, NullForm
from cta_core.adapter.steps.number_format import NumberFormat
from cta_core.adapter.steps.parse import Parse
from cta_core.adapter.steps.rename import Rename
from cta_core.adapter.steps.scale import Scale, ScaleRow
from cta_core.adapter.steps.serialise import Serialise
from cta_core.adapter.steps.split import Split, SplitSide
from cta_core.adapter.steps.swap import Swap
from cta_core.adapter.steps.unwrap import Unwrap
from cta_core.adapter.steps.wrap import Wrap, WrapForm

AnyStep = (
    Rename
    | Move
    | Copy
    | Cast
    | NumberFormat
    | LetterCase
    | Scale
    | DateTime
    | EnumMap
    | Default
    | Split
    | Merge
    | Wrap
    | Unwrap
    | Parse
    | Serialise
    | NullForm
    | Swap
    | Drop
)
"""Any kind of step. In JSON its `kind` field says which."""

KINDS: Final[dict[str, type[AnyStep]]] = {
    "rename": Rename,
    "move": Move,
    "copy": Copy,
    "cast": Cast,
    "number_format": NumberFormat,
    "letter_case": LetterCase,
    "scale": Scale,
    "datetime": DateTime,
    "enum_map": EnumMap,
    "default": Default,
    "split": Split,
    "merge": Merge,
    "wrap": Wrap,
    "unwrap": Unwrap,
    "parse": Parse,
    "serialise": Serialise,
    "null_form": NullForm,
    "swap": Swap,
    "drop": Drop,
}
"""The struct of each kind, by the name that files and messages use."""

__all__ = [
    "KINDS",
    "AnyStep",
    "Cast",
    "Copy",
    "DateTime",
    "Default",
    "Drop",
    "EnumEntry",
    "EnumMap",
    "LetterCase",
    "Letters",
    "Merge",
    "MergeRule",
    "Move",
    "NullAction",
    "NullForm",
    "NumberFormat",
    "Parse",
    "Rename",
    "Scale",
    "ScaleRow",
    "Serialise",
    "Split",
    "SplitSide",
    "Swap",
    "Unmapped",
    "Unwrap",
    "Wrap",
    "WrapForm",
]
