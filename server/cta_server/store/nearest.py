"""The nearest of many unit vectors: an exact scan over one matrix in memory, kept in step with the table beside it.

At 100,000 vectors of 128 dimensions the matrix takes 51 MB and a scan some milliseconds, so no index is worth its
errors. It decides nothing about likeness beyond the cosine, and knows no table; the archive's signatures own one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]

FIRST: Final = 256
"""Rows of the first matrix; it doubles when it is full."""


class Nearest:
    """Vectors by id, a matrix for each length. Not safe for several threads at once: its owner takes turns."""

    def __init__(self, entries: Iterable[tuple[str, bytes]] = ()) -> None:
        self._matrices: dict[int, _Matrix] = {}
        self._lengths: dict[str, int] = {}
        for name, packed in entries:
            self.put(name, packed)

    def put(self, name: str, packed: bytes) -> None:
        """Adds or replaces a vector, packed as float32; one without numbers or without a direction is like nothing."""
        vector = unit(np.frombuffer(packed, dtype=np.dtype(np.float32).newbyteorder("<")))
        if vector is None or self._lengths.get(name, vector.size) != vector.size:
            self.drop(name)
        if vector is not None:
            self._lengths[name] = vector.size
            self._matrices.setdefault(vector.size, _Matrix(vector.size)).put(name, vector)

    def drop(self, name: str) -> None:
        """Forgets a vector; nothing happens where there is none."""
        length = self._lengths.pop(name, None)
        if length is not None:
            self._matrices[length].drop(name)

    def find(self, vector: Sequence[float], limit: int) -> list[tuple[str, float]]:
        """The ids with the greatest cosine, of vectors as long as this one, greatest first; of equals the newest id."""
        wanted = unit(np.asarray(vector, dtype=np.float32))
        matrix = self._matrices.get(len(vector))
        if matrix is None or wanted is None or limit < 1:
            return []
        return matrix.find(wanted, limit)


class _Matrix:
    """Unit vectors of one length, a row each."""

    def __init__(self, length: int) -> None:
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._free: list[int] = []
        self._matrix: Vector = np.zeros((FIRST, length), dtype=np.float32)

    def put(self, name: str, vector: Vector) -> None:
        row = self._rows.get(name)
        if row is None:
            row = self._free.pop() if self._free else len(self._ids)
            if row == len(self._ids):
                self._ids.append(name)
            self._rows[name] = row
            self._ids[row] = name
        if row >= len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[row] = vector

    def drop(self, name: str) -> None:
        row = self._rows.pop(name)
        self._matrix[row] = 0.0
        self._ids[row] = ""
        self._free.append(row)

    def find(self, wanted: Vector, limit: int) -> list[tuple[str, float]]:
        if not self._rows:
            return []
        scores = self._matrix[: len(self._ids)] @ wanted
        # Rows that were freed score 0 and are left out by name; a few more than wanted are looked at for them.
        most = min(limit + len(self._free), len(self._ids))
        least = np.partition(scores, len(scores) - most)[len(scores) - most]
        # Every row of the least score is looked at: equals are ordered by their ids, not by where they stand.
        chosen = np.nonzero(scores >= least)[0]
        ranked = sorted(((float(scores[row]), self._ids[row]) for row in chosen if self._ids[row]), reverse=True)
        return [(name, max(-1.0, min(1.0, score))) for score, name in ranked[:limit]]


def unit(vector: Vector) -> Vector | None:
    """The vector with length 1, None for one that has no direction."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else None


def pack(vector: Sequence[float]) -> bytes:
    """A vector as float32, little end first."""
    return np.asarray(vector, dtype="<f4").tobytes()


def unpack(packed: bytes) -> tuple[float, ...]:
    """The vector that was packed."""
    return tuple(np.frombuffer(packed, dtype="<f4").tolist())
