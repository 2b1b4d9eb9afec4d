"""Markdown of tables, and the docstrings that stand below fields and members in the source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """A text that may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(cell(entry) for entry in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Code in a line; nothing stays nothing."""
    return f"`{text}`" if text else ""


def below(cls: type) -> dict[str, str]:
    """The docstring below each field of a struct or member of an enum, by name."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    found: dict[str, str] = {}
    name = ""
    for entry in node.body if isinstance(node, ast.ClassDef) else []:
        if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name):
            name = entry.target.id
        elif isinstance(entry, ast.Assign) and isinstance(entry.targets[0], ast.Name):
            name = entry.targets[0].id
        elif name and isinstance(entry, ast.Expr) and isinstance(entry.value, ast.Constant):
            found[name] = " ".join(str(entry.value.value).split())
            name = ""
    return found
