"""Client of CTA-ACT: the SDK (`connect`, `watches`, `errors`) and, in `cta_client.cli`, the `cta` command.

The names below are loaded when they are asked for: `cta --help` starts without gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cta_client.channel import Client
    from cta_client.errors import ClientError
    from cta_client.guard import GuardOptions, dry_run, guards
    from cta_client.sdk import connect

__all__ = ["Client", "ClientError", "GuardOptions", "connect", "dry_run", "guards"]

_HOMES = {
    "Client": "cta_client.channel",
    "ClientError": "cta_client.errors",
    "GuardOptions": "cta_client.guard",
    "connect": "cta_client.sdk",
    "dry_run": "cta_client.guard",
    "guards": "cta_client.guard",
}


def __getattr__(name: str) -> object:
    """The public name, loaded from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
