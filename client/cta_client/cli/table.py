"""Tables and sheets of plain text: columns that fit 80 cells, a note under a row, sections of names and values.

Widths are counted in terminal cells. On a terminal the growing column is cut to what fits; in a pipe nothing is cut,
so that `grep` finds all of it. It knows text only; the verbs say which columns a thing has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec
from rich.cells import cell_len, set_cell_size

from cta_client.cli.paint import PLAIN, QUIET, colour_of, paint
from cta_client.cli.words import plain

_Row = TypeVar("_Row")

GAP = "  "
LEAST_GROWING = 10
"""Cells that a growing column keeps however narrow the terminal is: fewer show no word."""


class Column(msgspec.Struct, Generic[_Row], frozen=True):
    """One column."""

    title: str
    of: Callable[[_Row], str]
    right: bool = False
    """Numbers stand right."""
    grow: bool = False
    """Takes what the others leave, and is cut when it does not fit."""
    least: int = 0
    """Cells kept also when the rows at hand need fewer: for rows that come one by one."""


class Table(msgspec.Struct, Generic[_Row], frozen=True, kw_only=True):
    """How rows of one kind are shown."""

    columns: tuple[Column[_Row], ...]
    note: Callable[[_Row], str] | None = None
    """A sentence below the row."""
    empty: str = "Nothing."
    """What stands there when there are no rows: it names the next step."""

    def lines(self, rows: Sequence[_Row], width: int | None) -> Iterator[str]:
        """Header and rows; `width` None cuts nothing."""
        if not rows:
            yield self.empty
            return
        cells = [self._cells(row) for row in rows]
        widths = self.widths(cells, width)
        yield self.header(widths)
        for row, texts in zip(rows, cells, strict=True):
            yield from self.row(row, texts, widths, width)

    def stream(self, width: int | None) -> Callable[[_Row], Iterator[str]]:
        """A printer for rows that come one by one: the header comes with the first."""
        widths: list[int] = []

        def show(row: _Row) -> Iterator[str]:
            texts = self._cells(row)
            if not widths:
                widths.extend(self.widths([texts], width))
                yield self.header(widths)
            yield from self.row(row, texts, widths, width)

        return show

    def widths(self, cells: Iterable[Sequence[str]], width: int | None) -> list[int]:
        """Cells of each column."""
        found = [max(cell_len(column.title), column.least) for column in self.columns]
        for texts in cells:
            found = [max(known, cell_len(text)) for known, text in zip(found, texts, strict=True)]
        growing = next((index for index, column in enumerate(self.columns) if column.grow), None)
        if width is not None and growing is not None:
            rest = sum(found) - found[growing] + len(GAP) * (len(found) - 1)
            found[growing] = max(min(found[growing], width - rest), LEAST_GROWING)
        return found

    def header(self, widths: Sequence[int]) -> str:
        """The titles."""
        titles = (_fit(column.title, size, column.right) for column, size in zip(self.columns, widths, strict=True))
        return paint(GAP.join(titles).rstrip(), PLAIN, bold=True)

    def row(self, row: _Row, texts: Sequence[str], widths: Sequence[int], width: int | None) -> Iterator[str]:
        """One row and its note."""
        fitted = [
            paint(_fit(cut(text, size) if column.grow else text, size, column.right), colour_of(text))
            for column, text, size in zip(self.columns, texts, widths, strict=True)
        ]
        yield GAP.join(fitted).rstrip()
        note = plain(self.note(row)) if self.note is not None else ""
        if note:
            yield paint(f"{GAP}{cut(note, width - len(GAP)) if width else note}", QUIET)

    def _cells(self, row: _Row) -> list[str]:
        return [plain(column.of(row)) for column in self.columns]


def sheet(pairs: Iterable[tuple[str, str]], width: int | None) -> Iterator[str]:
    """Names and values, one pair a line; empty values are left out, long ones wrapped below themselves."""
    kept = [(name, plain(value)) for name, value in pairs if value]
    column = max((cell_len(name) for name, _value in kept), default=0)
    for name, value in kept:
        first, *more = list(wrap(value, width - column - len(GAP))) if width else [value]
        yield f"{paint(_fit(name, column, right=False), QUIET)}{GAP}{paint(first, colour_of(value))}"
        for line in more:
            yield f"{' ' * column}{GAP}{line}"


def section(title: str) -> str:
    """A heading, with an empty line above."""
    return "\n" + paint(title, PLAIN, bold=True)


def wrap(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width` cells, broken at spaces where there are any."""
    line = ""
    for piece in text.split(" "):
        rest = piece
        if line and cell_len(line) + 1 + cell_len(rest) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            yield line
        while cell_len(rest) > width:
            head = set_cell_size(rest, width).rstrip(" ")
            yield head
            rest = rest[len(head) :]
        line = rest
    yield line


def cut(text: str, width: int) -> str:
    """The text, or its beginning and `…`."""
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _fit(text: str, width: int, right: bool) -> str:
    space = " " * max(width - cell_len(text), 0)
    return space + text if right else text + space
