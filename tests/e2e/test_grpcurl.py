"""grpcurl itself, built from its source: every example of the pages, by reflection alone, against a live server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cta.v1 import incident_service_pb2
from helpers.pages import DEFAULT, DOCS, PAGES, Shell, blocks, commands
from helpers.server import LiveServer, live_server

pytestmark = pytest.mark.timeout(400)  # from nothing it is built in a minute on two cores, from its cache in a second

VERSION = "v1.9.4"
BUF_CURL = re.compile(r"buf curl --protocol grpc --http2-prior-knowledge http://(?P<address>[^/]+)/(?P<call>\S+)")


@pytest.fixture(scope="module", params=filter(None, [shutil.which("go")]), ids=["go"])
def grpcurl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, where there is Go to build it."""
    folder = tmp_path_factory.mktemp("bin")
    command = [request.param, "install", f"github.com/fullstorydev/grpcurl/cmd/grpcurl@{VERSION}"]
    done = subprocess.run(
        command, env={**os.environ, "GOBIN": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return str(folder / "grpcurl")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the stream that the pages speak of."""
    with live_server(tmp_path_factory.mktemp("server")) as server:
        yield server


def called(grpcurl: str, *arguments: str, code: int = 0) -> str:
    """What it prints, errors included."""
    done = subprocess.run([grpcurl, "-plaintext", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def written(command: str) -> str:
    """A `buf curl` example as grpcurl takes it: `-d` comes first, the address by itself."""
    found = BUF_CURL.search(command)
    assert found is not None
    words = shlex.split(command[found.end() :], comments=True)
    return shlex.join(["grpcurl", "-plaintext", *words, found["address"], found["call"]])


def test_the_examples_of_the_api_page_work_with_grpcurl(grpcurl: str, tmp_path: Path) -> None:
    """The page's grpcurl commands run in order on a new server, and say the same as its buf commands."""
    page = DOCS / "api.md"
    given = [command for block in blocks(page) for command in commands(block.text)]
    examples = [command for command in given if command.startswith("grpcurl ")]
    assert [shlex.split(command) for command in examples] == [
        shlex.split(written(command)) for command in given if command.startswith("buf curl")
    ]
    with Shell(tmp_path) as shell:
        shell.run("cta serve --store store", page.name)
        for command in examples:
            shell.run(command.replace("grpcurl", grpcurl, 1), page.name)
        assert '"OUTCOME_KIND_HEALTHY"' in shell.written


def test_every_other_example_of_a_page_works_with_grpcurl(grpcurl: str, running: LiveServer) -> None:
    """What README and pages show for buf is answered to grpcurl as well."""
    other = [
        command
        for page in PAGES
        if page.name != "api.md"
        for block in blocks(page)
        for command in commands(block.text)
        if command.startswith("buf curl")
    ]
    assert other
    made = {"stream": {"stream_id": "orders"}}
    called(grpcurl, "-d", json.dumps(made), running.address, "cta.v1.StreamService/CreateStream")
    for command in other:
        _, _, *words = shlex.split(written(command).replace(DEFAULT, running.address))
        assert json.loads(called(grpcurl, *words))


def test_the_contract_is_read_by_reflection(grpcurl: str, running: LiveServer) -> None:
    """Services are listed, and a method is described with its comment's types."""
    listed = called(grpcurl, running.address, "list").split()
    assert {"cta.v1.EventService", "grpc.health.v1.Health"} <= set(listed)
    methods = called(grpcurl, running.address, "list", "cta.v1.IncidentService").split()
    assert set(methods) == {
        f"cta.v1.IncidentService.{method.name}"
        for method in incident_service_pb2.DESCRIPTOR.services_by_name["IncidentService"].methods
    }
    assert "string resume_token" in called(grpcurl, running.address, "describe", ".cta.v1.WatchAdaptersRequest")


def test_a_watch_and_an_error_are_shown(grpcurl: str, running: LiveServer) -> None:
    """A stream's first messages come until its deadline; a refusal shows code, reason and metadata."""
    watch = ("-max-time", "2", "-d", '{"interval":"0.2s"}', running.address, "cta.v1.SystemService/WatchStats")
    stats = called(grpcurl, *watch, code=68)
    assert stats.count('"server_time"') > 1
    assert "DeadlineExceeded" in stats
    refusal = called(
        grpcurl, "-d", '{"stream_id":"nowhere"}', running.address, "cta.v1.StreamService/GetStream", code=69
    )
    assert "NotFound" in refusal
    assert "STREAM_NOT_FOUND" in refusal
    assert '"stream_id": "nowhere"' in refusal
