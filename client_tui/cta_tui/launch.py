"""Starts the room: on a server that runs, on a server of its own for the demo, or in a browser.

It sets what must be set before Textual and gRPC are imported, so it imports them late. `command` and the demo call it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cta_client.channel import Client
    from cta_tui.app import Backstage, ControlRoom
    from cta_tui.messages import Message


def prepare() -> None:
    """The environment of a terminal UI."""
    # gRPC's C core writes to the terminal by itself, which here is the screen.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    # The frame timer is part of the answer to a key; 120 a second halve it at no cost that could be measured.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")


def feed_of(client: Client) -> Callable[[Callable[[Message], None]], Backstage]:
    """What the app makes its feed with."""
    from cta_tui.feed import Feed  # noqa: PLC0415 - gRPC comes after `prepare`

    def make(tell: Callable[[Message], None]) -> Backstage:
        return Feed(client, tell, actor=actor(), folder=Path.cwd())

    return make


def actor() -> str:
    """Who acts, for the audit trail."""
    try:
        return os.environ.get("CTA_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "control room"


def room(address: str, *, token: str = "", tls: bool = False, tls_ca: Path | None = None) -> ControlRoom:
    """The app for a server that runs, or will."""
    prepare()
    from cta_client.channel import connect  # noqa: PLC0415 - see above
    from cta_tui.app import ControlRoom  # noqa: PLC0415

    return ControlRoom(address, feed=feed_of(connect(address, tls=tls, tls_ca=tls_ca, token=token)))
