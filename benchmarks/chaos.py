"""Many rounds of chaos around a guarded consumer: `python -m benchmarks chaos`, or `python -m benchmarks.chaos 50`.

Each round kills, restarts and cuts off the consumer and its server at other places, by another seed, while drift comes
and goes; the tests run one of them. It says what became of all events, and every breach of the promise.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from helpers.chaos import faults_of, round_of_chaos

ROUNDS = 10
EVENTS, MISFORTUNES = 630, 9
"""Of a round; more misfortunes than in the tests, so that several of a kind meet."""


async def measure(rounds: int = ROUNDS, first: int = 100) -> list[Figure]:
    """What became of the events of all rounds."""
    booked = held = healed = kills = repeated = 0
    faults: list[str] = []
    for seed in range(first, first + rounds):
        with tempfile.TemporaryDirectory() as folder:
            outcome = await round_of_chaos(Path(folder), seed, events=EVENTS, misfortunes=MISFORTUNES)
        booked, held, healed = booked + len(outcome.cents), held + len(outcome.held), healed + outcome.healed
        kills, repeated = kills + outcome.kills, repeated + outcome.repeated
        faults += [f"seed {seed}: {fault}" for fault in faults_of(outcome)]
    return [
        Figure(f"{rounds} rounds of {MISFORTUNES} misfortunes: events booked, with the right amount", f"{booked:,}"),
        Figure("of them drifted, and healed", f"{healed:,}"),
        Figure("events that wait in the quarantine", f"{held:,}"),
        Figure("bookings shown again by kills in the handler's midst", f"{repeated} of {kills} kills"),
        Figure(
            "events lost, handled twice, held and handled, or wrong", f"{len(faults)} {'; '.join(faults)}".strip(), "0"
        ),
    ]


if __name__ == "__main__":
    for figure in asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)):
        print(figure)
