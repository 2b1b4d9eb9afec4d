"""A server that still recovers: who waits for it, for how long, and what is told."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from cta.v1.stream_pb2 import Stream
from cta.v1.stream_service_pb2 import CreateStreamRequest, ListStreamsRequest
from cta.v1.system_service_pb2 import WatchStatsRequest
from cta_client.channel import connect
from cta_client.cli.exits import Exit
from cta_client.cli.output import Output
from cta_client.cli.verb import perform
from cta_client.errors import Busy
from helpers import command
from helpers.api import Server, serving
from helpers.server import environment


def recovering(server: Server) -> str:
    """Makes it answer as while it recovers, and returns its address."""
    server.runtime.ready = False
    return f"127.0.0.1:{server.port}"


async def test_calls_and_watches_wait_with_patience(tmp_path: Path) -> None:
    """Each call is made again until the server serves, also one that changes something; waiting is told once."""
    async with serving(tmp_path) as server:
        told: list[str] = []

        def waiting() -> None:
            told.append("waiting")
            asyncio.get_running_loop().call_later(0.1, setattr, server.runtime, "ready", True)

        async with connect(recovering(server), patience=10, waiting=waiting) as client:
            made = client.streams.CreateStream(CreateStreamRequest(stream=Stream(stream_id="s")))
            first = anext(aiter(client.system.WatchStats(WatchStatsRequest())))
            _, stats = await asyncio.gather(made, first)
            assert stats.HasField("stats")
            assert [
                stream.stream_id for stream in (await client.streams.ListStreams(ListStreamsRequest())).streams
            ] == ["s"]
        assert told == ["waiting"]


@pytest.mark.parametrize("patience", [0.0, 2.5])
async def test_patience_ends(tmp_path: Path, patience: float) -> None:
    """Without any the refusal comes at once; with some it comes as it would have, after a try or two."""
    async with serving(tmp_path) as server:
        told: list[str] = []
        async with connect(recovering(server), patience=patience, waiting=lambda: told.append("waiting")) as client:
            with pytest.raises(Busy, match="RECOVERING"):
                await client.streams.ListStreams(ListStreamsRequest())
        assert len(told) == bool(patience)


async def test_a_verb_waits_for_the_server_and_says_so(tmp_path: Path) -> None:
    """A command right after the start of a server says on stderr that it waits, and does its work."""
    async with serving(tmp_path) as server:
        verb = await asyncio.create_subprocess_exec(
            *command.CTA, "streams", "create", "s",
            env=environment(CTA_SERVER=recovering(server)), stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert verb.stderr is not None
        assert b"is starting: waiting up to 10 s" in await verb.stderr.readline()
        server.runtime.ready = True
        out, err = await verb.communicate()
        assert (verb.returncode, err) == (Exit.DONE, b"")
        assert b"s" in out


@pytest.mark.parametrize("reason", ["RECOVERING", "DRAINING"])
def test_a_server_that_comes_or_goes_counts_as_away(reason: str) -> None:
    """A script may repeat what a server refused because it starts or stops, as when there is none."""

    async def session() -> None:
        raise Busy("no", reason=reason)

    assert perform(session, Output(json=False)) is Exit.NO_CONNECTION


def test_a_server_that_is_full_does_not_count_as_away() -> None:
    """Other refusals that pass are refusals."""

    async def session() -> None:
        raise Busy("no", reason="TOO_MANY_CALLS")

    assert perform(session, Output(json=False)) is Exit.REFUSED
