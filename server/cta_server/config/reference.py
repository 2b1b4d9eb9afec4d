"""The configuration as a table: key, name in the environment, type, default and meaning. Feeds the documentation and
its test.

The meaning is the docstring below each field, read from the source, so that it is written in one place only.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, get_type_hints

import msgspec

from cta_server.config.loading import environment_name
from cta_server.config.settings import ConsumerSettings, Settings, StageSettings
from cta_server.config.webhooks import WebhookSettings

LISTED: Final[dict[Any, type[msgspec.Struct]]] = {
    tuple[StageSettings, ...]: StageSettings,
    tuple[WebhookSettings, ...]: WebhookSettings,
}
"""Tables that come in lists."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One key."""

    key: str
    environment: str
    """Empty for keys that only a file can set."""
    type: str
    default: str
    """As it is written in TOML; empty where the key has to be given."""
    meaning: str


def config_reference() -> list[Row]:
    """Every key, in the order of the file."""
    return list(_rows(Settings, "", environment=True))


def _rows(cls: type[msgspec.Struct], prefix: str, *, environment: bool) -> Iterator[Row]:
    meanings, hints = meanings_of(cls), get_type_hints(cls)
    for field in msgspec.structs.fields(cls):
        key, hint = f"{prefix}{field.name}", hints[field.name]
        if key == "consumers":
            yield from _rows(ConsumerSettings, "consumers.<name>.", environment=False)
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _rows(hint, f"{key}.", environment=environment)
        else:
            yield Row(
                key=key,
                environment=environment_name(key) if environment else "",
                type=_type_name(hint),
                default="" if field.default is msgspec.NODEFAULT else msgspec.json.encode(field.default).decode(),
                meaning=meanings[field.name],
            )
            if hint in LISTED:
                yield from _rows(LISTED[hint], f"{key}[].", environment=False)


def meanings_of(cls: type) -> dict[str, str]:
    """The docstring below each field of a class."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    meanings: dict[str, str] = {}
    name = ""
    for node in body.body if isinstance(body, ast.ClassDef) else []:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            meanings[name] = " ".join(str(node.value.value).split())
            name = ""
    return meanings


def _type_name(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " | ".join(hint)
    if hint == tuple[str, ...]:
        return "list of text"
    if hint in LISTED:
        return "list of tables"
    return {str: "text", int: "integer", float: "number", bool: "true | false"}[hint]
