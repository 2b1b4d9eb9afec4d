"""Masks payload values for reports: what they look like stays, what they say does not.

Labels (values that come again and again) and times stay, because a report without them says nothing; of any other text
the first two characters stay, and of a number the first two digits.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cta_core.diagnosis.table import Table, escape
from cta_core.diagnosis.views import View
from cta_core.path import is_array, is_object

MAX_EXAMPLE = 2000
"""Characters of an example event in a report."""

_WORD = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")


def masked(value: Any) -> Any:
    """A scalar with its content masked and its form kept."""
    if isinstance(value, str):
        return value[:2] + _DIGIT.sub("1", _WORD.sub("x", value[2:]))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        text = repr(value)
        if "e" in text or "n" in text:
            return value
        seen = 0
        made: list[str] = []
        for letter in text:
            if letter.isdigit():
                seen += seen > 0 or letter != "0"
                made.append(letter if seen <= 2 else "1")
            else:
                made.append(letter)
        return int("".join(made)) if isinstance(value, int) else float("".join(made))
    return value


def open_paths(table: Table) -> frozenset[str]:
    """Paths whose values may be shown: label fields with few values, booleans and times."""
    found: set[str] = set()
    for path, column in table.columns.items():
        view = View.of(column)
        if view.kind in ("boolean", "null") or (view.labels and len(view.labels) <= 16) or view.date_formats:
            found.add(path)
    return frozenset(found)


def masked_event(event: Any, shown: frozenset[str], path: str = "", depth: int = 0) -> Any:
    """An event with all values masked but those at the paths in `shown`."""
    if depth > 64:
        return None
    if is_object(event):
        return {key: masked_event(value, shown, f"{path}/{escape(key)}", depth + 1) for key, value in event.items()}
    if is_array(event):
        return [masked_event(value, shown, path + "/*", depth + 1) for value in event[:8]]
    return event if path in shown else masked(event)


def as_text(event: Any) -> str:
    """An event as JSON text, cut where it is very long."""
    text = msgspec.json.encode(event).decode()
    return text if len(text) <= MAX_EXAMPLE else text[:MAX_EXAMPLE] + "..."
