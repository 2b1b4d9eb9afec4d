"""What every servicer is given: the runtime, and short ways to its store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

import grpc

from cta_core.stream import Policy
from cta_server.rpc.repeats import Repeats
from cta_server.runtime.ports import Archive, Journal
from cta_server.runtime.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
"""What gRPC tells a servicer of its call. In quotes: it is not generic at run time in every version."""

STORE_ID: Final = "store_id"


class Face:
    """The runtime as servicers see it."""

    def __init__(self, runtime: Runtime, defaults: Policy) -> None:
        self.runtime = runtime
        self.defaults = defaults
        """Policy of streams that leave theirs open."""
        self.repeats = Repeats()
        self._store_id = ""

    @property
    def journal(self) -> Journal:
        """The journal; its methods block and go through `journaled`."""
        return self.runtime.storage.journal

    @property
    def archive(self) -> Archive:
        """The archive with all of its history; its methods block and go through `archived`."""
        return self.runtime.storage.history

    async def journaled(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a method of the journal."""
        return await self.runtime.storage.journaled(call, *args, **kwargs)

    async def archived(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a method of the archive."""
        return await self.runtime.storage.recalled(call, *args, **kwargs)

    async def era(self) -> str:
        """Changes when places in the journal lose their meaning: with another store, or with a deleted stream."""
        deletions = await self.journaled(self.journal.setting, "deletions")
        return f"{await self.store_id()}.{deletions or 0}"

    async def store_id(self) -> str:
        """Tells this store from another one; places in the delivery log belong to it."""
        if not self._store_id:
            known = await self.journaled(self.journal.setting, STORE_ID)
            if known is None:
                known = self.runtime.ids.new("sto")
                await self.journaled(self.journal.set_setting, STORE_ID, known)
            self._store_id = known
        return self._store_id
