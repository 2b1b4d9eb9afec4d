"""One real server for the tests of the command line; each test uses streams of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from cta_client.cli.root import cta
from helpers.server import LiveServer, live_server

# As `cta_client.cli.main` does: gRPC's own messages are no part of what is printed.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that serves all tests of this folder."""
    with live_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def run(server: LiveServer) -> Run:
    """Runs one command against the server: `run("streams", "list", code=0)`."""

    def invoke(*arguments: str, code: int = 0, text: str | bytes | None = None) -> Result:
        told = CliRunner(env={"CTA_SERVER": server.address}).invoke(cta, arguments, input=text)
        assert told.exit_code == code, f"cta {' '.join(arguments)}: {told.exit_code}\n{told.output}\n{told.exception!r}"
        return told

    return invoke
