"""`cta demo` as a person runs it: a server of its own, the whole loop, and nothing left behind."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from cta_client.cli.exits import Exit
from helpers import command, shop

pytestmark = pytest.mark.timeout(120)
"""A demo starts a server and waits for bakes and traffic by its nature; the usual 20 s are for single acts."""

BOOKS = re.compile(r"events in ([\d,]+) = healthy ([\d,]+) \+ healed ([\d,]+) \+ still quarantined ([\d,]+)")


def books_of(output: str) -> tuple[int, int, int, int]:
    """Sent, healthy, healed, held: the line of the books."""
    found = BOOKS.search(output)
    assert found, output
    sent, healthy, healed, held = (int(number.replace(",", "")) for number in found.groups())
    return sent, healthy, healed, held


def test_the_demo_shows_the_whole_loop(tmp_path: Path) -> None:
    """A drift heals, its repeat heals by signature, a wrong fix is refused, and the books balance."""
    done = command.ended("demo", "--fast", folder=tmp_path)
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    story = done.stdout
    acts = story.split("── ")
    assert "PROMOTED" in acts[2]
    assert "found from names, types, values and relations" in acts[2]
    assert "- /amt" in acts[2]
    assert "+ /amount" in acts[2]
    assert "PROMOTED" in acts[3]
    assert "remembered by its signature" in acts[3]
    assert acts[4].index("FAIL") < acts[4].index("ROLLED BACK") < acts[4].index("PROMOTED")
    assert "Passed on wrong: 0" in " ".join(acts[4].split())
    assert "BY SIGNATURE" in acts[5]
    sent, healthy, healed, held = books_of(story)
    assert sent == healthy + healed + held
    assert sent > 1000
    assert healed > 600
    assert held == 0
    assert all(len(line) <= 80 for line in story.splitlines())
    assert list(tmp_path.iterdir()) == []
    assert command.processes_in(tmp_path) == []


def test_own_events_are_healed(tmp_path: Path) -> None:
    """With a baseline and enough drifted events the loop heals them: exit 0."""
    healthy = shop.write(tmp_path / "healthy.jsonl", shop.orders(300))
    drifted = shop.write(tmp_path / "drifted.jsonl", shop.orders(320, seed=2), shop.renamed)
    done = command.ended("demo", "--fast", "--input", str(drifted), "--baseline", str(healthy), folder=tmp_path)
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert "PROMOTED" in done.stdout
    assert books_of(done.stdout) == (320, 0, 320, 0)


def test_own_events_that_cannot_be_proved_wait_for_a_person(tmp_path: Path) -> None:
    """With too few drifted events for the canary's claim nothing is promoted: exit 4."""
    healthy = shop.write(tmp_path / "healthy.jsonl", shop.orders(200))
    drifted = shop.write(tmp_path / "drifted.jsonl", shop.orders(60, seed=2), shop.renamed)
    done = command.ended("demo", "--fast", "--input", str(drifted), "--baseline", str(healthy), folder=tmp_path)
    assert done.returncode == Exit.PERSON, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout
    assert "AWAITING APPROVAL" in done.stdout
    assert books_of(done.stdout) == (60, 0, 0, 60)


def test_own_healthy_events_need_nothing_and_a_terminal_shows_the_strip(tmp_path: Path) -> None:
    """Without a baseline the first half is one; healthy events are told so, below the strip on a terminal."""
    events = shop.write(tmp_path / "events.jsonl", shop.orders(200))
    code, drawn = command.on_terminal("demo", "--fast", "--input", str(events), folder=tmp_path, columns=80)
    assert code == Exit.DONE, drawn
    assert "Nothing broke and nothing drifted" in drawn
    assert "✓ STREAM ▶ · DETECT ▶ · ANALYSE ▶ · PATCH ▶ · CANARY ▶ · PROMOTE ▶ · LEARN" in drawn
    assert books_of(drawn) == (100, 100, 0, 0)
    assert "\x1b[3" not in drawn, "NO_COLOR is set"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.INTERRUPTED)])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, sent: signal.Signals, code: Exit) -> None:
    """Ctrl-C and a polite kill stop the server and remove the folder."""
    with command.started("demo", folder=tmp_path) as demo:
        assert demo.stdout is not None
        until_told(demo.stdout, "A shop sends payments")
        assert command.processes_in(tmp_path)
        demo.send_signal(sent)
        assert demo.wait(20) == code
    assert command.wait_until_gone(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_demo_leaves_no_server(tmp_path: Path) -> None:
    """When the demo is killed, its server notices and ends."""
    with command.started("demo", folder=tmp_path) as demo:
        assert demo.stdout is not None
        until_told(demo.stdout, "A shop sends payments")
        demo.kill()
        demo.wait(10)
    assert command.wait_until_gone(tmp_path, 20)


def test_too_few_own_events_are_a_usage_error(tmp_path: Path) -> None:
    """What cannot be learned from is refused before a server starts."""
    events = shop.write(tmp_path / "events.jsonl", shop.orders(4))
    done = command.ended("demo", "--input", str(events), folder=tmp_path)
    assert done.returncode == Exit.USAGE
    assert "at least 10" in done.stderr
    many, none = shop.write(tmp_path / "many.jsonl", shop.orders(40)), shop.write(tmp_path / "none.jsonl", [])
    done = command.ended("demo", "--input", str(many), "--baseline", str(none), folder=tmp_path)
    assert done.returncode == Exit.USAGE, "an empty baseline is not the half of the events"
    assert "There are 0 events to learn from" in done.stderr


def until_told(lines: object, words: str) -> None:
    """Reads lines until one has the words."""
    deadline = time.monotonic() + 30
    for line in lines:  # type: ignore[attr-defined]
        if words in line:
            return
        assert time.monotonic() < deadline
    pytest.fail(f"never told: {words}")
