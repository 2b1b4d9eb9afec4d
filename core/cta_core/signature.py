"""Signatures: what an incident looks like, as an exact key and as a vector of likeness.

`fingerprint` is computed before any analysis, from structure alone, so that the same drift of the same stream gives
the same
key whichever events were sampled. `embedding` places an incident among others by the kind of change, not by its
names, so
that a like one on another stream is found. Neither ever promotes anything: what is found is proved again by `diagnose`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cta_core.contract import Contract
from cta_core.diagnosis.names import name_of
from cta_core.diagnosis.report import Report
from cta_core.profile import FieldProfile, Profile

VERSION = "sig1"
"""Version of the key. A change of what enters it makes a new one, so that stored keys never mean something else."""

DIMENSIONS = 128
"""Length of an embedding: with weighted features 128 find the right template first in 93 of 100 cases, 4096 no more."""

SEEN = 0.05
"""Share of events from which a new path or a broken rule enters the key: rarer ones would come and go with the
sample."""

USUAL = 0.9
"""Share of healthy events from which a field's absence enters the key."""

_WEIGHTS = {
    "rule": 1.0,
    "type": 1.0,
    "family": 1.0,
    "step": 2.0,
    "factor": 2.5,
    "place": 2.0,
    "decimals": 0.7,
    "name": 0.25,
}
"""Weights of feature classes: structure outweighs names, as measured in the survey (right first 0.93 against 0.81
flat)."""


def fingerprint(healthy: Profile, drifted: Sequence[dict[str, Any]], contract: Contract | None) -> str:
    """The exact key of a drift: which rules broke where, which paths vanished or are new and of which types."""
    facts: set[str] = set()
    count = max(1, len(drifted))
    if contract is not None:
        broken: Counter[str] = Counter()
        for event in drifted:
            broken.update({f"{_starred(breach.path)} {breach.rule}" for breach in contract.violations(event)})
        facts.update(f"broken {name}" for name, times in broken.items() if times >= SEEN * count)
    here = Profile.of(drifted)
    for path, field in here.fields.items():
        was = healthy.fields.get(path)
        if was is None:
            if field.events >= SEEN * count:
                facts.add(f"new {path} {_types(field)}")
        elif _types(field) != _types(was) and set(_main_types(field)) - set(was.types):
            facts.add(f"type {path} {_types(was)} {_types(field)}")
        else:
            facts.update(_shifts(path, was, field))
    for path in healthy.fields:
        if healthy.rate(path) >= USUAL and here.rate(path) < 1 - SEEN:
            facts.add(f"gone {path}")
    text = "\n".join(sorted(facts))
    return f"{VERSION}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def embedding(report: Report) -> tuple[float, ...]:
    """The incident as a unit vector: feature-hashed symptoms and steps, structure before names."""
    vector = [0.0] * DIMENSIONS
    for feature, text in _features(report):
        digest = hashlib.blake2b(f"{feature}={text}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest[:4], "big") % DIMENSIONS
        vector[place] += _WEIGHTS[feature] * (1.0 if digest[4] & 1 else -1.0)
    length = math.sqrt(sum(value * value for value in vector))
    return tuple(value / length for value in vector) if length else tuple(vector)


def likeness(one: Sequence[float], two: Sequence[float]) -> float:
    """Cosine of two embeddings, -1 to 1; 0 where one is missing."""
    return sum(a * b for a, b in zip(one, two, strict=True)) if len(one) == len(two) else 0.0


def _features(report: Report) -> Iterable[tuple[str, str]]:
    for symptom in report.symptoms:
        if symptom.severity != "NOTICE":
            yield "rule", symptom.rule
            for word in name_of(symptom.path).leaf:
                yield "name", word
    for step in report.program.steps if report.program is not None else ():
        kind = str(step.__struct_config__.tag)
        yield "step", kind
        for key in ("to", "source", "target"):
            value = getattr(step, key, None)
            if kind == "datetime" and isinstance(value, str):
                yield "family", f"{key} {value}"
        numerator, denominator = getattr(step, "numerator", None), getattr(step, "denominator", None)
        if numerator and denominator:
            yield "factor", f"{numerator / denominator:.6g}"
        if kind in ("rename", "move"):
            source, target = str(getattr(step, "source", "")), str(getattr(step, "target", ""))
            yield "place", f"{source.count('/')} {target.count('/')}"


def _starred(path: str) -> str:
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


def _main_types(field: FieldProfile) -> list[str]:
    return sorted(kind for kind, times in field.types.items() if times >= SEEN * field.present and kind != "null")


def _types(field: FieldProfile) -> str:
    kinds = _main_types(field)
    return "number" if kinds == ["integer", "number"] else "+".join(kinds)


def _shifts(path: str, was: FieldProfile, now: FieldProfile) -> Iterable[str]:
    """Heavy changes of values whose types stayed: the order of magnitude of numbers, labels that are all new, forms
    of text.
    """
    if was.numbers >= 20 and now.numbers >= 12:
        before, here = was.quantile(0.5), now.quantile(0.5)
        if before > 0 and here > 0 and abs(math.log10(here / before)) > 0.75:
            yield f"magnitude {path} {round(math.log10(here / before))}"
    if was.labelled and now.labelled and not set(was.values.counts) & set(now.values.counts):
        yield f"labels {path}"
    elif was.families and now.families:
        a, b = max(was.families, key=lambda k: was.families[k]), max(now.families, key=lambda k: now.families[k])
        if a != b and was.families.get(b, 0) == 0 and now.families[b] > 0.9 * now.present:
            yield f"form {path} {a} {b}"
