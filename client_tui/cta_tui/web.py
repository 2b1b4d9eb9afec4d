"""`cta tui --web`: the same room in a browser, one process a tab, by textual-serve.

It listens on this machine only: textual-serve has no authentication of its own. The command that a tab starts is fixed
here and carries the token in its environment, never in its arguments.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

HOST = "127.0.0.1"


class WebMissing(Exception):
    """textual-serve is not installed."""


def serve(address: str, *, token: str, tls: bool, tls_ca: Path | None, port: int) -> None:
    """Serves until Ctrl-C. Raises `WebMissing`."""
    try:
        from textual_serve.server import Server  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise WebMissing("The web version needs an extra: pip install 'cta-act[web]'.") from error
    if token:
        os.environ["CTA_TOKEN"] = token
    Server(command(address, tls=tls, tls_ca=tls_ca), host=HOST, port=port, title="CTA-ACT").serve()


def command(address: str, *, tls: bool, tls_ca: Path | None) -> str:
    """The shell command of one tab; everything that a person gave is quoted."""
    parts = [sys.executable, "-m", "cta_tui", "--connect", address]
    if tls:
        parts.append("--tls")
    if tls_ca is not None:
        parts += ["--tls-ca", str(tls_ca)]
    return shlex.join(parts)
