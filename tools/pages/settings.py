"""Tables of the configuration and of the policy, out of the docstrings of their structs."""

from __future__ import annotations

from cta_client.cli.settings import names
from cta_core.stream import Autonomy, InConsumer
from cta_server.config import LimitSettings, Row, config_reference
from cta_server.rpc.admission import GROUPS
from pages import text
from pages.text import code

POLICY = "policy."
LIMITS = "limits."


def table() -> str:
    """Every key but those of the policy, which have a page of their own."""
    rows = (row for row in config_reference() if not row.key.startswith(POLICY))
    return text.table(
        ("key", "environment", "type", "default", "meaning"),
        ((code(row.key), code(row.environment) or "file only", row.type, _default(row), row.meaning) for row in rows),
    )


def policy_table() -> str:
    """Every value of the policy: its three names, its default, and why it is that."""
    return text.table(
        ("key in the file", "`--set` and API", "default", "meaning, and where the value comes from"),
        (
            (code(row.key), code(_api_name(row.key)), _default(row), row.meaning)
            for row in config_reference()
            if row.key.startswith(POLICY)
        ),
    )


def autonomy_table() -> str:
    """The four levels."""
    meanings = text.below(Autonomy)
    return text.table(
        ("level", "what the loop does"), ((code(level.value), meanings[level.name]) for level in Autonomy)
    )


def in_consumer_table() -> str:
    """Whether the consumer's own code is asked."""
    meanings = text.below(InConsumer)
    return text.table(
        ("`canary.in_consumer`", "the canary runs in the consumer"),
        ((code(mode.value), meanings[mode.name]) for mode in InConsumer),
    )


def limits_table() -> str:
    """Which calls may be open at once."""
    meanings = text.below(LimitSettings)
    return text.table(
        ("key", "default", "calls", "where the value comes from"),
        (
            (
                code(f"{LIMITS}{field}"),
                str(getattr(LimitSettings(), field)),
                ", ".join(rpc for rpc, group in GROUPS.items() if group == field),
                meanings[field],
            )
            for field in LimitSettings.__struct_fields__
        ),
    )


def _default(row: Row) -> str:
    return code(row.default) or "must be given"


def _api_name(key: str) -> str:
    """The name of a policy value in the API, where spans of time have no unit in their names."""
    known = set(names())
    name = key.removeprefix(POLICY)
    for unit in ("", "_seconds", "_ms"):
        if name.endswith(unit) and name.removesuffix(unit) in known:
            return name.removesuffix(unit)
    raise LookupError(f"the API's Policy has no field for {key}")
