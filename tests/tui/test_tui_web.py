"""`cta tui --web`: a browser's tab gets the room. A tab is a page and a socket; both are asked for here."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from helpers.server import LiveServer, environment


@pytest.mark.timeout(60)
async def test_a_tab_shows_the_room(server: LiveServer, tmp_path: Path) -> None:
    """The page is served on this machine only, and its socket brings the room's first screen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cta_tui", "--connect", server.address, "--web", "--web-port", str(port)),
        cwd=tmp_path,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as browser:
            page = await first_page(browser, f"http://127.0.0.1:{port}/")
            assert "CTA-ACT" in page
            screen = b""
            async with browser.ws_connect(f"http://127.0.0.1:{port}/ws?width=100&height=30") as tab:
                async with asyncio.timeout(40):
                    while b"CTA-ACT" not in screen or b"live" not in screen:
                        message = await tab.receive()
                        if message.type is aiohttp.WSMsgType.BINARY:
                            screen += message.data
                        else:
                            assert message.type is aiohttp.WSMsgType.TEXT, message
    finally:
        process.terminate()
        await process.wait()


async def first_page(browser: aiohttp.ClientSession, address: str) -> str:
    """The page, once it is served."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with browser.get(address) as answer:
                    assert answer.status == 200
                    return await answer.text()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
