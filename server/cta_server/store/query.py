"""A SELECT that is put together from conditions, for lists whose caller may leave filters out.

Only text that stands in our own modules becomes part of the statement; every value is bound.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Self


class Query:
    """One SELECT; conditions are joined by AND."""

    def __init__(self, select: str) -> None:
        self._select = select
        self._conditions: list[str] = []
        self._values: list[object] = []

    def where(self, condition: str, *values: object) -> Self:
        """Adds a condition with its values."""
        self._conditions.append(condition)
        self._values.extend(values)
        return self

    def equal(self, column: str, value: object) -> Self:
        """Adds `column = value`, unless the value is empty."""
        return self.where(f"{column} = ?", value) if value else self

    def any_of(self, column: str, values: Sequence[object]) -> Self:
        """Adds `column IN (values)`, unless there are none."""
        return self.where(f"{column} IN ({marks(len(values))})", *values) if values else self

    def rows(self, conn: sqlite3.Connection, *, order: str = "", limit: int | None = None) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        return self.each(conn, order=order, limit=limit).fetchall()

    def each(self, conn: sqlite3.Connection, *, order: str = "", limit: int | None = None) -> sqlite3.Cursor:
        """The rows one after the other, for a reader that may stop early."""
        parts = [self._select]
        if self._conditions:
            parts += ["WHERE", " AND ".join(self._conditions)]
        if order:
            parts += ["ORDER BY", order]
        values = self._values
        if limit is not None:
            parts.append("LIMIT ?")
            values = [*values, limit]
        return conn.execute(" ".join(parts), values)


def marks(count: int) -> str:
    """That many `?`, with commas."""
    return ", ".join("?" * count)
