"""Rounds of a drain that is killed at random points, and what has to hold after them. For tests and benchmarks."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from helpers.relays import all_there, drained, relay
from helpers.server import ROOT, environment

START_SECONDS = 20.0


def killed_drains(folder: Path, url: str, *, rounds: int, chance: Random) -> tuple[int, int]:
    """Writes and drains in a process that is killed, so many times; then drains in peace and compares.

    Returns how many events were acknowledged, and how many are there. Raises `AssertionError` where one is missing, is
    there twice, or stands at another place than the archive here says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notes = folder / "notes"
    notes.touch()
    for _ in range(rounds):
        _kill_one(folder, url, notes, chance.random() * 0.25)
    last = relay(folder, url)
    drained(last, seconds=60.0)
    here = {
        (stream_id, event.position): event.event_id
        for stream_id in ("orders", "bills")
        for event in last.recent_events(stream_id, limit=10**6)
    }
    last.close()
    there = all_there(folder, url)
    places = Counter((stream_id, position) for stream_id, position, _ in there)
    names = Counter(name for _, _, name in there)
    assert max(places.values()) == 1, "a position is there twice"
    assert max(names.values()) == 1, "an event is there twice"
    for stream_id in ("orders", "bills"):
        positions = [position for stream, position, _ in there if stream == stream_id]
        assert positions == list(range(1, len(positions) + 1)), "positions have a gap"
    assert all(here.get((stream, position), name) == name for stream, position, name in there), "another event is there"
    told = Counter[str]()
    for line in notes.read_text().splitlines():
        stream_id, size = line.split()
        told[stream_id] += int(size)
    found = Counter(stream_id for stream_id, _, _ in there)
    assert all(found[stream_id] >= size for stream_id, size in told.items()), f"{told} were told, {found} are there"
    return told.total(), len(there)


def _kill_one(folder: Path, url: str, notes: Path, seconds: float) -> None:
    """Starts a victim and kills it so long after its first note."""
    before = notes.stat().st_size
    paths = environment()
    paths["PYTHONPATH"] += f":{ROOT / 'tests'}"
    command = [sys.executable, "-m", "helpers.relay_victim", str(folder), url, str(notes)]
    with (
        (folder / "victim.log").open("ab") as log,
        subprocess.Popen(command, env=paths, stdout=log, stderr=log) as victim,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while notes.stat().st_size == before:
                assert victim.poll() is None, (folder / "victim.log").read_text()
                assert time.monotonic() < deadline, "the victim did nothing"
                time.sleep(0.001)
            time.sleep(seconds)
        finally:
            victim.kill()
    assert victim.wait() == -signal.SIGKILL, "the victim ended by itself"
