"""The table of a guard's options, out of their docstrings."""

from __future__ import annotations

import msgspec

from cta_client.guard import Away, GuardOptions
from pages import text
from pages.text import code


def options() -> str:
    """Every option."""
    meanings, choices = text.below(GuardOptions), text.below(Away)
    rows = []
    for field in msgspec.structs.fields(GuardOptions):
        meaning = meanings[field.name]
        if isinstance(field.default, Away):
            meaning += " " + " ".join(f"{code(choice.value)}: {choices[choice.name]}" for choice in Away)
        shown = field.default.value if isinstance(field.default, Away) else field.default
        rows.append((code(field.name), code(str(shown)) if shown != "" else "empty", meaning))
    return text.table(("option", "default", "meaning"), rows)
