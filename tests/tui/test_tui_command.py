"""`cta tui` and `cta demo`: options, the browser's command, and who gets the room."""

from __future__ import annotations

import builtins
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cta_client.demo import command as demo
from cta_tui import web
from cta_tui.command import tui


def test_the_help_names_every_option() -> None:
    """`cta tui --help` tells how to connect, how to encrypt, and how to open it in a browser."""
    told = CliRunner().invoke(tui, ["--help"])
    assert told.exit_code == 0
    for option in ("--connect", "--token", "--tls-ca", "--web"):
        assert option in told.output


def test_the_browsers_command_is_quoted() -> None:
    """What a person gave cannot become a command of its own, and the token is not among the arguments."""
    given = "host:1; rm -rf /"
    words = shlex.split(web.command(given, tls=True, tls_ca=Path("/a b/ca.pem")))
    assert words[0] == sys.executable
    assert words[words.index("--connect") + 1] == given
    assert words[-1] == "/a b/ca.pem"
    assert "--token" not in words


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without textual-serve, `--web` names the extra that brings it."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("textual_serve"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    told = CliRunner().invoke(tui, ["--web"])
    assert told.exit_code == 2
    assert "cta-act[web]" in told.output


def test_in_a_pipe_the_demo_is_told_in_lines() -> None:
    """Without a terminal nobody gets a room that they cannot see."""
    assert demo._room(None, told=False) is None
    assert demo._room(False, told=False) is None


def test_a_terminal_gets_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the demo opens the room, unless the reader brings events or wants lines."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert demo._room(None, told=False) is not None
    assert demo._room(None, told=True) is None
    assert demo._room(False, told=False) is None
