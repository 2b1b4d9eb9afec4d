"""The demo in a real terminal: driven by keys through tmux, read from its screen. CI installs tmux."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.server import environment

TMUX = shutil.which("tmux") or ""
LAUNCH = "import sys; from cta_client.cli import main; main(sys.argv[1:])"


class Terminal:
    """A terminal of its own, of 100 columns and 30 lines."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "tmux")

    def run(self, *arguments: str) -> str:
        """What a tmux command answers."""
        done = subprocess.run(
            [TMUX, "-S", self.socket, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        return done.stdout

    def start(self, command: list[str], folder: Path) -> None:
        """Runs a command in it."""
        env = environment(TERM="screen-256color", TMPDIR=str(folder))
        env.pop("NO_COLOR", None)
        words = " ".join(f"'{word}'" for word in command)
        subprocess.run(
            [TMUX, "-S", self.socket, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", words],
            env=env,
            check=True,
            timeout=10,
        )

    def press(self, *keys: str) -> None:
        """Keys of a person."""
        for key in keys:
            self.run("send-keys", key)

    def screen(self) -> str:
        """What stands there now."""
        return self.run("capture-pane", "-p")

    def until(self, *words: str, within: float = 60.0) -> str:
        """The screen, once all the words stand on it."""
        deadline = time.monotonic() + within
        while True:
            screen = self.screen()
            if all(word in screen for word in words):
                return screen
            assert time.monotonic() < deadline, f"{words} never came:\n{screen}"
            time.sleep(0.1)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal, closed at the end."""
    found = Terminal(tmp_path)
    yield found
    found.run("kill-server")


if TMUX:
    # A machine without tmux, which is no Python package, runs the same story in the pilots of the other modules.

    @pytest.mark.timeout(120)
    def test_the_demo_is_driven_by_keys_and_leaves_nothing(terminal: Terminal, tmp_path: Path) -> None:
        """At a terminal it opens in the control room, without pauses too; the story heals and learns, asks, is answered
        by `a` `y`, and `q` leaves neither server nor store behind.
        """
        folder = tmp_path / "temporary"
        folder.mkdir()
        terminal.start([sys.executable, "-c", LAUNCH, "demo", "--fast"], folder)
        terminal.until("CTA-ACT", "? Help")
        terminal.until("4 of 4", "your OK", "asks you")
        terminal.press("2")
        terminal.until("rename /amount_cents to /amount", "WHY")
        terminal.press("a")
        terminal.until("Approve the fix for payments?", "y yes")
        terminal.press("y")
        terminal.until("The room is yours")
        terminal.press("5")
        terminal.until("SIGNATURES", "/amount")
        terminal.press("?")
        terminal.until("IN THIS VIEW")
        terminal.press("Escape")
        terminal.until("SIGNATURES")
        assert list(folder.glob("cta-demo-*"))
        terminal.press("q")
        nothing_is_left(folder)

    @pytest.mark.timeout(60)
    def test_a_closed_window_leaves_nothing(terminal: Terminal, tmp_path: Path) -> None:
        """A terminal that goes away under the demo takes server and store with it, and no process runs on."""
        folder = tmp_path / "temporary"
        folder.mkdir()
        terminal.start([sys.executable, "-c", LAUNCH, "demo", "--tui", "--fast"], folder)
        terminal.until("✓ live")
        assert list(folder.glob("cta-demo-*"))
        assert str(folder) in processes()
        terminal.run("kill-server")
        nothing_is_left(folder)


def nothing_is_left(folder: Path) -> None:
    """The demo's folder goes, and with it the processes that name it."""
    deadline = time.monotonic() + 20
    while list(folder.glob("cta-demo-*")) or str(folder) in processes():
        assert time.monotonic() < deadline, f"left: {list(folder.iterdir())} {processes()}"
        time.sleep(0.1)


def processes() -> str:
    """The command lines of all processes."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(line for line in found if "cta_server" in line)
