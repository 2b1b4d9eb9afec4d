"""`NAME=VALUE` settings of a stream's policy: any field of the API's Policy by its own name, also nested.

`bake=2s`, `canary.max_error_rate=0.02`, `autonomy=SUGGEST`. The message's descriptor says what there is, so a new field
of the policy can be set the day the API has it. Used by `cta streams create` and `update`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import click
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict, ParseError

from cta.v1.stream_pb2 import Mask, MaskMethod, Policy


def policy_of(settings: Iterable[str], ages: Mapping[str, str] | None = None) -> tuple[Policy, tuple[str, ...]]:
    """The policy with these fields set, and their mask paths. Raises `click.UsageError` for what does not fit.

    Args:
        settings: Texts of `--set`.
        ages: Settings that have an option of their own, `keep_events` as `--keep-events`, which errors then name.
    """
    policy = Policy()
    paths: list[str] = []
    for told, name, text in _given(settings, ages or {}):
        field = _field(Policy.DESCRIPTOR, name)
        document: Any = _value(field, text, told)
        for part in reversed(name.split(".")):
            document = {part: document}
        try:
            # Each alone, so that an error has the one that it is about; what was parsed before stays.
            ParseDict(document, policy)
        except ParseError as error:
            raise click.UsageError(f"{told}: {error}") from error
        paths.append(f"policy.{name}")
    return policy, tuple(paths)


def _given(settings: Iterable[str], ages: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """How each was typed, its name and its text."""
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise click.UsageError(f"--set {setting}: write NAME=VALUE, like bake=30s.")
        yield f"--set {setting}", name, text
    for name, text in ages.items():
        yield f"--{name.replace('_', '-')} {text}", name, text


def names(message: Descriptor = Policy.DESCRIPTOR, prefix: str = "") -> Iterator[str]:
    """Every name that can be set."""
    for field in message.fields:
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("cta."):
            yield from names(inner, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def duration(text: str) -> str:
    """A duration as the API's JSON has it, of `500ms`, `2s`, `90m`, `12h`, `7d`, or a bare number of seconds.

    Raises `ValueError` for anything else.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    number, unit = found.groups()
    return f"{float(number) * _UNITS[unit]:f}".rstrip("0").rstrip(".") + "s"


_UNITS: Final = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(|ms|s|m|h|d)")


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


def _value(field: FieldDescriptor, text: str, told: str) -> Any:
    """The value as proto-JSON has it; `told` begins the error."""
    if field.enum_type is not None:
        # AUTONOMY_SUGGEST may be written SUGGEST. By the API's style the first value is AUTONOMY_UNSPECIFIED.
        words = [value.name for value in field.enum_type.values]
        prefix = words[0].removesuffix("UNSPECIFIED")
        full = prefix + text.upper().removeprefix(prefix)
        if full not in words:
            raise click.UsageError(f"{told}: there are {', '.join(each.removeprefix(prefix) for each in words[1:])}.")
        return full
    if field.message_type is not None and field.message_type.full_name != Duration.DESCRIPTOR.full_name:
        inside = ", ".join(f"{field.name}.{name}" for name in names(field.message_type))
        raise click.UsageError(f"{told}: it has parts. There are {inside}.")
    if field.message_type is not None:
        try:
            return duration(text)
        except ValueError:
            raise click.UsageError(f"{told}: write a time like 30s, 5m, 12h or 7d.") from None
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError(f"{told}: write a number.") from None
