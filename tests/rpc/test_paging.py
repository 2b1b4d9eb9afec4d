"""Pages: keyset tokens that belong to one list, and pages that fit into a message."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta.v1 import event_service_pb2, run_service_pb2, stream_pb2
from cta_core.errors import InvalidInput
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.paging import BLOCK, DEFAULT_SIZE, MAX_BYTES, MAX_SIZE, Page
from cta_server.rpc.refusals import PageTokenMismatch


class Thing(msgspec.Struct):
    """An entry of a list."""

    key: int
    size: int = 0


def request(page_size: int = 0, page_token: str = "") -> run_service_pb2.ListRunsRequest:
    """A request for a page."""
    return run_service_pb2.ListRunsRequest(page_size=page_size, page_token=page_token)


async def walk(things: list[Thing], size: int) -> list[list[int]]:
    """All pages of a list, by keys."""
    pages: list[list[int]] = []
    token = ""
    while True:
        page = Page(request(size, token), 0, "filter", problems=Problems())

        async def read(after: int, limit: int) -> list[Thing]:
            return [thing for thing in things if thing.key > after][:limit]

        entries, token = await page.collect(
            read,
            lambda thing: stream_pb2.Stream(stream_id=str(thing.key), description="x" * thing.size),
            lambda t: t.key,
        )
        pages.append([int(entry.stream_id) for entry in entries])
        if not token:
            return pages


@given(count=st.integers(0, 350), size=st.integers(1, 120))
async def test_a_walk_over_pages_shows_every_entry_once_and_in_order(count: int, size: int) -> None:
    """Pages together are the list; each but the last is full, and only an empty list has an empty page."""
    pages = await walk([Thing(key + 1) for key in range(count)], size)
    assert [key for page in pages for key in page] == list(range(1, count + 1))
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages) == max(1, -(-count // size))


async def test_a_page_of_large_entries_ends_early_and_goes_on() -> None:
    """Entries of a megabyte come a few at a time, a single one beyond the limit comes alone, and none is left out."""
    sizes = [MAX_BYTES // 3, MAX_BYTES // 3, MAX_BYTES // 3, MAX_BYTES * 2, 1, 1]
    pages = await walk([Thing(key + 1, size) for key, size in enumerate(sizes)], 100)
    assert pages == [[1, 2], [3], [4], [5, 6]]


async def test_a_page_reads_its_entries_in_blocks() -> None:
    """The store is never asked for more than a block at once."""
    asked: list[int] = []
    page = Page(request(MAX_SIZE), 0, problems=Problems())

    async def read(after: int, limit: int) -> list[Thing]:
        asked.append(limit)
        return [Thing(after + n + 1) for n in range(limit)]

    entries, token = await page.collect(read, lambda t: stream_pb2.Stream(stream_id=str(t.key)), lambda t: t.key)
    assert len(entries) == MAX_SIZE
    assert token
    assert max(asked) <= BLOCK


def test_sizes_are_zero_for_the_default_coerced_above_and_refused_below() -> None:
    """0 means 50, more than 1000 means 1000, and a negative size is a violation."""
    assert Page(request(0), 0, problems=Problems()).size == DEFAULT_SIZE
    assert Page(request(5000), 0, problems=Problems()).size == MAX_SIZE
    problems = Problems()
    Page(request(-1), 0, problems=problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert raised.value.violations[0].field == "page_size"


async def a_token(*filters: str) -> str:
    """A token of a list with filters."""
    page = Page(request(1), 0, *filters, problems=Problems())

    async def read(after: int, limit: int) -> list[Thing]:
        return [Thing(after + n + 1) for n in range(limit)]

    _, token = await page.collect(read, lambda t: stream_pb2.Stream(stream_id=str(t.key)), lambda t: t.key)
    return token


async def test_a_token_of_other_filters_or_of_another_list_is_a_mismatch() -> None:
    """A token goes with its list, its filters and the kind of its key."""
    token = await a_token("payments")
    assert Page(request(1, token), 0, "payments", problems=Problems()).after == 1
    with pytest.raises(PageTokenMismatch):
        Page(request(1, token), 0, "orders", problems=Problems())
    with pytest.raises(PageTokenMismatch):
        Page(request(1, token), "", "payments", problems=Problems())
    other = event_service_pb2.ListQuarantinedRequest(page_token=token)
    with pytest.raises(PageTokenMismatch):
        Page(other, 0, "payments", problems=Problems())


@given(text=st.text(min_size=1, max_size=40))
def test_a_text_that_is_no_token_is_a_mismatch_and_nothing_else(text: str) -> None:
    """Any text raises the one error, or is a token."""
    with pytest.raises(PageTokenMismatch):
        Page(request(1, text), 0, problems=Problems())
