"""The server as a whole: configuration -> store -> runtime -> rpc -> serve. The only place that knows every part."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from cta_core.errors import InvalidInput
from cta_server.config import Configuration, ConsumerSettings, NotifySettings, StoreSettings
from cta_server.rpc.convert import notice
from cta_server.rpc.listening import check_listening
from cta_server.rpc.server import build_server
from cta_server.runtime import meanings
from cta_server.runtime.adviser import Adviser
from cta_server.runtime.notify.webhooks import Webhooks
from cta_server.runtime.ports import Journal
from cta_server.runtime.runtime import Runtime
from cta_server.runtime.stages.spec import ConsumerSpec, StageKind, StageSpec
from cta_server.runtime.storage import Storage
from cta_server.store.clickhouse import Retention, open_clickhouse
from cta_server.store.journal import open_journal
from cta_server.store.relay import open_alone, open_relay

TOGETHER_SECONDS: Final = 1.0
"""Signals this close are one wish to stop. `timeout` and supervisors signal the group as well as the process, some
milliseconds apart; a person who presses Ctrl-C again has first seen for a second that it does not end."""

log = structlog.get_logger(__name__)


def build_runtime(configuration: Configuration) -> Runtime:
    """The runtime over the store that the configuration names. Raises `StoreError` or `InvalidInput`."""
    settings = configuration.settings
    consumers = {name: consumer_spec(name, consumer) for name, consumer in settings.consumers.items()}
    meanings.check(settings.memory.word_vectors)
    webhooks = build_webhooks(settings.notify)
    folder = Path(settings.store.path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        told = "it is no folder" if folder.exists() else error.strerror or str(error)
        raise InvalidInput.of("store.path", f"the folder {folder} cannot be made: {told}") from error
    journal = open_journal(folder / "journal.db")
    try:
        storage = open_storage(journal, settings.store)
    except BaseException:
        journal.close()
        raise
    sources = Path(settings.sources.folder) if settings.sources.folder else None
    adviser = Adviser(settings.adviser) if settings.adviser.url else None
    return Runtime(
        storage=storage,
        consumers=consumers,
        sources_folder=sources,
        clock=time.time,
        adviser=adviser,
        settle_seconds=settings.otlp.settle_seconds,
        wait_seconds=settings.otlp.wait_seconds,
        word_vectors=settings.memory.word_vectors,
        webhooks=webhooks,
    )


def build_webhooks(settings: NotifySettings) -> Webhooks:
    """The webhooks, with the secrets that the configuration names. Raises `InvalidInput`."""
    chance = secrets.SystemRandom().random
    return Webhooks(settings, environment=os.environ, describe=notice.data, clock=time.time, chance=chance)


def open_storage(journal: Journal, store: StoreSettings) -> Storage:
    """The journal with the archive that the configuration names. Raises `StoreError` or `InvalidInput`."""
    folder = Path(store.path)
    path = folder / "archive.db"
    if not store.archive:
        return Storage(journal, open_alone(path))
    url = f"chdb://{folder.absolute() / 'archive'}" if store.archive == "chdb://" else store.archive
    retention = Retention(events_days=store.keep_events_days, history_days=store.keep_history_days)
    relay = open_relay(
        path,
        url,
        opener=partial(open_clickhouse, url, retention),
        limit=store.spool_bytes,
        by_age=store.keep_events_days > 0,
        chance=secrets.SystemRandom(),
    )
    return Storage(journal, relay, history=relay.history, spool=relay.spool)


def consumer_spec(name: str, consumer: ConsumerSettings) -> ConsumerSpec:
    """A consumer as the stages know it. Raises `InvalidInput`."""
    spec = ConsumerSpec(
        name=name,
        stages=tuple(
            StageSpec(name=stage.name, call=stage.call, kind=StageKind(stage.kind)) for stage in consumer.stages
        ),
        path=consumer.path,
        memory_mib=consumer.memory_mib,
    )
    spec.check()
    return spec


async def serve(configuration: Configuration, *, port_file: Path | None = None) -> None:
    """Serves until SIGTERM or SIGINT; a second signal, a second later or more, ends at once.

    Whether the server can listen is looked at first: opening the store may bring it up to date, and a start that fails
    must not. The port is open, and health says NOT_SERVING, while the runtime recovers. `port_file` gets the port once
    the server serves.
    """
    check_listening(configuration.settings.server)
    runtime = build_runtime(configuration)
    server = build_server(runtime, configuration)
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask)
    try:
        port = await server.start()
        log.info("listening", address=f"{configuration.settings.server.host}:{port}", pid=os.getpid())
        await runtime.start()
        await server.ready()
        # What stands now lives as long as the process. Looking through it for garbage would stop the loop for 50 ms.
        gc.collect()
        gc.freeze()
        log.info("serving")
        if port_file is not None:
            _write_whole(port_file, str(port))
        await stop.asked.wait()
    finally:
        log.info("stopping")
        await server.stop()
        await runtime.stop()


class Stop:
    """What signals ask for: to stop in order, and when they insist, at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._since = 0.0

    def ask(self) -> None:
        """A signal came."""
        now = asyncio.get_running_loop().time()
        if not self.asked.is_set():
            self._since = now
            self.asked.set()
        elif now - self._since >= TOGETHER_SECONDS:
            sys.stderr.write("stopped at once by a second signal; what was unfinished is in the journal\n")
            os._exit(1)


def _write_whole(file: Path, text: str) -> None:
    """Writes a file that a reader sees whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
