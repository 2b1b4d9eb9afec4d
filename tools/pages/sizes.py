"""The table of the largest things that the API takes, out of the constants that refuse more."""

from __future__ import annotations

from cta_core.adapter.compile import MAX_CONDITIONS, MAX_STEPS
from cta_core.adapter.guard import MAX_PATTERN
from cta_core.stream import Policy
from cta_server.config import ServerSettings
from cta_server.rpc.convert.event import MAX_BATCH_BYTES, MAX_EVENT_ID, MAX_EVENTS
from cta_server.rpc.convert.problems import MAX_NAME, MAX_REQUEST_ID, MAX_TEXT
from cta_server.rpc.convert.run import MAX_TRACE
from cta_server.rpc.paging import MAX_BYTES, MAX_SIZE
from pages import text

MIB = 1024 * 1024


def table() -> str:
    """What, how much, and what happens to more."""
    refused = "`FIELD_INVALID`"
    rows = (
        ("events of a batch", f"{MAX_EVENTS:,}", refused),
        ("bytes of a batch of more than one event", f"{MAX_BATCH_BYTES // MIB} MiB", refused),
        ("bytes of an event", f"{Policy().max_event_bytes // MIB} MiB, `policy.max_event_bytes`", "held, `TOO_LARGE`"),
        ("nesting of an event", f"{Policy().max_depth}, `policy.max_depth`", "held, `TOO_DEEP`"),
        (
            "bytes of a message",
            f"{ServerSettings().max_message_bytes // MIB} MiB, `server.max_message_bytes`",
            "`RESOURCE_EXHAUSTED`, by gRPC itself",
        ),
        ("characters of an event id", str(MAX_EVENT_ID), refused),
        ("characters of a request id", str(MAX_REQUEST_ID), refused),
        ("characters of an actor, a stage's name, an error's type", str(MAX_NAME), refused),
        ("characters of a comment, an error's message", f"{MAX_TEXT:,}", refused),
        ("steps of an adapter", str(MAX_STEPS), refused),
        ("conditions of a guard, or of a step", str(MAX_CONDITIONS), refused),
        ("characters of a pattern", f"{MAX_PATTERN:,}", refused),
        ("entries of a trace", f"{MAX_TRACE:,}", refused),
        ("entries of a page", f"{MAX_SIZE:,}, and {MAX_BYTES // MIB} MiB", "the page ends earlier"),
    )
    return text.table(("what", "at most", "more is"), rows)
