"""The search as a whole: from findings to the steps of an adapter, tried on every event, and the decision.

`solve` asks the specialists (shapes, keys, strata, swaps, single sources, joint changes), puts their parts together and
decides: heal only if every serious finding is explained, nothing vetoes, and the trial leaves nothing wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep, Default, EnumMap, Scale
from cta_core.diagnosis.assemble import Part, assemble
from cta_core.diagnosis.case import Case, Options
from cta_core.diagnosis.compounds import Compound, merges, splits
from cta_core.diagnosis.conditions import condition_for
from cta_core.diagnosis.decide import NO_RIVAL, Choice, decide
from cta_core.diagnosis.gather import (
    SAME_NAME,
    candidates_of,
    pool_of,
    related,
    relations_of,
    second_pass,
    witnesses_of,
)
from cta_core.diagnosis.keyed import keyed_ratio
from cta_core.diagnosis.lexicon import UNIT_WORDS
from cta_core.diagnosis.names import compare
from cta_core.diagnosis.relations import Relations
from cta_core.diagnosis.repeats import copies, derived
from cta_core.diagnosis.report import Decision, Method, Severity
from cta_core.diagnosis.search import Candidate, Searcher
from cta_core.diagnosis.strata import stratified
from cta_core.diagnosis.swaps import swapped
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.verify import Trial, no_more_made_of, still_wrong, try_out
from cta_core.diagnosis.views import View
from cta_core.errors import InvalidProgram


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """What the search came to."""

    decision: Decision
    choices: dict[str, Choice] = {}
    candidates: dict[str, tuple[Candidate, ...]] = {}
    joint: tuple[Compound, ...] = ()
    """Parts that are no single choice: swaps, splits, merges, copies, factors by key or by label."""
    open_paths: tuple[str, ...] = ()
    """Fields that nothing explains."""
    steps: tuple[AnyStep, ...] = ()
    trial: Trial | None = None
    remaining: tuple[Finding, ...] = ()
    """What would still be wrong after the steps."""
    confidence: float = 0.0
    """The least of the parts' confidences: one wrong field is enough to be wrong."""
    method: Method = Method.HEURISTIC


FEW_EVENTS = 0.05
"""Share of events that may lack a required field without asking for a reason: they are held, the others are not."""


def solve(case: Case, found: Sequence[Finding], options: Options) -> Solution:
    """Searches and decides."""
    healthy, drifted = case.level.healthy, case.level.drifted
    serious = [
        finding
        for finding in found
        if finding.severity is not Severity.NOTICE
        and not (finding.rule == "partly gone" and finding.count <= FEW_EVENTS * drifted.count)
    ]
    relations = relations_of(case, serious)
    joint, unchanged = _moved_numbers(case, serious, relations)
    serious = [finding for finding in serious if finding.path not in unchanged]
    constants = _constants(case, serious)
    explained = {path for one in joint for path in one.part.targets} | set(constants)
    targets = {
        finding.path: View.of(healthy.columns[finding.path])
        for finding in serious
        if finding.path not in explained and finding.rule != "partly gone"
    }
    pool = pool_of(case, serious)
    searcher = Searcher(relations, witnesses_of(case, serious))
    raw = candidates_of(targets, pool, case, searcher, serious, options)
    candidates = {path: related(rows, targets[path], searcher) for path, rows in raw.items()}
    choices = decide(candidates, targets, searcher)
    choices = second_pass(choices, raw, candidates, targets, relations, searcher, options)
    open_paths = _left_open(serious, explained, choices, options)
    weak = {
        path: view
        for path, view in targets.items()
        if path in open_paths or (path in choices and _weak(choices[path], options, bool(open_paths)))
    }
    found_together = _compounds(weak, pool, case, searcher, serious, options)
    if found_together:
        joint.extend(found_together)
        taken = {path for one in found_together for path in one.part.targets}
        used = {path for one in found_together for path in one.part.sources}
        # What the joint parts explain is out of the game: the others choose again among what is left.
        left = {
            path: [row for row in rows if row.source not in used]
            for path, rows in candidates.items()
            if path not in taken
        }
        choices = decide(left, targets, searcher)
        open_paths = _left_open(serious, explained | taken, choices, options)
    choices = _with_unit_labels(choices)
    choices.update(_rare(case, choices, pool, searcher))
    omitted = _omitted_nulls(case, serious, choices)
    open_paths = [path for path in open_paths if path not in omitted]
    constants.update(dict.fromkeys(omitted))
    parts = [one.part for one in joint]
    for target, choice in choices.items():
        source, recipe = choice.candidate.source, choice.candidate.recipe
        own = case.old and choice.candidate.own
        when = condition_for(target, targets[target], pool[target], recipe) if own else ()
        parts.append(Part(targets=(target,), sources=(source,), steps=recipe.steps, when=when))
    steps = assemble(parts, healthy, drifted, case.level.before, case.level.after, mixed=bool(case.old))
    steps = (*steps, *(Default(path=path, value=value) for path, value in constants.items()))
    kept = {path: tuple(rows) for path, rows in candidates.items()}
    if not steps:
        alarmed = bool(open_paths) or case.breached > 0
        decision = Decision.ESCALATE if alarmed else Decision.QUIET
        return Solution(decision=decision, candidates=kept, open_paths=tuple(open_paths))
    try:
        trial = try_out(Program(steps=steps), case.drifted.events, case.contract)
    except InvalidProgram:
        # Steps that do not fit together are no adapter; what was found still helps the person who decides.
        return Solution(decision=Decision.ESCALATE, choices=choices, candidates=kept, open_paths=tuple(open_paths))
    touched = {path for step in steps for path in (*step.reads(), *step.writes())} | {
        finding.path for finding in serious
    }
    remaining = (
        *still_wrong(case.healthy, trial, case.promises, touched),
        *no_more_made_of(case.healthy, trial, {path for step in steps for path in step.writes()}),
    )
    confidence = min(
        [one.confidence for one in joint] + [choice.confidence for choice in choices.values()], default=1.0
    )
    good = (
        not open_paths
        and not remaining
        and confidence >= options.bar
        and not any(choice.vetoes for choice in choices.values())
        and trial.held <= options.max_held * len(trial.healed)
        and not any(trial.touched[row] for row in case.old)
    )
    return Solution(
        decision=Decision.HEAL if good else Decision.ESCALATE,
        choices=choices,
        candidates=kept,
        joint=tuple(joint),
        open_paths=tuple(open_paths),
        steps=steps,
        trial=trial,
        remaining=remaining,
        confidence=confidence,
    )


