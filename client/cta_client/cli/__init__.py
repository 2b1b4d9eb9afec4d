"""The `cta` command: `main` is its entry point; everything else is loaded when a command needs it."""

from __future__ import annotations

from cta_client.cli.root import main

__all__ = ["main"]
