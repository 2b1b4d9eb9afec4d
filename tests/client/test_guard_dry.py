"""One event in a dry run: what the handler's end says of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from cta.v1 import canary_task_pb2 as api
from cta_client.guard import Desk, EventsFailed, dry_run
from cta_client.guard.dry import NoLoop, answer_of
from cta_client.guard.handler import AsyncGuarded, Guarded
from cta_client.guard.picture import Picture
from cta_core.gate import Gate
from helpers.payments import CONTRACT, payment, raw

NO_DESK = cast("Desk", None)
"""A dry run has nothing to do with the desk."""


def gate() -> Gate:
    """The gate of payments."""
    return Picture(stream_id="s", contract_json=json.dumps(CONTRACT)).gate()


def plain(handler: Callable[[Any], Any], *, batch: bool = False, limit: float = 1.0) -> api.CanaryAnswer:
    """What a plain handler says of a payment."""
    return answer_of(gate(), raw(payment(1)), Guarded(NO_DESK, handler, stage="s", batch=batch), handler, limit)


def test_a_handler_that_takes_too_long_has_failed() -> None:
    """Also when it took the event in the end."""
    answer = plain(lambda _: time.sleep(0.03), limit=0.01)
    assert (answer.outcome, answer.error_type) == (api.CANARY_OUTCOME_HANDLER_RAISED, "HandlerTimeLimit")
    assert answer.error_message == "took longer than 10 ms"
    assert answer.latency.ToMilliseconds() >= 30


def test_a_batch_handler_is_given_one_event_and_its_own_error_counts() -> None:
    """What `EventsFailed` carries is told, not the wrapper."""

    def book(events: list[dict[str, Any]]) -> None:
        assert len(events) == 1
        assert dry_run()
        raise EventsFailed({0: LookupError("no account")})

    answer = plain(book, batch=True)
    assert (answer.error_type, answer.error_message) == ("LookupError", "no account")
    assert not dry_run()


def test_an_event_that_breaks_the_contract_reaches_no_handler() -> None:
    """The worker's own gate comes first."""
    seen: list[Any] = []
    answer = answer_of(gate(), b'{"id": "p1"}', Guarded(NO_DESK, seen.append, stage="s", batch=False), seen.append, 1.0)
    assert answer.outcome == api.CANARY_OUTCOME_CONTRACT_BROKEN
    assert answer.error_message
    assert seen == []


async def test_a_coroutine_that_never_ends_is_ended_at_its_limit() -> None:
    """The author's loop goes on, and the event has failed."""
    ended: list[bool] = []

    async def book(_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(dry_run())

    guarded = AsyncGuarded[None](NO_DESK, book, stage="s", batch=False)
    guarded.loop = asyncio.get_running_loop()
    answer = await asyncio.to_thread(answer_of, gate(), raw(payment(1)), guarded, book, 0.05)
    assert (answer.outcome, answer.error_type) == (api.CANARY_OUTCOME_HANDLER_RAISED, "HandlerTimeLimit")
    assert ended == [True]


def test_a_closed_loop_ends_the_offer() -> None:
    """Nothing can be said of events whose handler has no loop any more."""

    async def book(_: Any) -> None: ...

    guarded = AsyncGuarded[None](NO_DESK, book, stage="s", batch=False)
    guarded.loop = asyncio.new_event_loop()
    guarded.loop.close()
    with pytest.raises(NoLoop):
        answer_of(gate(), raw(payment(1)), guarded, book, 1.0)
