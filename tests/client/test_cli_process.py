"""The command line as a process: watches over restarts, interrupts, tokens, and the server's own command."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from cta_client.cli.exits import Exit
from helpers import command, shop
from helpers.server import environment, live_server, start_server
from helpers.stores import older

pytestmark = pytest.mark.timeout(60)
"""Servers start and are killed here; the usual 20 s are for single acts."""


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_watch_survives_a_crash_of_the_server(tmp_path: Path) -> None:
    """A watch goes on after kill -9 and a restart on the same port, and tells the next incident."""
    port = free_port()
    first = start_server(tmp_path / "server", port=port)
    healthy = shop.write(tmp_path / "healthy.jsonl", shop.orders(200))
    drifted = shop.write(tmp_path / "drifted.jsonl", shop.orders(20), shop.renamed)
    env = {"CTA_SERVER": first.address}
    for stream in ("before", "after"):
        command.ended("streams", "create", stream, folder=tmp_path, **env)
        assert command.ended("streams", "learn", stream, str(healthy), folder=tmp_path, **env).returncode == 0
    with command.started("incidents", "list", "--watch", "-o", "json", folder=tmp_path, **env) as watch:
        assert watch.stdout is not None
        assert command.ended("events", "process", "before", str(drifted), folder=tmp_path, **env).returncode == 0
        assert next_stream(watch.stdout, "before")
        first.kill()
        assert first.process.stdin is not None
        first.process.stdin.close()
        with live_server(tmp_path / "server", port=port):
            done = command.ended("events", "process", "after", str(drifted), folder=tmp_path, **env)
            assert done.returncode == 0, done.stderr
            assert next_stream(watch.stdout, "after")
            watch.send_signal(signal.SIGINT)
            _out, err = watch.communicate(timeout=10)
            assert watch.returncode == Exit.INTERRUPTED
            assert "Trying again" in err


def next_stream(lines: IO[str], stream: str) -> bool:
    """Reads incidents until one of this stream comes."""
    return any(json.loads(line)["streamId"] == stream for line in lines)


def test_a_token_opens_the_server(tmp_path: Path) -> None:
    """Without the token every call is refused in words; with it calls work."""
    with live_server(tmp_path / "server", env={"CTA_SERVER_TOKEN": "secret"}) as server:
        env = {"CTA_SERVER": server.address}
        refused = command.ended("streams", "list", folder=tmp_path, **env)
        assert refused.returncode == Exit.REFUSED
        assert "UNAUTHENTICATED" in refused.stderr
        assert "CTA_TOKEN" in refused.stderr
        assert command.ended("streams", "list", folder=tmp_path, CTA_TOKEN="secret", **env).returncode == Exit.DONE  # noqa: S106
        assert "secret" not in server.log


def serve(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The server's command, where it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "cta_server", *arguments],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_second_server_on_a_store_is_refused(tmp_path: Path) -> None:
    """Two servers never share a store: the second says who has it."""
    with live_server(tmp_path / "server") as server:
        done = serve("--port", "0", "--store", str(server.folder / "store"), folder=tmp_path)
        assert done.returncode == 1
        assert "in use" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_before_a_store_is_touched(tmp_path: Path) -> None:
    """A port that is in use is an error in words, and an older store stays one: its release may be what listens."""
    older(tmp_path / "old")
    before = {file.name: file.read_bytes() for file in (tmp_path / "old").iterdir()}
    with live_server(tmp_path / "server") as server:
        port = server.address.rpartition(":")[2]
        done = serve("--port", port, "--store", str(tmp_path / "old"), folder=tmp_path)
        assert done.returncode == 2
        assert f"server.port: {port}" in done.stderr
        assert "Traceback" not in done.stderr
    assert {file.name: file.read_bytes() for file in (tmp_path / "old").iterdir()} == before


@pytest.mark.parametrize(
    ("option", "value", "key"),
    [
        ("--host", "999.1.1.1", "server.host"),
        ("--host", "192.0.2.1", "server.host"),
        ("--store", "/proc/store", "store.path"),
        ("--store", "file", "store.path"),
        ("--set", "store.archive=chdb:///proc/archive", "store.archive"),
    ],
)
def test_a_place_that_cannot_be_had_is_named_by_its_key(tmp_path: Path, option: str, value: str, key: str) -> None:
    """An address that is not this machine's, and a folder that cannot be made, are told in one line, by key."""
    (tmp_path / "file").write_text("no folder")
    done = serve("--port", "0", option, value, folder=tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {key}: ")
    assert "Errno" not in done.stderr
    assert "Stack trace" not in done.stderr


def test_signals_that_come_together_are_one_wish_to_stop(tmp_path: Path) -> None:
    """A supervisor that signals the process and its group gets a stop in order, with code 0."""
    server = start_server(tmp_path / "server")
    for _ in range(3):
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.005)  # long enough to be signals of their own, which the kernel would join otherwise
    assert server.process.wait(15) == 0
    assert "at once" not in server.log
    assert server.process.stdin is not None
    server.process.stdin.close()


@pytest.mark.parametrize("setting", ["log.levle=debug", "log.level=loud", "novalue"])
def test_a_wrong_configuration_is_a_usage_error(tmp_path: Path, setting: str) -> None:
    """A key or value that the server does not know is told before anything is opened."""
    done = serve("--store", str(tmp_path / "store"), "--set", setting, folder=tmp_path)
    assert done.returncode == 2
    assert "Error" in done.stderr
    assert not (tmp_path / "store").exists()


def test_the_server_stops_in_order_on_sigterm_and_at_the_end_of_input(tmp_path: Path) -> None:
    """SIGTERM and a closed standard input end the server with code 0."""
    server = start_server(tmp_path / "one")
    assert server.process.stdin is not None
    assert server.stop() == 0
    server.process.stdin.close()
    again = start_server(tmp_path / "one")
    assert again.process.stdin is not None
    again.process.stdin.close()
    assert again.process.wait(15) == 0


def test_reading_from_a_pipe_keeps_up(tmp_path: Path) -> None:
    """Events come through standard input, and passed ones leave through standard output."""
    with live_server(tmp_path / "server") as server:
        env = {"CTA_SERVER": server.address}
        command.ended("streams", "create", "piped", folder=tmp_path, **env)
        process = command.start(
            "events", "process", "piped", "-", "--passed", "-", folder=tmp_path, stdin=subprocess.PIPE, **env
        )
        lines = "".join(json.dumps(event) + "\n" for event in shop.orders(700))
        out, err = process.communicate(lines, timeout=30)
        assert process.returncode == 0, err
        assert out == lines
        assert "700 events: 700 healthy" in err


def completed(words: str, server: str, folder: Path) -> list[str]:
    """What bash is offered after these words."""
    done = command.ended(
        folder=folder,
        CTA_SERVER=server,
        _CTA_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert not done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_names_and_ids_are_completed(tmp_path: Path) -> None:
    """A shell completes commands, and ids by asking the server."""
    with live_server(tmp_path / "server") as server:
        for stream in ("orders", "other", "payments"):
            command.ended("streams", "create", stream, folder=tmp_path, CTA_SERVER=server.address)
        assert completed("cta stre", server.address, tmp_path) == ["streams"]
        assert completed("cta streams show o", server.address, tmp_path) == ["orders", "other"]


def test_completion_without_a_server_is_silent(tmp_path: Path) -> None:
    """Where nothing answers, nothing is offered and nothing is said."""
    assert completed("cta streams show o", "127.0.0.1:1", tmp_path) == []
