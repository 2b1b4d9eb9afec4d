"""`connect` as programs see it: a client that can also guard a consumer's handlers.

It joins the channel and the guards and decides nothing of its own. The `cta` command and the terminal UI take
`cta_client.channel.connect`, which loads no core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cta_client.channel import Client, reach
from cta_client.endpoint import DEFAULT_ADDRESS, Endpoint
from cta_client.guard.guards import Guarding, Guards
from cta_client.guard.options import GuardOptions
from cta_client.wire import Wire


class ConsumerClient(Client):
    """A client of one server with guards. Use it as `async with connect(...) as cta`."""

    def __init__(self, wire: Wire, endpoint: Endpoint) -> None:
        super().__init__(wire, endpoint)
        self.guards = Guards(endpoint)
        """The guards of this connection."""

    def guard(
        self,
        stream: str,
        *,
        stage: str = "",
        batch: bool = False,
        event_id: Callable[[Any], str] | None = None,
        dry_run: bool | Callable[[Any], Any] = False,
        options: GuardOptions | None = None,
    ) -> Guarding:
        """Puts CTA-ACT in front of a handler: `@cta.guard("payments")`. See `Guards.guard`."""
        return self.guards.guard(stream, stage=stage, batch=batch, event_id=event_id, dry_run=dry_run, options=options)

    async def close(self) -> None:
        """Ends the guards and the connection."""
        await asyncio.to_thread(self.guards.close)
        await super().close()


def connect(
    address: str = DEFAULT_ADDRESS, *, tls: bool = False, tls_ca: Path | None = None, token: str = ""
) -> ConsumerClient:
    """A client of the server at `address` (`host:port`); see `cta_client.channel.connect`."""
    return ConsumerClient(*reach(address, tls=tls, tls_ca=tls_ca, token=token))
