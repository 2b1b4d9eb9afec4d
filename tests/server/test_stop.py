"""How many signals it takes to stop a server, and how soon."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from cta_server.app import TOGETHER_SECONDS, Stop
from helpers.server import environment

ASK_TWICE = """
import asyncio, sys
from cta_server.app import Stop

async def ask() -> None:
    stop = Stop()
    stop.ask()
    await asyncio.sleep(float(sys.argv[1]))
    stop.ask()
    print("in order")

asyncio.run(ask())
"""


async def test_a_signal_asks_for_a_stop() -> None:
    """Whoever waits is woken by the first one; others that come at once change nothing."""
    stop = Stop()
    assert not stop.asked.is_set()
    waiting = asyncio.create_task(stop.asked.wait())
    for _ in range(3):
        stop.ask()
    assert await waiting


@pytest.mark.parametrize(
    ("pause", "code", "told"), [(0.0, 0, "in order"), (TOGETHER_SECONDS + 0.1, 1, "stopped at once by a second signal")]
)
def test_only_a_signal_after_a_while_insists(pause: float, code: int, told: str) -> None:
    """A second signal ends the process, and says so, unless it came together with the first."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_TWICE, str(pause)], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert told in done.stdout + done.stderr
