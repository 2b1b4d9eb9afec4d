"""A consumer that offers canaries, to be killed:
`python -m helpers.dry_consumer ADDRESS FOLDER STREAM WORKER VERSION DRY_SECONDS`.

Its code knows the check digit of a payment, which no contract tells of. It books into a file, and a dry run books
nothing. It runs until the folder holds a file `stop`, so that canaries and redelivered events find it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from cta_client import GuardOptions, dry_run, guards
from helpers.checked import checked, verify


def main(address: str, folder: Path, stream: str, worker: str, version: str, dry_seconds: float) -> None:
    """Consumes."""
    options = GuardOptions(folder=folder, worker_id=worker, version=version)
    with (folder / f"{worker}.booked").open("a", encoding="utf-8") as ledger, guards(address) as cta:

        @cta.guard(stream, dry_run=True, options=options)
        def book(event: dict[str, Any]) -> None:
            verify(event)
            if dry_run():
                time.sleep(dry_seconds)
                return
            ledger.write(json.dumps([event["id"], event["amount"]]) + "\n")
            ledger.flush()

        book(checked(0), event_id="first")
        while not (folder / "stop").exists():
            book.redeliver()
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:6], float(sys.argv[6]))
