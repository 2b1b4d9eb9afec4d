"""Table of what webhooks are told, out of the core's own list."""

from __future__ import annotations

from cta_core.notice import PING, TYPES
from pages import text
from pages.text import code


def table() -> str:
    """Every type of event and when it comes."""
    told = {**TYPES, PING: "a person tests the webhook; no filter holds it back"}
    return text.table(("type", "when"), ((code(type_), words) for type_, words in told.items()))
