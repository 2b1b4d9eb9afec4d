"""A ClickHouse server to speak to: the front over the embedded engine, and the one that the environment names, if any.

With `CTA_TEST_CLICKHOUSE_URL=clickhouse://USER:PASSWORD@HOST:PORT` the contract runs against that server as well, in
databases of its own that it drops afterwards. Without the embedded engine nothing here can run.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest

from cta_server.runtime.ports import Archive
from cta_server.store.clickhouse import open_clickhouse
from cta_server.store.clickhouse.engine import open_engine
from helpers.clickhouse_front import ClickHouseFront, clickhouse_front

SERVER = os.environ.get("CTA_TEST_CLICKHOUSE_URL", "")

collect_ignore_glob = [] if find_spec("chdb") is not None else ["test_*.py"]


@pytest.fixture(scope="session")
def shared_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseFront]:
    """One front for all tests."""
    with clickhouse_front(tmp_path_factory.mktemp("front") / "data") as front:
        yield front


@pytest.fixture
def front(shared_front: ClickHouseFront) -> Iterator[ClickHouseFront]:
    """The front, with nothing going wrong yet, nor afterwards."""
    shared_front.calm()
    yield shared_front
    shared_front.calm()


@pytest.fixture
def url(front: ClickHouseFront) -> Iterator[str]:
    """An empty database of the front."""
    yield from _fresh_database(front.url())


@pytest.fixture(params=["front", "server"] if SERVER else ["front"])
def archive(request: pytest.FixtureRequest, front: ClickHouseFront) -> Iterator[Archive]:
    """An empty archive over HTTP."""
    for url in _fresh_database(front.url() if request.param == "front" else SERVER):
        store = open_clickhouse(url)
        yield store
        store.close()


def _fresh_database(url: str) -> Iterator[str]:
    name = f"cta_test_{uuid.uuid4().hex[:12]}"
    engine = open_engine(url)
    try:
        engine.change(f"CREATE DATABASE `{name}`")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            engine.change(f"DROP DATABASE `{name}`")
    finally:
        engine.close()
