"""The cheapest one-to-one assignment of rows to columns (Hungarian method, shortest augmenting paths).

Small and in plain Python: the problems here have tens of rows, and importing scipy would cost more than solving them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def assign(cost: Sequence[Sequence[float]]) -> list[int]:
    """The column of each row so that the sum of costs is least. There must be at least as many columns as rows."""
    rows = len(cost)
    if rows == 0:
        return []
    columns = len(cost[0])
    row_price = [0.0] * (rows + 1)
    column_price = [0.0] * (columns + 1)
    owner = [0] * (columns + 1)
    for row in range(1, rows + 1):
        owner[0] = row
        column = 0
        least = [math.inf] * (columns + 1)
        previous = [0] * (columns + 1)
        done = [False] * (columns + 1)
        while True:
            done[column] = True
            at = owner[column]
            delta = math.inf
            nearest = 0
            line = cost[at - 1]
            for j in range(1, columns + 1):
                if done[j]:
                    continue
                reduced = line[j - 1] - row_price[at] - column_price[j]
                if reduced < least[j]:
                    least[j] = reduced
                    previous[j] = column
                if least[j] < delta:
                    delta = least[j]
                    nearest = j
            for j in range(columns + 1):
                if done[j]:
                    row_price[owner[j]] += delta
                    column_price[j] -= delta
                else:
                    least[j] -= delta
            column = nearest
            if owner[column] == 0:
                break
        while column:
            before = previous[column]
            owner[column] = owner[before]
            column = before
    found = [-1] * rows
    for j in range(1, columns + 1):
        if owner[j]:
            found[owner[j] - 1] = j - 1
    return found
