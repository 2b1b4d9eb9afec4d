"""How long one diagnosis takes: 20 fields with up to 4 changes, 200 fields with 10, the same again from memory, and
events healthy.

    python benchmarks/diagnosis.py [--rounds N]

Prints milliseconds of processor time: p50 and p95 over seeded streams of 200 + 200 events, with the baseline read
each time and with a prepared one.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from cta_core.contract import compile_contract, learn
from cta_core.diagnosis import Baseline, Decision, diagnose

Event = dict[str, Any]


def wide(rng: random.Random, fields: int, count: int, start: int) -> list[Event]:
    """Events with many fields of all kinds: numbers, labels, flags, texts, times."""
    events = []
    for index in range(count):
        event: Event = {
            "event_id": f"E{rng.randrange(10**9)}",
            "at": f"2024-05-{1 + (start + index) // 400:02d}T{(start + index) // 17 % 24:02d}:00:00Z",
        }
        for number in range(fields - 2):
            kind = number % 6
            word = ("amount", "status", "active", "owner", "reading", "count")[kind]
            name = f"{word}_{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}"
            if kind == 0:
                event[name] = round(rng.lognormvariate(3 + number % 5, 0.6), 2)
            elif kind == 1:
                event[name] = rng.choice(("new", "open", "closed", "held"))
            elif kind == 2:
                event[name] = rng.random() < 0.3 + number % 4 / 10
            elif kind == 3:
                event[name] = f"user{rng.randrange(40)}"
            elif kind == 4:
                event[name] = round(rng.gauss(20 + number, 3), 1)
            else:
                event[name] = rng.randrange(5 + number)
        events.append(event)
    return events


def changed(events: list[Event], changes: int) -> list[Event]:
    """Renames, casts, cents and label cases, spread over the fields."""
    names = [name for name in events[0] if name not in ("event_id", "at")]
    step = max(1, len(names) // max(1, changes))
    chosen = names[::step][:changes]
    made = []
    for event in events:
        fresh: Event = {}
        for name, value in event.items():
            if name not in chosen:
                fresh[name] = value
            elif isinstance(value, bool):
                fresh[name] = "Y" if value else "N"
            elif isinstance(value, float):
                fresh[name + "_cents" if name.startswith("amount") else name.replace("reading", "measured_reading")] = (
                    round(value * 100) if name.startswith("amount") else value
                )
            elif isinstance(value, str) and name.startswith("status"):
                fresh[name] = value.upper()
            else:
                fresh["".join(part.title() for part in name.split("_"))] = value
        made.append(fresh)
    return made


def timed(work: Callable[[], Any], rounds: int) -> list[float]:
    """Milliseconds of processor time of each round: others on the machine do not count."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append((time.process_time() - begun) * 1000)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(
        f"{'fields':>7}{'changes':>9}{'baseline':>11}{'p50 ms':>9}{'p95 ms':>9}"
        f"{'decision':>10}{'memory ms':>11}{'faster':>8}"
    )
    for fields, changes in ((20, 0), (20, 1), (20, 4), (200, 0), (200, 5), (200, 10), (200, 40)):
        measure(fields, changes, rounds)


def measure(fields: int, changes: int, rounds: int) -> None:
    """Measures one size and prints its two lines."""
    rng = random.Random(fields * 100 + changes)
    healthy, later = wide(rng, fields, 200, 0), wide(rng, fields, 200, 200)
    drifted = changed(later, changes)
    contract = compile_contract(learn(healthy))
    prepared = Baseline(healthy)
    report = diagnose(prepared, drifted, contract)
    hints = [report.program] if report.decision is Decision.HEAL and report.program is not None else []
    for label in ("read", "prepared"):
        side = prepared if label == "prepared" else healthy
        times = sorted(timed(lambda: diagnose(side, drifted, contract), rounds))  # noqa: B023 - called at once
        memory, faster = "", ""
        if hints and label == "prepared":
            again = statistics.median(timed(lambda: diagnose(prepared, drifted, contract, hints=hints), rounds))
            memory, faster = f"{again:.1f}", f"{statistics.median(times) / again:.1f}x"
        print(
            f"{fields:>7}{changes:>9}{label:>11}{statistics.median(times):>9.1f}"
            f"{times[int(len(times) * 0.95) - 1]:>9.1f}{report.decision:>10}{memory:>11}{faster:>8}"
        )


if __name__ == "__main__":
    main()
