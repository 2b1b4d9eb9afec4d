"""Re-binding: what healed one stream, written for the fields of another one whose incident looks alike.

A remembered program falls apart into groups of steps, one for each field that it mends. A group fits a field that
changed now if that changed in the same way: from the same types and families to the same ones, by the same order of
magnitude. Renamed and moved fields have to be pairs by names that surely belong together. The result is only a
candidate: `diagnosis.recall` runs it on the events and gives it its guard, and the canary comes after that. What
depends on one stream's own values (labels, constants, a factor that no name states) is not carried over at all; then
the search has to find the fix.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep, Scale
from cta_core.diagnosis.names import compare
from cta_core.errors import InvalidProgram
from cta_core.look import Form, Place, Trait

CARRIED: Final = frozenset(
    ["rename", "move", "cast", "number_format", "letter_case", "scale", "datetime", "wrap", "unwrap", "parse"]
)
"""Step kinds whose parameters say how a value is written, not which values a stream has."""

SURE_NAME: Final = 0.75
"""Likeness of names from which a vanished and a new field are taken as a pair. The words are then the same,
abbreviated or synonyms; anything less the search has to weigh."""

SAME_SIZE: Final = 0.12
"""Most that two magnitudes may differ, as decimal logarithms: medians of 128 events of the widest field seen (a
lognormal of sigma 1.5) stay within a factor of 1.3. Where they do not, the search is asked."""

MAX_BOUND: Final = 4
"""Candidates that are tried; with more of them the events do not say which fields are meant."""

MAX_FIELDS: Final = 24
"""Changed fields beyond which nothing is bound: so wide a change is looked at by the search."""

Steps = tuple[AnyStep, ...]


def rebind(program: Program, then: Sequence[Trait], now: Sequence[Trait]) -> tuple[Program, ...]:
    """The program for the fields that changed now, in every way that fits; none where it does not carry over.

    Args:
        program: What healed the remembered incident.
        then: The fields that had changed there.
        now: The fields that have changed here.
    """
    groups = _groups(program)
    wanted = [trait for trait in now if trait.place is not Place.NEW]
    fresh = [trait for trait in now if trait.place is Place.NEW]
    if not all(map(_carries, program.steps)) or not wanted or len(now) > MAX_FIELDS:
        return ()
    choices: list[list[tuple[str, Steps]]] = []
    for trait in wanted:
        options = [(source, steps) for group in groups for source, steps in _bound(group, then, trait, fresh)]
        if not options:
            return ()
        choices.append(options)
    if math.prod(map(len, choices)) > MAX_BOUND:
        return ()
    made: list[Program] = []
    for chosen in itertools.product(*choices):
        sources = [source for source, _ in chosen if source]
        candidate = Program(steps=tuple(step for _, steps in chosen for step in steps))
        if len(set(sources)) == len(sources) and candidate not in made and _compiles(candidate):
            made.append(candidate)
    return tuple(made)


def traits_for(program: Program, traits: Sequence[Trait]) -> tuple[Trait, ...]:
    """The traits that a signature keeps with its program: those of fields that the program names."""
    named = {path for step in program.steps for path in (*step.reads(), *step.writes())}
    return tuple(trait for trait in traits if trait.path in named)


def _carries(step: AnyStep) -> bool:
    """Is the step about a form, and about no value?"""
    if str(step.__struct_config__.tag) not in CARRIED or step.when:
        return False
    return not (isinstance(step, Scale) and (step.table or step.offset))


def _groups(program: Program) -> list[Steps]:
    """The steps by the field that they mend, in their order."""
    groups: list[tuple[set[str], list[AnyStep]]] = []
    for step in program.steps:
        paths = {*step.reads(), *step.writes()}
        known = next((group for group in groups if group[0] & paths), None)
        if known is None:
            groups.append((paths, [step]))
        else:
            known[0].update(paths)
            known[1].append(step)
    return [tuple(steps) for _, steps in groups]


def _bound(group: Steps, then: Sequence[Trait], trait: Trait, fresh: Sequence[Trait]) -> list[tuple[str, Steps]]:
    """The group for one field that vanished or changed: the new field that it takes the value from, and the steps."""
    carry = next((step for step in group if step.__struct_config__.tag in ("rename", "move")), None)
    if (carry is None) is (trait.place is Place.GONE):
        return []
    old_target = str(getattr(carry, "target", "")) or str(getattr(group[0], "path", ""))
    old_source = str(getattr(carry, "source", ""))
    was = _form(then, old_target, healthy=True)
    gave = _form(then, old_source or old_target, healthy=False)
    found: list[tuple[str, Steps]] = []
    for new in fresh if carry is not None else (trait,):
        if len(group) > 1 or carry is None:
            # It converts values: those of both sides have to be as they were there.
            fits = was is not None and gave is not None and _same(was, trait.before) and _same(gave, new.after)
            fits = fits and _near(_ratio(was, gave), _ratio(trait.before, new.after))
        else:
            fits = _same(trait.before, new.after) and _near(_ratio(trait.before, new.after), 0.0)
        if not fits or (carry is not None and not _pair(carry, trait.path, new.path, group)):
            continue
        if carry is None and any(isinstance(step, Scale) for step in group):
            continue  # no name states the factor
        places = {old_target: trait.path, old_source: new.path}
        steps = _written(group, places)
        if steps:
            found.append((new.path if carry is not None else "", steps))
    return found


def _form(then: Sequence[Trait], path: str, *, healthy: bool) -> Form | None:
    trait = next((trait for trait in then if trait.path == path), None)
    if trait is None:
        return None
    return trait.before if healthy else trait.after


def _same(one: Form | None, other: Form | None) -> bool:
    if one is None or other is None:
        return False
    # Whole amounts are integers by chance of the sample: both count as numbers.
    return _plain(one.types) == _plain(other.types) and one.family == other.family


def _plain(types: str) -> str:
    return "number" if types == "integer" else types


def _ratio(before: Form | None, after: Form | None) -> float | None:
    if before is None or after is None or before.size is None or after.size is None:
        return None
    return after.size - before.size


def _near(one: float | None, other: float | None) -> bool:
    """Do two ratios agree? Where one cannot be told, the other cannot be either."""
    if one is None or other is None:
        return one is other or 0.0 in (one, other)
    return abs(one - other) <= SAME_SIZE


def _pair(carry: AnyStep, target: str, source: str, group: Steps) -> bool:
    """Do the names say that the two fields are one, and the units in them what the group's scale says?"""
    is_rename = carry.__struct_config__.tag == "rename"
    if is_rename is not (target.rpartition("/")[0] == source.rpartition("/")[0]):
        return False
    pair = compare(target, source)
    if pair.score < SURE_NAME or pair.doubts:
        return False
    scale = next((step for step in group if isinstance(step, Scale)), None)
    if scale is None:
        return pair.source_unit == pair.target_unit
    if pair.source_unit is None:
        return False
    base = pair.target_unit if pair.target_unit is not None else (pair.source_unit[0], 1.0)
    stated = pair.source_unit[1] / base[1] if base[0] == pair.source_unit[0] else math.nan
    return math.isclose(stated, scale.numerator / scale.denominator, rel_tol=1e-9)


def _written(group: Steps, places: dict[str, str]) -> Steps:
    """The steps with their paths exchanged; none where a path has no counterpart."""
    made: list[dict[str, Any]] = msgspec.to_builtins(list(group))
    for step in made:
        pointers = [key for key in ("path", "source", "target") if str(step.get(key, "")).startswith("/")]
        if any(step[key] not in places for key in pointers):
            return ()
        step.update({key: places[step[key]] for key in pointers})
    return msgspec.convert(made, tuple[AnyStep, ...])


def _compiles(program: Program) -> bool:
    try:
        compile_program(program)
    except InvalidProgram:
        return False
    return True