def _moved_numbers(case: Case, serious: Sequence[Finding], relations: Relations) -> tuple[list[Compound], set[str]]:
    """Swaps and factors that follow a key or a label, and the fields whose keys prove that nothing changed."""
    healthy, drifted = case.level.healthy, case.level.drifted
    joint = [
        Compound(
            part=part,
            kind="swap",
            confidence=confidence,
            facts=(f"each of {part.targets[0]} and {part.targets[1]} fits the other's values",),
        )
        for part, confidence in swapped(healthy, drifted, serious)
    ]
    done = {path for one in joint for path in one.part.targets}
    unchanged: set[str] = set()
    changed = {finding.path for finding in serious}
    for path in [
        finding.path for finding in serious if finding.rule in ("shift", "precision") and finding.path not in done
    ]:
        keyed = keyed_ratio(View.of(healthy.columns[path]), View.of(drifted.columns[path]), relations)
        if keyed is not None and keyed.part is not None:
            joint.append(Compound(part=keyed.part, kind="scale", confidence=KEYED, facts=(keyed.fact,)))
            continue
        if keyed is not None and keyed.ratio == 1.0:
            unchanged.add(path)
            continue
        strata = stratified(path, healthy, drifted, changed)
        if strata is not None:
            joint.append(Compound(part=strata.part, kind="scale", confidence=strata.confidence, facts=strata.facts))
    return joint, unchanged


KEYED = 0.97
"""Confidence of a factor that a dozen keys or more agree on, to the last digit."""


def _left_open(
    serious: Sequence[Finding], explained: set[str], choices: dict[str, Choice], options: Options
) -> list[str]:
    """Fields without an explanation; takes choices away that explain nothing or that a mere shift does not deserve."""
    open_paths: list[str] = []
    for finding in serious:
        path = finding.path
        if path in explained:
            continue
        choice = choices.get(path)
        if choice is None or (choice.candidate.own and choice.candidate.recipe.kind == "rename"):
            if finding.severity is Severity.BREAK or finding.doubt:
                open_paths.append(path)
            choices.pop(path, None)
        elif (
            finding.severity is Severity.SILENT
            and not finding.doubt
            and (choice.vetoes or choice.confidence < options.bar)
        ):
            choices.pop(path)
    return open_paths


def _rare(case: Case, choices: dict[str, Choice], pool: dict[str, View], searcher: Searcher) -> dict[str, Choice]:
    """Optional fields that come too rarely to be missed, and whose new name is plain: they move with the others."""
    if not any(not choice.candidate.own for choice in choices.values()):
        return {}
    used = {choice.candidate.source for choice in choices.values()}
    left = {path: view for path, view in pool.items() if path not in used and path not in case.level.healthy.columns}
    found: dict[str, Choice] = {}
    for path, column in case.level.healthy.columns.items():
        if not left or path in choices or path in case.level.drifted.columns or not case.inner.names(path):
            continue
        view = View.of(column)
        stars = path.count("*")
        same = [
            source
            for source in left
            if source.count("*") == stars
            and (pair := compare(path, source)).score >= SAME_NAME
            and not pair.doubts
            and left[source].solid_types <= view.solid_types | {"null"}
        ]
        if len(same) != 1:
            continue
        rows = [row for row in searcher.search(view, left[same[0]], case.inner.of(path)) if row.recipe.kind == "rename"]
        if rows and not rows[0].vetoes:
            found[path] = Choice(candidate=rows[0], margin=NO_RIVAL)
            del left[same[0]]
    return found


