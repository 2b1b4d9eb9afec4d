"""Streams: their policy, contract and state, and which fields an update changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from cta.v1 import stream_pb2 as api
from cta_core.privacy import Mask, Method
from cta_core.profile import FieldProfile, Profile
from cta_core.stream import Autonomy, CanaryPolicy, InConsumer, Policy, Stream
from cta_server.rpc.convert.problems import MAX_TEXT, Problems
from cta_server.rpc.convert.scalars import duration, milliseconds_of, timestamp
from cta_server.rpc.convert.words import Words

AUTONOMY: Final = Words(api.Autonomy, Autonomy)
IN_CONSUMER: Final = Words(api.CanaryInConsumer, InConsumer)
METHOD: Final = Words(api.MaskMethod, Method)
STREAM_STATE: Final = {name.removeprefix("STREAM_STATE_"): number for name, number in api.StreamState.items()}
"""Number in messages of each word that the runtime has for a stream's state."""

STREAM_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
MAX_CONTRACT: Final = 1024 * 1024
"""Characters of a declared contract; the largest published schemas (FHIR, GitHub's events) are below it."""

SHOWN_PATTERNS: Final = 8
"""Patterns of one field; more than a person compares at a glance."""

# The API has Durations where the core counts in a unit that its field's name tells.
_SPANS: Final = {
    "analysis_wait": ("analysis_wait_seconds", 1000.0),
    "bake": ("bake_seconds", 1000.0),
    "stage_timeout": ("stage_timeout_ms", 1.0),
    "max_p95": ("max_p95_ms", 1.0),
    "wait": ("wait_seconds", 1000.0),
    "keep_events": ("keep_events_seconds", 1000.0),
    "keep_delivered": ("keep_delivered_seconds", 1000.0),
    "keep_history": ("keep_history_seconds", 1000.0),
}
"""Name in the API: name in the core, and milliseconds in one unit of the core."""
_NAMES: Final = {core: name for name, (core, _) in _SPANS.items()}

_POLICY: Final = tuple(field.name for field in api.Policy.DESCRIPTOR.fields)
_CANARY: Final = tuple(field.name for field in api.CanaryPolicy.DESCRIPTOR.fields)
UPDATABLE: Final = (
    "contract_json",
    "consumer",
    "description",
    "masks",
    "policy",
    *(f"policy.{name}" for name in _POLICY),
    *(f"policy.canary.{name}" for name in _CANARY),
)
"""Paths that an update mask may name."""


def policy(core: Policy) -> api.Policy:
    """A policy as a message, every field set."""
    values: dict[str, Any] = {
        "autonomy": AUTONOMY.numbers[core.autonomy],
        "silent_autonomy": AUTONOMY.numbers[core.silent_autonomy],
        "canary": api.CanaryPolicy(**{name: _written(core.canary, name) for name in _CANARY}),
    }
    values |= {name: _written(core, name) for name in _POLICY if name not in values}
    return api.Policy(**values)


def _written(core: Policy | CanaryPolicy, name: str) -> Any:
    if name in _SPANS:
        own, unit = _SPANS[name]
        return duration(getattr(core, own) * unit)
    value = getattr(core, name)
    return IN_CONSUMER.numbers[value] if isinstance(value, InConsumer) else value


def policy_of(message: api.Policy, defaults: Policy, field: str, problems: Problems) -> Policy:
    """A policy of a message; what it leaves open comes from the defaults."""
    before = problems.count
    read = _read(message, [name for name in _POLICY if "autonomy" not in name and name != "canary"], field, problems)
    for name in ("autonomy", "silent_autonomy"):
        read[name] = AUTONOMY.word(getattr(message, name), f"{field}.{name}", problems, getattr(defaults, name))
    canary = _read(message.canary, [name for name in _CANARY if name != "in_consumer"], f"{field}.canary", problems)
    canary["in_consumer"] = IN_CONSUMER.word(
        message.canary.in_consumer, f"{field}.canary.in_consumer", problems, defaults.canary.in_consumer
    )
    if problems.count > before:
        return defaults
    made = msgspec.structs.replace(defaults, **read, canary=msgspec.structs.replace(defaults.canary, **canary))
    for violation in made.problems():
        head, dot, last = violation.field.rpartition(".")
        problems.add(f"{field}.{head}{dot}{_NAMES.get(last, last)}", violation.remedy)
    return made


