"""`NAME=VALUE` settings of a stream's policy: any field of the API's Policy by its own name, also nested.

`bake=2s`, `canary.max_error_rate=0.02`, `autonomy=SUGGEST`. The message's descriptor says what there is, so a new field
of the policy can be set the day the API has it. Used by `cta streams create` and `update`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError

from cta.v1.stream_pb2 import Mask, MaskMethod, Policy


def policy_of(settings: Iterable[str]) -> tuple[Policy, tuple[str, ...]]:
    """The policy with these fields set, and their mask paths. Raises `click.UsageError` for what does not fit."""
    document: dict[str, Any] = {}
    paths: list[str] = []
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise click.UsageError(f"--set {setting}: write NAME=VALUE, like bake=30s.")
        field = _field(Policy.DESCRIPTOR, name)
        place = document
        *parents, last = name.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = _value(field, text)
        paths.append(f"policy.{name}")
    policy = Policy()
    try:
        ParseDict(document, policy)
    except ParseError as error:
        raise click.UsageError(f"--set {' --set '.join(settings)}: {error}") from error
    return policy, tuple(paths)


def names(message: Descriptor = Policy.DESCRIPTOR, prefix: str = "") -> Iterator[str]:
    """Every name that can be set."""
    for field in message.fields:
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("cta."):
            yield from names(inner, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def duration(text: str) -> str:
    """A duration as the API's JSON has it: `2s`, `0.5s`, `90m`, `12h`, `7d`, and a bare number of seconds."""
    factor = _UNITS.get(text[-1:])
    if factor is None:
        return text if text.endswith("s") else f"{text}s"
    try:
        return f"{float(text[:-1]) * factor:f}".rstrip("0").rstrip(".") + "s"
    except ValueError:
        return text


_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}


def masks_of(texts: Iterable[str]) -> list[Mask]:
    """Masks written `/card=hash`, `/note=drop`, or `/card` for a hash. Raises `click.UsageError`."""
    found: list[Mask] = []
    for text in texts:
        path, sign, method = text.rpartition("=") if not text.endswith("/") else (text, "", "")
        if not sign:
            path, method = text, "hash"
        if method.upper() not in METHODS:
            raise click.UsageError(f"--mask {text}: write POINTER=hash or POINTER=drop, like /card=hash.")
        found.append(Mask(path=path, method=METHODS[method.upper()]))
    return found


METHODS: Final = {
    name.removeprefix("MASK_METHOD_"): number for name, number in MaskMethod.items() if not name.endswith("UNSPECIFIED")
}
"""Numbers of the methods, by their words."""


def _field(message: Descriptor, name: str) -> FieldDescriptor:
    inside: Descriptor | None = message
    field: FieldDescriptor | None = None
    for part in name.split("."):
        field = inside.fields_by_name.get(part) if inside is not None else None
        if field is None:
            near = difflib.get_close_matches(name, list(names()), n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names())}."
            raise click.UsageError(f"--set {name}: there is no such setting. {hint}")
        inside = field.message_type
    assert field is not None  # noqa: S101 - split gives at least one part
    return field


def _value(field: FieldDescriptor, text: str) -> Any:
    if field.enum_type is not None:
        # AUTONOMY_SUGGEST may be written SUGGEST.
        full = [value.name for value in field.enum_type.values if value.name.endswith(f"_{text.upper()}")]
        return full[0] if full else text
    if field.message_type is not None:
        return duration(text)
    try:
        return json.loads(text)
    except ValueError:
        return text
