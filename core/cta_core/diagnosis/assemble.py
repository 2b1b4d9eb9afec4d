"""From choices to a program: moves in an order that works, whole objects at once where all of them moves, then value
steps.

Writes steps; it decides nothing about what is right. The verification runs the program on every event afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.steps import AnyStep, Drop, Move, Parse, Rename, Swap, Unwrap
from cta_core.diagnosis.candidates.recipe import moved_to
from cta_core.diagnosis.table import Table, leaf_of, parent_of


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What fills one or several targets."""

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    move: bool = True
    """The single source becomes the single target; the value steps follow there."""
    steps: tuple[AnyStep, ...] = ()
    """Value steps on the place of a recipe (with `move`), or steps with their real paths."""
    when: tuple[Condition, ...] = ()
    """Conditions under which the value steps run, for streams that mix old and new shapes."""


def is_below(path: str, above: str) -> bool:
    """Is `path` the same as `above` or inside it?"""
    return path == above or path.startswith(above + "/")


def assemble(
    parts: Sequence[Part],
    healthy: Table,
    drifted: Table,
    before: Sequence[AnyStep],
    after: Sequence[AnyStep],
    *,
    mixed: bool,
) -> tuple[AnyStep, ...]:
    """The steps of a program that carries out all parts."""
    pairs = {part.targets[0]: part.sources[0] for part in parts if part.move and part.sources[0] != part.targets[0]}
    others = [source for part in parts if not part.move for source in part.sources]
    own = {part.targets[0] for part in parts if part.move and part.sources[0] == part.targets[0]}
    moves, inner = _collapsed(pairs, healthy, drifted, own)
    ordered, late = _ordered(moves, drifted, others)
    steps: list[AnyStep] = [*ordered, *(_move(source, target) for target, source in inner)]
    steps.extend(_null_parents(pairs, healthy, drifted))
    for part in parts:
        if part.move:
            made = moved_to(part.targets[0], part.steps)
            if part.when:
                made = tuple(msgspec.structs.replace(step, when=(*step.when, *part.when)) for step in made)
            if mixed and part.sources[0] != part.targets[0] and made:
                condition = Condition(path=part.sources[0], test=Test.PRESENT)
                made = tuple(msgspec.structs.replace(step, when=(*step.when, condition)) for step in made)
            steps.extend(made)
        else:
            steps.extend(part.steps)
    steps.extend(late)
    used = {path for part in parts for path in part.sources}
    first = _needed(before, used, healthy)
    return (*first, *steps, *after)


def _needed(before: Sequence[AnyStep], used: Iterable[str], healthy: Table) -> list[AnyStep]:
    """The first steps without those whose field no part reads and that are not on a healthy path."""
    paths = list(used)
    return [
        step
        for step in before
        if isinstance(step, (Parse, Unwrap))
        and (
            step.path in healthy.nodes
            or step.path in healthy.columns
            or any(is_below(path, step.path) for path in paths)
        )
    ]


def _null_parents(pairs: Mapping[str, str], healthy: Table, drifted: Table) -> Iterable[AnyStep]:
    """A value whose whole parent is null is null as well, where the healthy field has nulls."""
    for target, source in pairs.items():
        above = parent_of(source)
        column = drifted.columns.get(above)
        if (
            column is None
            or "*" in source
            or above == parent_of(target)
            or any(value is not None for value in column.values)
        ):
            continue
        if (
            any(value is None for value in healthy.columns[target].values)
            and sum(is_below(other, above) for other in pairs.values()) == 1
        ):
            yield Move(source=above, target=target, when=(Condition(path=above, test=Test.TYPE, types=("null",)),))


