"""A server that is killed and comes back under the room, ten times."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from cta.v1.incident_pb2 import INCIDENT_STATE_AWAITING_APPROVAL
from cta.v1.stream_pb2 import AUTONOMY_APPROVE
from cta_client.channel import connect
from cta_tui.model import Link
from helpers.room import model_of, room, screen_text, until
from helpers.server import close, start_server
from helpers.stage import set_up

KILLS = 10


def lasting_port() -> int:
    """A free port that stays free while the server is away.

    Below the range out of which the system takes ports for calls: there a room that calls again and again may be given
    the server's own port, and then it talks to itself and the server cannot come back.
    """
    while True:
        port = random.randint(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.mark.timeout(120)
async def test_ten_kills(tmp_path: Path) -> None:
    """Each time the room says how old its picture is, keeps it, comes back by itself, and shows what is true."""
    port = lasting_port()
    server = start_server(tmp_path / "server", port=port)
    try:
        async with connect(server.address) as client:
            stage = await set_up(client, AUTONOMY_APPROVE)
            await stage.drifts()
            incident = await stage.incident(INCIDENT_STATE_AWAITING_APPROVAL)
        async with room(server.address, tmp_path) as pilot:
            await until(lambda: incident.incident_id in model_of(pilot).incidents)
            for _ in range(KILLS):
                server.kill()
                close(server)
                await until(lambda: model_of(pilot).link is Link.LOST)
                await until(lambda: "× offline" in screen_text(pilot))
                lost = model_of(pilot)
                assert lost.incidents[incident.incident_id].state == "AWAITING APPROVAL"
                assert not lost.live
                await pilot.press("a")
                assert len(pilot.app.screen_stack) == 1
                await until(
                    lambda: "while the picture is old" in screen_text(pilot) or "No server" in screen_text(pilot)
                )
                server = start_server(tmp_path / "server", port=port)
                await until(lambda: model_of(pilot).live and model_of(pilot).synced)
                await until(lambda: "✓ live" in screen_text(pilot))
                assert model_of(pilot).incidents[incident.incident_id].state == "AWAITING APPROVAL"
            assert pilot.app._exception is None
    finally:
        close(server)


async def test_a_room_without_a_server_waits_and_says_so(tmp_path: Path) -> None:
    """The room paints without a server, names the address, and is there when the server comes."""
    from cta_tui.app import ControlRoom
    from cta_tui.feed import Feed

    port = lasting_port()
    address = f"127.0.0.1:{port}"
    app = ControlRoom(address, feed=lambda tell: Feed(connect(address), tell, actor="tester", folder=tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: f"no server at {address}" in screen_text(pilot))
        server = start_server(tmp_path / "server", port=port)
        try:
            await until(lambda: app.model.live)
            await until(lambda: "no server" not in screen_text(pilot))
            assert app.model.live
        finally:
            close(server)


async def test_a_wrong_token_is_said(tmp_path: Path) -> None:
    """A server that does not want us is told apart from one that is away."""
    server = start_server(tmp_path / "server", env={"CTA_SERVER_TOKEN": "right"})
    try:
        from cta_tui.app import ControlRoom
        from cta_tui.feed import Feed

        client = connect(server.address, token="wrong")  # noqa: S106 - a wrong one
        app = ControlRoom(server.address, feed=lambda tell: Feed(client, tell, actor="tester", folder=tmp_path))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: "× refused" in screen_text(pilot))
            assert "--token" in app.model.why
    finally:
        close(server)
