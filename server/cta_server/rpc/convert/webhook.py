"""Webhooks and the answers of their tests, out."""

from __future__ import annotations

from typing import Final

from cta.v1 import webhook_pb2 as api
from cta_server.rpc.convert.scalars import timestamp
from cta_server.rpc.convert.words import Words
from cta_server.runtime.notify.webhook import WebhookStanding, WebhookState

STATES: Final = Words(api.WebhookState, WebhookState)


def webhook(core: WebhookStanding) -> api.Webhook:
    """A webhook as a message."""
    return api.Webhook(
        name=core.name,
        host=core.host,
        state=STATES.numbers[core.state],
        signed=core.signed,
        types=core.types,
        streams=core.streams,
        waiting_count=core.waiting_count,
        oldest_waiting_time=timestamp(core.waiting_since),
        delivered_count=core.delivered_count,
        skipped_count=core.skipped_count,
        last_success_time=timestamp(core.success_time),
        failure_count=core.failure_count,
        last_error=core.error,
        last_error_time=timestamp(core.error_time),
        retry_time=timestamp(core.retry_time),
    )
