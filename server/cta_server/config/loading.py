"""How the configuration comes together, and where each of its values came from.

Every value is converted on its own, so that all mistakes are told at once: by key, with the nearest known key for an
unknown one. Pure but for `load`, which reads the file; called by the command line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeGuard, cast, get_origin, get_type_hints

import msgspec

from cta_core.errors import InvalidInput, Violation
from cta_server.config.address import without_password
from cta_server.config.settings import ConsumerSettings, Settings
from cta_server.config.webhooks import WebhookSettings

SECRETS: Final = frozenset({"adviser.key", "server.token"})
"""Keys whose values are never shown."""
ADDRESSES: Final = frozenset({"store.archive"})
"""Keys whose addresses may have a password in them, which is never shown."""
PREFIX: Final = "CTA_"


class Origin(StrEnum):
    """Where a value came from; the later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force, with the origin of each."""

    settings: Settings
    origins: Mapping[str, Origin]
    """Of every key that is not at its default."""

    def entries(self) -> Iterator[tuple[str, str, Origin]]:
        """Key, value as text and origin of every value, without secrets."""
        for key, value in _values(self.settings, ""):
            yield key, _shown(key, value), self.origins.get(key, Origin.DEFAULT)


def load(
    file: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Configuration:
    """The configuration out of its four places. `flags` are keys with dots and their texts.

    Raises `InvalidInput` with every mistake in all of them.
    """
    found: list[Violation] = []
    table: dict[str, Any] = {}
    if file is not None:
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            found.append(Violation("config", f"{file} cannot be read: {error.strerror or error}"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            found.append(Violation("config", f"{file} is not TOML: {error}"))
    keys = key_types()
    given: dict[str, tuple[Any, Origin]] = {}
    for key, value in _flatten(table, keys, "", found):
        given[key] = (value, Origin.FILE)
    for key, value in _of_environment(environment or {}, keys, found):
        given[key] = (value, Origin.ENVIRONMENT)
    for key, value in (flags or {}).items():
        if key in keys:
            given[key] = (value, Origin.FLAG)
        else:
            found.append(Violation(key, _unknown(key, keys)))
    return _assemble(given, keys, found)


def key_types() -> dict[str, Any]:
    """Every key with a single value, and its type; consumers are named by their owner and come beside."""
    return dict(_key_types(Settings, ""))


def _key_types(cls: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, hint in get_type_hints(cls).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _key_types(hint, f"{prefix}{name}.")
        elif name != "consumers":
            yield f"{prefix}{name}", hint


def sections_of(keys: Mapping[str, Any]) -> list[str]:
    """The names of the sections."""
    return [*dict.fromkeys(key.partition(".")[0] for key in keys), "consumers"]


def environment_name(key: str) -> str:
    """The name under which a key stands in the environment: `CTA_SERVER_PORT`."""
    return PREFIX + key.replace(".", "_").upper()


def _flatten(
    table: Mapping[str, Any], keys: Mapping[str, Any], prefix: str, found: list[Violation]
) -> Iterator[tuple[str, Any]]:
    """The file's values by key; sections are followed, everything else has to be known."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if key in keys or prefix == "consumers.":
            yield key, value
        elif key == "consumers" or any(known.startswith(f"{key}.") for known in keys):
            if isinstance(value, dict):
                yield from _flatten(cast("dict[str, Any]", value), keys, f"{key}.", found)
            else:
                found.append(Violation(key, f"is a section: write [{key}] and its keys below"))
        else:
            found.append(Violation(key, _unknown(key, [*keys, *sections_of(keys)])))


def _of_environment(
    environment: Mapping[str, str], keys: Mapping[str, Any], found: list[Violation]
) -> Iterator[tuple[str, str]]:
    """The environment's values by key. Other `CTA_*` belong to the client, unless they begin like a section of ours."""
    names = {environment_name(key): key for key in keys}
    sections = tuple({environment_name(key.partition(".")[0]) + "_" for key in keys})
    for name, value in environment.items():
        if name in names:
            yield names[name], value
        elif name.startswith(sections):
            found.append(Violation(name, _unknown(name, names)))


def _assemble(
    given: Mapping[str, tuple[Any, Origin]], keys: Mapping[str, Any], found: list[Violation]
) -> Configuration:
    """The settings, once every value has its type."""
    tree: dict[str, Any] = {}
    for key, (value, origin) in given.items():
        section, _, name = key.partition(".")
        try:
            if section == "consumers":
                tree.setdefault("consumers", {})[name] = msgspec.convert(value, ConsumerSettings)
                continue
            typed = _typed(value, keys[key], origin)
        except msgspec.DecodeError as error:
            found.append(Violation(key, f"{_reason(error)} ({origin.value})"))
            continue
        *above, last = key.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = typed
    settings: Settings = _filled(Settings(), tree)
    # A value that could not be read stands at its default here, and what is said of it already says more.
    told = {violation.field for violation in found}
    found.extend(violation for violation in settings.problems() if violation.field not in told)
    if found:
        raise InvalidInput(found)
    return Configuration(settings=settings, origins={key: origin for key, (_, origin) in given.items()})


def _typed(value: Any, hint: Any, origin: Origin) -> Any:
    """A value in its type: TOML has types, the environment and flags have texts, for a list the text of its JSON."""
    if origin is Origin.FILE:
        return msgspec.convert(value, hint)
    if get_origin(hint) is tuple:
        return msgspec.json.decode(value, type=hint)
    return msgspec.convert(value, hint, strict=False)


def _filled(default: Any, tree: Mapping[str, Any]) -> Any:
    """The struct with the tree's values in their places."""
    values = {}
    for name, value in tree.items():
        own = getattr(default, name)
        if name == "consumers":
            values[name] = {**own, **value}
        else:
            values[name] = _filled(own, value) if isinstance(own, msgspec.Struct) else value
    return msgspec.structs.replace(default, **values)


def _values(struct: msgspec.Struct, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Struct) and not isinstance(value, ConsumerSettings):
            yield from _values(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            yield from ((f"{prefix}{name}.{key}", member) for key, member in members.items())
        else:
            yield f"{prefix}{name}", value


def _has_several(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _shown(key: str, value: Any) -> str:
    if key in SECRETS:
        return "(set)" if value else ""
    return without_password(value) if key in ADDRESSES else _text(value)


def _text(value: Any) -> str:
    if _has_several(value):
        value = [item.shown() if isinstance(item, WebhookSettings) else item for item in value]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _unknown(name: str, known: Mapping[str, Any] | list[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"is no key of the configuration; did you mean {near[0]}?" if near else "is no key of the configuration"


def _reason(error: msgspec.DecodeError) -> str:
    """The converter's own words, which name types and places; the place below the key is kept."""
    text = str(error).replace(" - at `$", " at `")
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]
