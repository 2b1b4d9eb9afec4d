"""The generated parts of the documentation, by the name of their mark."""

from __future__ import annotations

from collections.abc import Callable

from pages import api, errors, guard, notices, settings, sizes, steps, tables

PARTS: dict[str, Callable[[], str]] = {
    "settings": settings.table,
    "policy": settings.policy_table,
    "autonomy": settings.autonomy_table,
    "in-consumer": settings.in_consumer_table,
    "limits": settings.limits_table,
    "notices": notices.table,
    "guard-options": guard.options,
    "sizes": sizes.table,
    "step-list": steps.overview,
    "steps": steps.sections,
    "conditions": steps.conditions,
    "services": api.services,
    "calls": api.calls,
    "messages": api.messages,
    "reasons": errors.reasons,
    "store-tables": tables.both,
}

__all__ = ["PARTS"]
