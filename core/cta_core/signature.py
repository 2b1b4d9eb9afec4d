"""Signatures: what an incident looks like, as an exact key and as a vector of likeness.

`look` is taken before any analysis, from structure alone. Its key is the same whichever events of the same drift were
sampled. Its vector places an incident among others by the kind of change, not by its names, so that a like one on
another stream is found. Neither ever promotes anything: what is found is proved again by `diagnose` and by the canary.
"""

from __future__ import annotations

import array
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from cta_core.contract import Contract
from cta_core.diagnosis.names import compare, name_of
from cta_core.look import SEEN, USUAL, Form, Look, Place, Trait, main_types, traits_of, types_of
from cta_core.profile import FieldProfile, Profile

VERSION = "sig1"
"""Version of the key. A change of what enters it makes a new one, so that stored keys never mean something else."""

DIMENSIONS = 128
"""Length of an embedding: with weighted features 128 find the right template first in 93 of 100 cases, 4096 no more."""

_WEIGHTS = {
    "rule": 1.0,
    "gone": 1.0,
    "new": 1.0,
    "changed": 2.0,
    "pair": 2.0,
    "depth": 1.0,
    "ratio": 2.5,
    "name": 0.25,
}
"""Weights of feature classes: structure outweighs names, as measured in the survey (right first 0.93 against 0.81
flat). The ratio of magnitudes says most, since it tells units apart."""


Meaning = Callable[[str], Sequence[float]]
"""A model of word meanings: words with spaces between them to a unit vector of any one length, empty for words that it
does not know. Where there is none, words count by their letters."""


def look(
    healthy: Profile, drifted: Sequence[dict[str, Any]], contract: Contract | None, meaning: Meaning | None = None
) -> Look:
    """What the drifted events look like against healthy ones."""
    here = Profile.of(drifted)
    rules = _broken(drifted, contract)
    traits = traits_of(healthy, here)
    return Look(fingerprint=_key(healthy, here, rules), embedding=embedding(traits, rules, meaning), traits=traits)


def embedding(traits: Sequence[Trait], rules: Iterable[str] = (), meaning: Meaning | None = None) -> tuple[float, ...]:
    """An incident as a unit vector: feature-hashed changes, structure before names.

    A model of meanings takes the place of the names' letters, with the same weight, and of nothing else: names never
    decide, and vectors with and without it stay comparable in all the rest.

    Args:
        traits: The fields that are not as they were.
        rules: Broken rules, each `path rule`.
        meaning: A model of word meanings, None for letters alone.
    """
    vector = [0.0] * DIMENSIONS
    for trait in traits:
        words = name_of(trait.path).leaf
        meant = meaning(" ".join(words)) if meaning is not None else ()
        for number, part in enumerate(meant):
            # As long as the words would be by their letters.
            _add(vector, f"meaning={number}", part * _WEIGHTS["name"] * math.sqrt(len(words)))
        for word in words if not len(meant) else ():
            _add(vector, f"name={word}", _WEIGHTS["name"])
    for feature, text in _features(traits, rules):
        _add(vector, f"{feature}={text}", _WEIGHTS[feature])
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        return ()
    # Single precision, as the stores keep it: what comes back is what was put.
    return tuple(array.array("f", [value / length for value in vector]))


def _add(vector: list[float], feature: str, weight: float) -> None:
    """Feature hashing: a feature has a place and a sign that follow from its text, so inner products keep their
    expectation.
    """
    place, sign = _place(feature)
    vector[place] += sign * weight


@lru_cache(maxsize=8192)
def _place(feature: str) -> tuple[int, float]:
    digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big") % DIMENSIONS, 1.0 if digest[4] & 1 else -1.0


def likeness(one: Sequence[float], two: Sequence[float]) -> float:
    """Cosine of two embeddings, -1 to 1; 0 where one is missing."""
    return sum(a * b for a, b in zip(one, two, strict=True)) if len(one) == len(two) else 0.0


def _features(traits: Sequence[Trait], rules: Iterable[str]) -> Iterable[tuple[str, str]]:
    for rule in sorted({rule.rpartition(" ")[2] for rule in rules}):
        yield "rule", rule
    gone = [trait for trait in traits if trait.place is Place.GONE]
    new = [trait for trait in traits if trait.place is Place.NEW]
    for trait in traits:
        before, after = trait.before, trait.after
        if before is not None and after is not None:
            yield "changed", f"{_kind(before)} {_kind(after)}"
            yield from _ratio(before, after)
        elif before is not None:
            yield "gone", _kind(before)
        elif after is not None:
            yield "new", _kind(after)
    for was, now in _pairs(gone, new):
        if was.before is not None and now.after is not None:
            yield "pair", f"{_kind(was.before)} {_kind(now.after)}"
            yield "depth", str(now.path.count("/") - was.path.count("/"))
            yield from _ratio(was.before, now.after)


def _pairs(gone: Sequence[Trait], new: Sequence[Trait]) -> list[tuple[Trait, Trait]]:
    """Vanished and new fields that seem to belong together: by name, then by kind; each at most once."""
    scored = sorted(
        (
            (compare(was.path, now.path).score + (0.3 if _alike(was, now) else 0.0), was.path, now.path, was, now)
            for was in gone[:20]
            for now in new[:20]
        ),
        key=lambda item: (-item[0], item[1], item[2]),
    )
    taken: set[str] = set()
    found: list[tuple[Trait, Trait]] = []
    for score, old, fresh, was, now in scored:
        if score > 0 and old not in taken and fresh not in taken:
            taken.update((old, fresh))
            found.append((was, now))
    return found


def _alike(was: Trait, now: Trait) -> bool:
    return was.before is not None and now.after is not None and _kind(was.before) == _kind(now.after)


def _kind(form: Form) -> str:
    return f"{form.types}/{form.family}"


def _ratio(before: Form, after: Form) -> Iterable[tuple[str, str]]:
    if before.size is not None and after.size is not None:
        yield "ratio", f"{round(2 * (after.size - before.size)) / 2:g}"


def _broken(drifted: Sequence[dict[str, Any]], contract: Contract | None) -> list[str]:
    """Broken rules, each `path rule`, that more than stray events break."""
    if contract is None:
        return []
    broken: Counter[str] = Counter()
    for event in drifted:
        broken.update({f"{_starred(breach.path)} {breach.rule}" for breach in contract.violations(event)})
    return [name for name, times in broken.items() if times >= SEEN * max(1, len(drifted))]


def _key(healthy: Profile, here: Profile, rules: Iterable[str]) -> str:
    facts = {f"broken {name}" for name in rules}
    count = max(1, here.count)
    for path, field in here.fields.items():
        was = healthy.fields.get(path)
        if was is None:
            if field.events >= SEEN * count:
                facts.add(f"new {path} {types_of(field)}")
        elif types_of(field) != types_of(was) and set(main_types(field)) - set(was.types):
            facts.add(f"type {path} {types_of(was)} {types_of(field)}")
        else:
            facts.update(_shifts(path, was, field))
    for path in healthy.fields:
        if healthy.rate(path) >= USUAL and here.rate(path) < 1 - SEEN:
            facts.add(f"gone {path}")
    text = "\n".join(sorted(facts))
    return f"{VERSION}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _starred(path: str) -> str:
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


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
