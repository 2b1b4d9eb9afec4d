"""All figures in one run: `python -m benchmarks`, or some of them: `python -m benchmarks loop gate`."""

from __future__ import annotations

import asyncio
import sys

from benchmarks import gate, gate_rpc, loop, store

PARTS = {"ways": gate.measure, "gate": gate_rpc.measure, "loop": loop.measure, "store": store.measure}


def main() -> int:
    """Prints the figures."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"-- {name}")
        for figure in asyncio.run(PARTS[name]()):
            print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
