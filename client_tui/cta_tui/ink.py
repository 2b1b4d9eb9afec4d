"""Lines of styled text, without a terminal: what the drawing functions make and the pane shows.

A line is spans of text with a style's name (`good`, `bad quiet`, ...); what a name looks like is the theme's affair.
Everything measures in terminal cells, so that wide letters of a payload do not push a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size


class Span(NamedTuple):
    """Text in one style."""

    text: str
    style: str = ""


Line = tuple[Span, ...]
BLANK: Final[Line] = ()


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What a pane shows."""

    lines: tuple[Line, ...]
    keys: tuple[str, ...] = ()
    """What selecting a line means, one entry a line; empty entries cannot be selected."""
    selected: str = ""
    """Key of the selected line."""
    tail: bool = False
    """The end is what matters: keep it in view."""


class Column(NamedTuple):
    """A column of a table."""

    title: str
    width: int
    right: bool = False
    grow: bool = False
    """Takes the room that is left."""
    rank: int = 0
    """Columns of the highest rank go first when there is no room; 0 stays."""


GAP: Final = 2


def line(*parts: Span | str) -> Line:
    """A line of parts; a bare text is plain."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def size(of: Line | str) -> int:
    """Its width in cells."""
    return cell_len(of) if isinstance(of, str) else sum(cell_len(span.text) for span in of)


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells; what is missing is said by `…`."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 0 else ""


def fit(of: Line, cells: int) -> Line:
    """The line in at most so many cells."""
    if size(of) <= cells:
        return of
    room, kept = cells, list[Span]()
    for span in of:
        if cell_len(span.text) >= room:
            kept.append(Span(cut(span.text + "…", room), span.style))
            break
        kept.append(span)
        room -= cell_len(span.text)
    return tuple(kept)


def wrap(text: str, cells: int, *, most: int = 0) -> list[str]:
    """The text in lines of so many cells; with `most`, the last one says that there is more."""
    lines, now = list[str](), ""
    for word in text.split():
        rest = word
        while cell_len(rest) > cells > 0:
            # A word longer than the line is broken where it must be.
            if now:
                lines.append(now)
                now = ""
            piece = set_cell_size(rest, cells)
            lines.append(piece)
            rest = rest[len(piece.rstrip()) or len(piece) :]
        if now and cell_len(now) + 1 + cell_len(rest) > cells:
            lines.append(now)
            now = rest
        else:
            now = f"{now} {rest}" if now else rest
    if now:
        lines.append(now)
    if most and len(lines) > most:
        lines = [*lines[: most - 1], cut(lines[most - 1] + " …", cells) if most else ""]
        if not lines[-1].endswith("…"):
            lines[-1] += "…"
    return lines or [""]


def named(name: str, text: str, cells: int, *, style: str = "", column: int = 9, most: int = 0) -> list[Line]:
    """A short name in quiet, and a text that is wrapped beside it."""
    first, *more = wrap(text, max(cells - column - 1, 8), most=most)
    start = Span(f" {cut(name, column - 1).ljust(column - 1)} ", "quiet")
    return [
        (start, Span(first, style)),
        *((Span(" " * (column + 1)), Span(each, style)) for each in more),
    ]


def pad(span: Span, cells: int, *, right: bool = False) -> Span:
    """The span in exactly so many cells."""
    text = cut(span.text, cells)
    gap = " " * (cells - cell_len(text))
    return Span(gap + text if right else text + gap, span.style)


def table(
    columns: Sequence[Column],
    rows: Iterable[tuple[str, Sequence[Span | str]]],
    cells: int,
    *,
    selected: str = "",
    empty: Sequence[str] = (),
    tail: bool = False,
) -> Drawing:
    """A table: its head, a line a row, and `▶` before the selected one. Without rows it says what `empty` says."""
    shown = list(range(len(columns)))
    while _width(columns, shown) > cells and any(columns[each].rank for each in shown):
        shown.remove(max((each for each in shown if columns[each].rank), key=lambda each: columns[each].rank))
    spare = max(cells - _width(columns, shown), 0)
    widths = {each: columns[each].width + (spare if columns[each].grow else 0) for each in shown}
    head: list[Span] = [Span("  ")]
    for each in shown:
        head += [pad(Span(columns[each].title, "quiet"), widths[each], right=columns[each].right), Span(" " * GAP)]
    lines, keys = [tuple(head[:-1])], [""]
    for key, row in rows:
        chosen = bool(key) and key == selected
        spans: list[Span] = [Span("▶ " if chosen else "  ", "accent")]
        for each in shown:
            cell = row[each]
            span = cell if isinstance(cell, Span) else Span(cell)
            spans += [pad(span, widths[each], right=columns[each].right), Span(" " * GAP)]
        lines.append(tuple(spans[:-1]))
        keys.append(key)
    if len(lines) == 1 and empty:
        # An empty list says what would fill it, instead of showing a head without a body.
        lines = [line(Span(f"  {part}", "quiet")) for text in empty for part in wrap(text, max(cells - 3, 10))]
        keys = [""] * len(lines)
    return Drawing(lines=tuple(fit(each, cells) for each in lines), keys=tuple(keys), selected=selected, tail=tail)


def plain_text(drawing: Drawing) -> str:
    """The drawing as text, for copying and for tests."""
    return "\n".join("".join(span.text for span in each).rstrip() for each in drawing.lines)


def _width(columns: Sequence[Column], shown: Sequence[int]) -> int:
    return 2 + sum(columns[each].width for each in shown) + GAP * (len(shown) - 1)
