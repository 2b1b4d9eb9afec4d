"""The contract of the archive over a relay whose ClickHouse is behind HTTP: each test of `store/test_archive`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cta_server.runtime.ports import Archive
from helpers.relays import relay
from store import test_archive
from wire.test_contract import OPENS_ITS_OWN


@pytest.fixture
def archive(tmp_path: Path, url: str) -> Iterator[Archive]:
    """An empty archive, as those see it who ask for all of its history."""
    store = relay(tmp_path, url, by_age=False).history
    yield store
    store.close()


globals().update(
    {name: test for name, test in vars(test_archive).items() if name.startswith("test_") and name not in OPENS_ITS_OWN}
)
