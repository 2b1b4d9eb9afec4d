"""Events as columns: every leaf path with its values by row, every inner path with its shapes.

`diagnose` turns the healthy and the drifted events into one `Table` each and works on columns from then on. A table
decides nothing; it only keeps what was there and how often its parent was.
"""

# Values are told apart by `type(x) is dict`, the fastest test there is, in a loop over every value of every event. It
# narrows `Any` to a dict of unknown things, which is what a decoded JSON value holds; copies and casts would cost time.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Json = Any
"""A decoded JSON value."""

MAX_COLUMNS = 1500
"""Leaf paths kept per table. Objects that are used as maps would otherwise make one column per key; beyond this
number the rest of the keys is dropped, which can only make the analysis hand over to a person."""

MAX_MEMBERS = 64
"""Array members looked at per array: enough to see their shape, bounded for arrays with thousands of members."""


_ABSENT: Json = object()
_UNEVEN = frozenset({object, dict, list})


def escape(key: str) -> str:
    """One object key as a part of a JSON Pointer. A key that is literally `*` is written `~2`."""
    if key == "*":
        return "~2"
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


def parent_of(path: str) -> str:
    """The pointer of the value that holds `path`."""
    return path[: path.rfind("/")]


def leaf_of(path: str) -> str:
    """The last part of a pointer, as it is written there."""
    return path[path.rfind("/") + 1 :]


def leaves_of(event: Json) -> Iterator[tuple[str, Json]]:
    """Every leaf of an event with its path; empty objects and arrays are leaves, long arrays are cut at
    `MAX_MEMBERS`.
    """
    stack: list[tuple[str, Json]] = [("", event)]
    while stack:
        path, value = stack.pop()
        if type(value) is dict and value:
            for key, child in value.items():
                stack.append((f"{path}/{key}" if key.isidentifier() else f"{path}/{escape(key)}", child))
        elif type(value) is list and value:
            below = path + "/*"
            stack.extend((below, child) for child in value[:MAX_MEMBERS])
        elif path:
            yield path, value


class Column:
    """The values of one path, in the order of their rows."""

    __slots__ = ("path", "reading", "rows", "values")

    def __init__(self, path: str) -> None:
        self.path = path
        self.rows: list[int] = []
        """Index of the event of each value; a row repeats below arrays."""
        self.values: list[Json] = []
        self.reading: Json = None
        """The column's `View` once somebody asked for it: it is made once and used by all."""


class Node:
    """An inner path: how often it was an object, how often an array, and how long the arrays were."""

    __slots__ = ("arrays", "lengths", "objects", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.objects = 0
        self.arrays = 0
        self.lengths: dict[int, int] = {}

    @property
    def single(self) -> bool:
        """It was an array each time, and each time of one member."""
        return self.objects == 0 and self.arrays > 0 and set(self.lengths) == {1}


class Table:
    """All columns and inner nodes of a list of events."""

    def __init__(self, events: Sequence[Json], keys: frozenset[str] | None = None) -> None:
        """Reads the events; `keys` limits the columns to those below some of the event's own keys."""
        self.events = events
        self.count = len(events)
        self.columns: dict[str, Column] = {}
        self.nodes: dict[str, Node] = {}
        self.kept: dict[str, Json] = {}
        """What others worked out of the table and want to have only once."""
        if keys is None:
            for index, event in enumerate(events):
                self._add(index, event)
        else:
            self._add_keys(sorted(keys))

    def _add_keys(self, keys: Sequence[str]) -> None:
        """Reads some of the events' own keys, one after the other: most of them hold scalars and are columns as they
        are.
        """
        if not self.events:
            return
        self.nodes[""] = Node("")
        self.nodes[""].objects = self.count
        everyone = list(range(self.count))
        for key in keys:
            path = f"/{escape(key)}"
            column = Column(path)
            column.rows, column.values = everyone, [event.get(key, _ABSENT) for event in self.events]
            if not _UNEVEN.isdisjoint(map(type, column.values)):
                self._add_inner(path, column)
            if column.rows and len(self.columns) < MAX_COLUMNS:
                self.columns[path] = column

    def _add_inner(self, path: str, column: Column) -> None:
        """Takes what is absent, objects and arrays out of a column, and reads what is in those."""
        values, column.rows, column.values = column.values, [], []
        for index, value in enumerate(values):
            if type(value) is dict or type(value) is list:
                self._add(index, value, path)
                if value:
                    continue
            elif value is _ABSENT:
                continue
            column.rows.append(index)
            column.values.append(value)

    def _add(self, index: int, event: Json, above: str = "") -> None:
        columns, nodes = self.columns, self.nodes
        stack: list[tuple[str, Json]] = [(above, event)]
        while stack:
            path, value = stack.pop()
            if type(value) is dict:
                node = nodes.get(path)
                if node is None:
                    node = nodes[path] = Node(path)
                node.objects += 1
                for key, child in value.items():
                    below = f"{path}/{key}" if key.isidentifier() else f"{path}/{escape(key)}"
                    if type(child) is dict or type(child) is list:
                        stack.append((below, child))
                        if child:
                            continue
                    column = columns.get(below)
                    if column is None:
                        if len(columns) >= MAX_COLUMNS:
                            continue
                        column = columns[below] = Column(below)
                    column.rows.append(index)
                    column.values.append(child)
            elif type(value) is list:
                node = nodes.get(path)
                if node is None:
                    node = nodes[path] = Node(path)
                node.arrays += 1
                node.lengths[len(value)] = node.lengths.get(len(value), 0) + 1
                below = path + "/*"
                for child in value[:MAX_MEMBERS]:
                    if type(child) is dict or type(child) is list:
                        stack.append((below, child))
                        if child:
                            continue
                    column = columns.get(below)
                    if column is None:
                        column = columns[below] = Column(below)
                    column.rows.append(index)
                    column.values.append(child)

    def holders(self, path: str) -> int:
        """How many objects could have held the last key of `path`: the times its parent was there as an object."""
        parent = parent_of(path)
        if leaf_of(path) == "*":
            node = self.nodes.get(parent)
            return 0 if node is None else node.arrays
        node = self.nodes.get(parent)
        return 0 if node is None else node.objects

    def present(self, path: str) -> int:
        """How many times the path was there, as a leaf or as an inner node."""
        column = self.columns.get(path)
        node = self.nodes.get(path)
        seen = 0 if node is None else node.objects + node.arrays
        if column is None:
            return seen
        # An empty object or array is both a node and a leaf: count it once.
        return seen + sum(1 for value in column.values if type(value) is not dict and type(value) is not list)

    def below(self, path: str) -> list[str]:
        """Leaf paths under an inner path."""
        prefix = path + "/"
        return [name for name in self.columns if name.startswith(prefix)]