def _omitted_nulls(case: Case, serious: Sequence[Finding], choices: dict[str, Choice]) -> list[str]:
    """Nullable fields whose nulls are not sent any more: absent now about as often as they were null."""
    healthy, drifted = case.level.healthy, case.level.drifted
    found: list[str] = []
    suspects = [finding.path for finding in serious if finding.rule == "partly gone"]
    for path in (*suspects, *choices):
        promise = case.inner.of(path)
        if "null" not in promise.types or not case.inner.needed(path) or "*" in path:
            continue
        view = View.of(healthy.columns[path])
        choice = choices.get(path)
        column = drifted.columns.get(path)
        here = choice.candidate.recipe.view if choice is not None else View.of(column) if column is not None else None
        if here is None or here.nulls or not view.nulls or view.total < healthy.count:
            continue
        before, now = view.nulls / view.total, 1 - here.total / drifted.count
        pooled = (before * view.total + now * drifted.count) / (view.total + drifted.count)
        spread = math.sqrt(max(pooled * (1 - pooled), 1e-6) * (1 / view.total + 1 / drifted.count))
        if now > 0 and abs(before - now) < 4 * spread:
            found.append(path)
    return found


def _with_unit_labels(choices: dict[str, Choice]) -> dict[str, Choice]:
    """A unit's name may change where a number of the same incident changes by just that factor: `s` for `ms` with x
    1000.
    """
    factors = [
        step.numerator / step.denominator
        for choice in choices.values()
        for step in choice.candidate.recipe.steps
        if isinstance(step, Scale) and not step.offset and not choice.vetoes
    ]
    made = dict(choices)
    for path, choice in choices.items():
        steps = choice.candidate.recipe.steps
        if not choice.vetoes or len(steps) != 1 or not isinstance(steps[0], EnumMap) or len(steps[0].entries) != 1:
            continue
        entry = steps[0].entries[0]
        new, old = UNIT_WORDS.get(str(entry.source).lower()), UNIT_WORDS.get(str(entry.target).lower())
        if new is None or old is None or new[0] != old[0]:
            continue
        if any(math.isclose(factor, new[1] / old[1], rel_tol=1e-9) for factor in factors):
            made[path] = msgspec.structs.replace(choice, vetoes=())
    return made


def _weak(choice: Choice, options: Options, some_open: bool) -> bool:
    """Is a choice worth being put in question by a joint one?"""
    if some_open and choice.candidate.recipe.kind == "enum_map" and not choice.candidate.own:
        return True
    return bool(choice.vetoes) or choice.confidence < options.bar or choice.candidate.fit.score < 0.8


def _compounds(
    weak: dict[str, View],
    pool: dict[str, View],
    case: Case,
    searcher: Searcher,
    serious: Sequence[Finding],
    options: Options,
) -> list[Compound]:
    """Joint proposals for fields that no single source explains well, the surest first, none touching another's
    fields.
    """
    gone = {finding.path for finding in serious if finding.rule == "gone"}
    lacking = {path: view for path, view in weak.items() if path in gone}
    if not lacking:
        return []
    fresh = {path: view for path, view in pool.items() if path not in case.level.healthy.columns}
    changed = {finding.path for finding in serious}
    found = [
        *copies(lacking, case.level.healthy, case.level.drifted, changed),
        *derived(lacking, case.level.healthy, case.level.drifted, changed),
        *splits(lacking, fresh, searcher),
        *merges(lacking, fresh, searcher),
    ]
    found = [compound for compound in found if not compound.vetoes and compound.confidence >= options.bar]
    found.sort(key=lambda compound: (-len(compound.part.targets), -compound.confidence))
    kept: list[Compound] = []
    for compound in found:
        if not any(set(compound.part.targets) & set(other.part.targets) for other in kept):
            kept.append(compound)
    return kept


def _constants(case: Case, serious: Sequence[Finding]) -> dict[str, Any]:
    """Missing fields whose constant the contract names."""
    found: dict[str, Any] = {}
    for finding in serious:
        promise = case.inner.of(finding.path)
        if (
            finding.rule in ("gone", "partly gone")
            and promise.has_constant
            and not isinstance(promise.constant, (dict, list))
        ):
            column = case.level.healthy.columns[finding.path]
            if all(value == promise.constant for value in column.values):
                found[finding.path] = promise.constant
    return found