def _collapsed(
    pairs: Mapping[str, str], healthy: Table, drifted: Table, own: set[str]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(target, source) moves with whole objects and arrays in place of their leaves, and the moves inside those
    afterwards.
    """
    groups: dict[tuple[str, str], int] = {}
    for target, source in pairs.items():
        for above_target, above_source in _aboves(target, source):
            groups[(above_target, above_source)] = groups.get((above_target, above_source), 0) + 1
    moves: list[tuple[str, str]] = []
    inner: list[tuple[str, str]] = []
    done: set[str] = set()
    for (above_target, above_source), count in sorted(
        groups.items(), key=lambda item: (item[0][0].count("/"), -item[1])
    ):
        if any(is_below(above_target, target) or is_below(above_source, source) for target, source in moves):
            continue
        if not _whole(above_target, above_source, count, pairs, healthy, drifted, own):
            continue
        moves.append((above_target, above_source))
        for target, source in pairs.items():
            if is_below(target, above_target) and is_below(source, above_source):
                done.add(target)
                suffix = source[len(above_source) :]
                if above_target + suffix != target:
                    inner.append((target, above_target + suffix))
    moves.extend((target, source) for target, source in pairs.items() if target not in done)
    return moves, inner


def _aboves(target: str, source: str) -> Iterable[tuple[str, str]]:
    one, two = target, source
    while leaf_of(one) == leaf_of(two) and parent_of(one) and parent_of(two):
        one, two = parent_of(one), parent_of(two)
        if leaf_of(one) == "*" or leaf_of(two) == "*":
            continue
        if one != two:
            yield one, two
    if "/*" in target and target.count("/*") == source.count("/*"):
        one, two = target[: target.index("/*")], source[: source.index("/*")]
        if one != two:
            yield one, two


def _whole(
    target: str, source: str, count: int, pairs: Mapping[str, str], healthy: Table, drifted: Table, own: set[str]
) -> bool:
    if is_below(target, source) or is_below(source, target):
        return False
    if target in drifted.nodes or target in drifted.columns or any(is_below(path, target) for path in own):
        return False
    if count < 2 and not any(leaf.startswith(source + "/*") for leaf in pairs.values()):
        below = [path for path in healthy.columns if is_below(path, target)]
        if len(below) > 1 or len([path for path in drifted.columns if is_below(path, source)]) > 1:
            return False
    for path in healthy.columns:
        if is_below(path, target) and path != target:
            given = pairs.get(path)
            if given is not None and not is_below(given, source):
                return False
    return all(is_below(goal, target) for goal, given in pairs.items() if is_below(given, source))


def _move(source: str, target: str) -> AnyStep:
    if parent_of(source) == parent_of(target):
        return Rename(source=source, target=target)
    return Move(source=source, target=target)


def _ordered(moves: list[tuple[str, str]], drifted: Table, kept: Sequence[str]) -> tuple[list[AnyStep], list[AnyStep]]:
    """The moves in an order in which no move overwrites what another one still needs."""
    pending: list[tuple[str, str]] = list(moves)
    steps: list[AnyStep] = []
    late: list[AnyStep] = []
    spare = 0
    while pending:
        free = next(
            (
                index
                for index, (target, source) in enumerate(pending)
                if not any(
                    other != index and (is_below(needs, target) or is_below(target, needs))
                    for other, (_, needs) in enumerate(pending)
                )
                and not (is_below(source, target) and _left_over(target, source, drifted, pending))
            ),
            None,
        )
        if free is not None:
            target, source = pending.pop(free)
            if (
                target in drifted.columns
                and not any(is_below(target, needs) for _, needs in moves)
                and target not in kept
            ):
                steps.append(Drop(path=target))
            steps.append(_move(source, target))
            continue
        target, source = pending[0]
        partner = next((i for i, (goal, given) in enumerate(pending) if goal == source and given == target), None)
        if partner is not None and partner != 0:
            pending.pop(partner)
            pending.pop(0)
            steps.append(Swap(left=target, right=source))
            continue
        # The target's place is taken by what others need: put that aside first.
        spare += 1
        if spare > len(moves):
            # They cannot be put in an order; the trial refuses such steps, and a person decides.
            steps.extend(_move(source, target) for target, source in pending)
            break
        aside = f"{parent_of(target)}/{leaf_of(target)}_before_{spare}"
        steps.append(_move(target, aside))
        pending = [
            (goal, aside + given[len(target) :] if is_below(given, target) else given) for goal, given in pending
        ]
        late.append(Drop(path=aside))
    return steps, late


def _left_over(target: str, source: str, drifted: Table, pending: Sequence[tuple[str, str]]) -> bool:
    """Would anything stay below the target after its own inner value has moved up into it?"""
    needed = {given for _, given in pending}
    return any(is_below(path, target) and path != source and path not in needed for path in drifted.columns) or any(
        path != source and is_below(path, target) for path in needed
    )
