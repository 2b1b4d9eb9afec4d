"""The table of error reasons, out of the comments of `errors.proto` and of every RPC's "Fails with"."""

from __future__ import annotations

import re

from cta_server.rpc.errors import LATER
from pages import text
from pages.proto import contract
from pages.text import code

PREFIX = "ERROR_REASON_"
RETRY = {
    "UNAVAILABLE": "yes, after RetryInfo's delay",
    "RESOURCE_EXHAUSTED": "yes, after what the meaning says",
    "ABORTED": "look again, then decide",
}
"""Whether the same call may help, by code; all others need another call."""


def reasons() -> str:
    """Every reason."""
    rows = []
    for value in contract().kind("ErrorReason").fields:
        status, _, meaning = value.comment.partition(". ")
        if status == "Never sent.":
            continue
        reason = value.name.removeprefix(PREFIX)
        meaning, _, metadata = meaning.partition("metadata: ")
        if status == "NOT_FOUND" and not meaning:
            meaning = f"There is no such {reason.removesuffix('_NOT_FOUND').lower()}."
        rows.append(
            (code(reason), code(status), meaning, metadata.rstrip("."), RETRY.get(status, "no"), _raised_by(reason))
        )
    return text.table(("reason", "code", "meaning and remedy", "metadata", "repeat the call?", "answered by"), rows)


def _raised_by(reason: str) -> str:
    if reason in LATER:
        return "no call of this version"
    named = re.compile(rf"\b{reason}\b")
    rpcs = [rpc.name for service in contract().services for rpc in service.rpcs if named.search(rpc.fails)]
    return ", ".join(rpcs) or "any call"
