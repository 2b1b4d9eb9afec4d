"""A consumer of payments, made self-healing by two lines: the `async with` and the decorator under it.

It reads JSON Lines, sums what each merchant gets, and knows nothing of drift. Without the two marked lines it is the
consumer as somebody wrote it. With them, events that break the contract are held in the server instead of raising, and
come back healed once an adapter is in force; see docs/clients.md for what the guard promises.

    cta serve
    cta streams create payments --contract payments.schema.json
    python examples/guarded_consumer.py payments.jsonl
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cta_client import connect


async def main(lines: list[str], address: str) -> None:
    """Consumes lines."""
    totals: Counter[str] = Counter()
    async with connect(address) as cta:  # the first line

        @cta.guard(stream="payments")  # the second line
        def book(event: dict[str, Any]) -> None:
            totals[event["merchant"]] += round(event["amount"] * 100)

        for line in lines:
            book(json.loads(line))
    for merchant, cents in totals.most_common(10):
        print(f"{merchant}  {cents / 100:,.2f}")


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text("utf-8")
    asyncio.run(main(text.splitlines(), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:50510"))
