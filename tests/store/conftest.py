"""Every test of the contract runs on every implementation of the ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cta_server.runtime.ports import Archive, Journal
from helpers.stores import ARCHIVES, JOURNALS


@pytest.fixture(params=JOURNALS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    store = JOURNALS[request.param](tmp_path)
    yield store
    store.close()


@pytest.fixture(params=ARCHIVES)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive."""
    store = ARCHIVES[request.param](tmp_path)
    yield store
    store.close()