def _read(message: Any, names: Sequence[str], field: str, problems: Problems) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name in names:
        if not message.HasField(name):
            continue
        if name in _SPANS:
            own, unit = _SPANS[name]
            read[own] = milliseconds_of(getattr(message, name), f"{field}.{name}", problems) / unit
        else:
            read[name] = getattr(message, name)
    return read


def stream_of(message: api.Stream, defaults: Policy, problems: Problems) -> Stream:
    """A stream of a message; fields that only the server sets are ignored."""
    if not STREAM_ID.fullmatch(message.stream_id):
        problems.add("stream.stream_id", "must match ^[a-z0-9][a-z0-9_.-]{0,63}$")
    problems.text("stream.contract_json", message.contract_json, MAX_CONTRACT)
    problems.text("stream.description", message.description, MAX_TEXT)
    return Stream(
        stream_id=message.stream_id,
        contract=message.contract_json.encode(),
        consumer=message.consumer,
        policy=policy_of(message.policy, defaults, "stream.policy", problems),
        description=message.description,
        masks=_masks_of(message, problems),
    )


def _masks_of(message: api.Stream, problems: Problems) -> tuple[Mask, ...]:
    """The masks of a message; without a method they are HASH, which keeps most."""
    found: list[Mask] = []
    for index, mask in enumerate(message.masks):
        path = problems.text(f"stream.masks[{index}].path", mask.path, MAX_TEXT, required=True)
        method = METHOD.word(mask.method, f"stream.masks[{index}].method", problems, Method.HASH)
        if method is not None:
            found.append(Mask(path=path, method=method))
    return tuple(found)


def change_of(new: Stream, paths: Sequence[str], problems: Problems) -> Callable[[Stream], Stream]:
    """What an update does to a stream: the fields that the paths name get their values of `new`."""
    if not paths:
        problems.add("update_mask", f"name the fields to change: {', '.join(UPDATABLE[:4])}, policy.autonomy, ...")
    for index, path in enumerate(paths):
        if path not in UPDATABLE:
            near = get_close_matches(path, UPDATABLE, 1)
            remedy = (
                f"did you mean {near[0]}?"
                if near
                else f"must be one of {', '.join(UPDATABLE[:4])} or a field of policy"
            )
            problems.add(f"update_mask.paths[{index}]", remedy)

    def change(old: Stream) -> Stream:
        for path in paths:
            old = _changed(old, new, path)
        return old

    return change


def _changed(old: Stream, new: Stream, path: str) -> Stream:
    head, _, below = path.partition(".")
    if not below:
        own = "contract" if head == "contract_json" else head
        return msgspec.structs.replace(old, **{own: getattr(new, own)})
    name, _, last = below.partition(".")
    if not last:
        return msgspec.structs.replace(old, policy=_moved(old.policy, new.policy, name))
    canary = _moved(old.policy.canary, new.policy.canary, last)
    return msgspec.structs.replace(old, policy=msgspec.structs.replace(old.policy, canary=canary))


def _moved(old: Any, new: Any, name: str) -> Any:
    own = _SPANS[name][0] if name in _SPANS else name
    return msgspec.structs.replace(old, **{own: getattr(new, own)})


def stream(core: Stream, **status: Any) -> api.Stream:
    """A stream as a message. `status` brings state, counts and active adapters."""
    return api.Stream(
        stream_id=core.stream_id,
        revision=core.revision,
        create_time=timestamp(core.create_time),
        update_time=timestamp(core.update_time),
        contract_json=core.contract.decode(errors="replace"),
        learned_contract_json=core.learned.decode(errors="replace"),
        consumer=core.consumer,
        policy=policy(core.policy),
        description=core.description,
        masks=[api.Mask(path=mask.path, method=METHOD.numbers[mask.method]) for mask in core.masks],
        **status,
    )


def fields_of(core: Profile) -> list[api.FieldProfile]:
    """The fields of a profile, by path."""
    return [_field(path, core.fields[path], core.rate(path)) for path in sorted(core.fields)]


def _field(path: str, field: FieldProfile, rate: float) -> api.FieldProfile:
    masks = field.masks.counts
    return api.FieldProfile(
        path=path,
        present_share=rate,
        null_share=field.types.get("null", 0) / field.present if field.present else 0.0,
        types=sorted(field.types, key=lambda name: (-field.types[name], name)),
        distinct_count=field.distinct,
        quantiles=[field.quantile(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] if field.numbers else None,
        patterns=sorted(masks, key=lambda mask: (-masks[mask], mask))[:SHOWN_PATTERNS],
    )
