"""All figures in one run: `python -m benchmarks`, or some of them: `python -m benchmarks loop gate`."""

from __future__ import annotations

import asyncio
import sys

from benchmarks import chaos, clickhouse, detectors, gate, gate_rpc, lag, loop, masks, matchers, notify, store, workers

PARTS = {"ways": gate.measure, "gate": gate_rpc.measure, "loop": loop.measure, "store": store.measure}
"""What runs when nothing is named."""
NAMED = {
    "lag": lag.measure,
    "masks": masks.measure,
    "matchers": matchers.measure,
    "detectors": detectors.measure,
    "workers": workers.measure,
    "chaos": chaos.measure,
    "notify": notify.measure,
    "clickhouse": clickhouse.measure,
}
"""What runs only when it is named: the peers are not installed everywhere, and the lag and the
fleet want the machine for themselves, and chaos takes minutes."""


def main() -> int:
    """Prints the figures."""
    wanted = sys.argv[1:] or list(PARTS)
    parts = PARTS | NAMED
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"-- {name}")
        for figure in asyncio.run(parts[name]()):
            print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
