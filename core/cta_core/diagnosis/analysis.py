"""The analysis as one pure function: healthy events, drifted events and the contract in, the report out.

`diagnose` finds what differs, searches the adapter that mends it, proves it on the events at hand and decides: heal, ask a
person, or stay quiet. It never promotes anything; the server's loop, the offline commands and the tests call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep, Default, Wrap, WrapForm
from cta_core.contract import Contract, compile_contract, learn
from cta_core.diagnosis.assemble import Part, assemble, is_below
from cta_core.diagnosis.candidates.dates import Witness
from cta_core.diagnosis.compounds import Compound, copies, merges, splits
from cta_core.diagnosis.decide import Choice, decide
from cta_core.diagnosis.explain import explain
from cta_core.diagnosis.formats import ZONED
from cta_core.diagnosis.conditions import condition_for
from cta_core.diagnosis.keyed import keyed_ratio
from cta_core.diagnosis.promises import Promises
from cta_core.diagnosis.relations import Anchor, Relations, by_row
from cta_core.diagnosis.report import Decision, Method, Report, Severity
from cta_core.diagnosis.search import Candidate, Searcher
from cta_core.diagnosis.shapes import Level, level
from cta_core.diagnosis.strata import stratified
from cta_core.diagnosis.swaps import swapped
from cta_core.diagnosis.symptoms import Finding, findings
from cta_core.diagnosis.table import Table
from cta_core.diagnosis.verify import Trial, still_wrong, try_out
from cta_core.diagnosis.views import View


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may set."""

    bar: float = 0.9
    """Confidence from which the decision is HEAL."""
    max_held: float = 0.5
    """Share of held events beyond which an adapter is not proposed for promotion."""
    max_pairs: int = 4000
    """Pairs of broken field and source that are searched; beyond it the analysis hands over."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of one analysis, and which drifted events are of the old shape."""

    healthy: Table
    drifted: Table
    promises: Promises
    contract: Contract
    declared: bool
    level: Level
    """Both sides in one shape; its drifted side holds the events in question only."""
    inner: Promises
    """What the contract says about that common shape."""
    rows: tuple[int, ...]
    """The drifted events in question."""
    old: tuple[int, ...]
    """Drifted events that are healthy as they are."""
    broken: frozenset[str]
    """Paths at which the contract is violated."""
    breached: int
    """Drifted events that violate the contract."""


def prepare(baseline: Sequence[Any], drifted: Sequence[Any], contract: Contract | None, *, parted: bool = True) -> Case:
    """Reads both sides, sorts the drifted events into old and new, and levels their shapes."""
    healthy, table = Table(baseline), Table(drifted)
    declared = contract is not None
    if contract is None:
        contract = compile_contract(learn(baseline))
    promises = Promises(contract.schema if declared else None)
    broken: set[str] = set()
    marked: set[int] = set()
    for index, event in enumerate(drifted):
        for breach in contract.violations(event):
            broken.add("/".join("*" if part.isdigit() else part for part in breach.path.split("/")))
            marked.add(index)
    breached = len(marked)
    marked |= _new_shape(healthy, table, promises)
    old: list[int] = []
    rows = list(range(len(drifted)))
    if parted and marked and len(marked) < len(drifted) and len(marked) >= 0.03 * len(drifted):
        rows = sorted(marked)
        old = [index for index in range(len(drifted)) if index not in marked]
    part = table if not old else Table([drifted[index] for index in rows])
    leveled = level(healthy, part, promises)
    shaped = [step.path for step in (*leveled.before, *leveled.after)]
    broken = {path for path in broken if not any(is_below(path, above) for above in shaped)}
    wraps = [step for step in leveled.after if isinstance(step, Wrap)]
    return Case(
        healthy=healthy, drifted=table, promises=promises, contract=contract, declared=declared, level=leveled,
        inner=promises.leveled(
            [step.path for step in wraps if step.form is WrapForm.ONE_ELEMENT], [step.path for step in wraps if step.form is WrapForm.PAIRS]
        ), rows=tuple(rows), old=tuple(old), broken=frozenset(broken), breached=breached,
    )  # fmt: skip


def _new_shape(healthy: Table, drifted: Table, promises: Promises) -> set[int]:
    """Events that lack a field which healthy ones always have, while they carry a path that is new."""
    new = [path for path in drifted.columns if path not in healthy.columns and path not in healthy.nodes]
    fresh = {row for path in new for row in drifted.columns[path].rows}
    if not fresh:
        return set()
    usual = [
        path for path, column in healthy.columns.items()
        if "*" not in path and len(column.rows) >= 0.98 * healthy.count and promises.names(path)
    ]  # fmt: skip
    lacking: set[int] = set()
    everyone = set(range(drifted.count))
    for path in usual:
        column = drifted.columns.get(path)
        lacking |= everyone - set(column.rows if column is not None else ())
    return fresh & lacking


def diagnose(
    baseline: Sequence[dict[str, Any]],
    drifted: Sequence[dict[str, Any]],
    contract: Contract | None,
    *,
    options: Options = Options(),
    hints: Sequence[Program] = (),
) -> Report:
    """The report on what differs and the adapter that mends it.

    Args:
        baseline: Healthy events, in the order of time.
        drifted: Events after the change, in the order of time; healthy ones may be among them.
        contract: What a healthy event looks like; None learns it from `baseline`.
        options: Bars and limits.
        hints: Adapters that healed alike incidents, most likely first. One that explains everything is proposed without
            the deep search; it is judged by the same evidence as any other.
    """
    if not baseline or not drifted:
        return Report(decision=Decision.QUIET, baseline_count=len(baseline), drifted_count=len(drifted))
    case = prepare(baseline, drifted, contract)
    found = findings(case.level.healthy, case.level.drifted, case.inner, case.broken)
    del hints
    solution = solve(case, found, options)
    if solution.decision is not Decision.HEAL and case.old:
        # Perhaps no event is of the old shape, and only some show the change: look at all of them as one.
        whole = prepare(baseline, drifted, contract, parted=False)
        also = findings(whole.level.healthy, whole.level.drifted, whole.inner, whole.broken)
        second = solve(whole, also, options)
        if second.decision is Decision.HEAL:
            case, found, solution = whole, also, second
    return explain(case, found, solution, options)


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """What the search came to."""

    decision: Decision
    choices: dict[str, Choice] = {}
    candidates: dict[str, tuple[Candidate, ...]] = {}
    open_paths: tuple[str, ...] = ()
    """Fields that nothing explains."""
    steps: tuple[AnyStep, ...] = ()
    trial: Trial | None = None
    remaining: tuple[Finding, ...] = ()
    confidence: float = 0.0
    question: str = ""
    method: Method = Method.HEURISTIC


def solve(case: Case, found: Sequence[Finding], options: Options) -> Solution:
    """Searches and decides."""
    healthy, drifted = case.level.healthy, case.level.drifted
    serious = [finding for finding in found if finding.severity is not Severity.NOTICE]
    changed = bool(case.level.before or case.level.after)
    relations = _relations(case, serious)
    searcher = Searcher(relations, _witnesses(case, serious))
    parts: list[Part] = []
    confidences: list[float] = []
    targets: dict[str, View] = {}
    explained: set[str] = set()
    swap_parts = swapped(case.level.healthy, case.level.drifted, serious, relations)
    for part, confidence in swap_parts:
        parts.append(part)
        confidences.append(confidence)
        explained.update(part.targets)
    changed_paths = {finding.path for finding in serious}
    settled: set[str] = set()
    for finding in serious:
        if finding.rule not in ("shift", "precision") or finding.path in explained:
            continue
        keyed = keyed_ratio(View.of(healthy.columns[finding.path]), View.of(drifted.columns[finding.path]), relations)
        if keyed is not None and keyed.part is not None:
            parts.append(keyed.part)
            confidences.append(0.97)
            explained.add(finding.path)
        elif keyed is not None and keyed.ratio == 1.0:
            settled.add(finding.path)
    serious = [finding for finding in serious if finding.path not in settled]
    for finding in serious:
        if finding.rule in ("shift", "precision") and finding.path not in explained:
            strata = stratified(finding.path, case.level.healthy, drifted, changed_paths)
            if strata is not None:
                parts.append(strata.part)
                confidences.append(strata.confidence)
                explained.add(finding.path)
    constants = _constants(case, serious)
    explained.update(constants)
    for finding in serious:
        if finding.path in explained or finding.rule == "partly gone":
            continue
        targets[finding.path] = View.of(healthy.columns[finding.path])
    pool = _pool(case, serious)
    candidates = _candidates(targets, pool, case, searcher, serious, options)
    choices = decide(candidates, targets, searcher)
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
            continue
        if (
            finding.severity is Severity.SILENT
            and not finding.doubt
            and (choice.vetoes or choice.confidence < options.bar)
        ):
            choices.pop(path)
    weak = {path: view for path, view in targets.items() if path in open_paths or (path in choices and _weak(choices[path], options, bool(open_paths)))}
    compounds = _compounds(weak, pool, case, searcher, serious, options)
    for compound in compounds:
        parts.append(compound.part)
        confidences.append(compound.confidence)
        for path in compound.part.targets:
            choices.pop(path, None)
            if path in open_paths:
                open_paths.remove(path)
        for path in [path for path, choice in choices.items() if choice.candidate.source in compound.part.sources]:
            choices.pop(path)
            open_paths.append(path)
    for target, choice in choices.items():
        parts.append(
            Part(
                targets=(target,), sources=(choice.candidate.source,), steps=choice.candidate.recipe.steps,
                when=condition_for(target, targets[target], pool[target], choice.candidate.recipe) if case.old and choice.candidate.own else (),
            )  # fmt: skip
        )
        confidences.append(choice.confidence)
    kept = {path: tuple(list_) for path, list_ in candidates.items()}
    if not parts and not constants and not changed:
        escalates = bool(open_paths) or case.breached > 0
        return Solution(
            decision=Decision.ESCALATE if escalates else Decision.QUIET, candidates=kept, open_paths=tuple(open_paths),
        )  # fmt: skip
    steps = assemble(parts, case.level.healthy, drifted, case.level.before, case.level.after, mixed=bool(case.old))
    steps = (*steps, *(Default(path=path, value=value) for path, value in constants.items()))
    if not steps:
        escalates = bool(open_paths) or case.breached > 0
        return Solution(
            decision=Decision.ESCALATE if escalates else Decision.QUIET, candidates=kept, open_paths=tuple(open_paths)
        )
    trial = try_out(Program(steps=steps), case.drifted.events, case.contract)
    remaining = tuple(still_wrong(case.healthy, trial, case.promises))
    confidence = min(confidences, default=1.0)
    good = (
        not open_paths and not remaining and confidence >= options.bar and not any(choice.vetoes for choice in choices.values())
        and trial.held <= options.max_held * len(trial.healed) and not any(trial.touched[row] for row in case.old)
    )  # fmt: skip
    return Solution(
        decision=Decision.HEAL if good else Decision.ESCALATE, choices=choices, candidates=kept, open_paths=tuple(open_paths), steps=steps,
        trial=trial, remaining=remaining, confidence=confidence,
    )  # fmt: skip


def _weak(choice: Choice, options: Options, some_open: bool) -> bool:
    """Is a choice worth being put in question by a joint one?"""
    if some_open and choice.candidate.recipe.kind == "enum_map" and not choice.candidate.own:
        return True
    return bool(choice.vetoes) or choice.confidence < options.bar or choice.candidate.fit.score < 0.8


def _compounds(
    weak: dict[str, View], pool: dict[str, View], case: Case, searcher: Searcher, serious: Sequence[Finding], options: Options
) -> list[Compound]:
    """Joint proposals for fields that no single source explains well, the surest first, none touching another's fields."""
    gone = {finding.path for finding in serious if finding.rule == "gone"}
    lacking = {path: view for path, view in weak.items() if path in gone}
    if not lacking:
        return []
    fresh = {path: view for path, view in pool.items() if path not in case.level.healthy.columns}
    changed = {finding.path for finding in serious}
    found = [
        *copies(lacking, case.level.healthy, case.level.drifted, changed),
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


def _pool(case: Case, serious: Sequence[Finding]) -> dict[str, View]:
    """Columns that may be sources: new paths and the changed fields themselves."""
    healthy, drifted = case.level.healthy, case.level.drifted
    changed = {finding.path for finding in serious}
    return {
        path: View.of(column)
        for path, column in drifted.columns.items()
        if path not in healthy.columns or path in changed
    }


def agreed(view: View) -> View | None:
    """One value per event from a field below an array whose members always agree; None where they ever differ."""
    by_event: dict[int, Any] = {}
    for row, value in zip(view.rows, view.values, strict=True):
        if isinstance(value, (dict, list)) or (row in by_event and (by_event[row] != value or type(by_event[row]) is not type(value))):
            return None
        by_event[row] = value
    return View(view.path, list(by_event.values()), list(by_event))


def _relations(case: Case, serious: Sequence[Finding]) -> Relations:
    changed = {finding.path for finding in serious}
    healthy, drifted = case.level.healthy, case.level.drifted
    anchors = [
        Anchor(path, View.of(column), View.of(drifted.columns[path]))
        for path, column in healthy.columns.items()
        if path in drifted.columns and path not in changed and "*" not in path
    ]
    return Relations(anchors, healthy.count, drifted.count)


def _witnesses(case: Case, serious: Sequence[Finding]) -> list[Witness]:
    changed = {finding.path for finding in serious}
    healthy, drifted = case.level.healthy, case.level.drifted
    found: list[Witness] = []
    for path, column in healthy.columns.items():
        here = drifted.columns.get(path)
        if here is None or path in changed or "*" in path:
            continue
        view, now = View.of(column), View.of(here)
        shared = [form for form in view.date_formats if form in now.date_formats and form in ZONED]
        if shared:
            found.append(
                Witness(path, _by_event(view, shared[0], healthy.count), _by_event(now, shared[0], drifted.count))
            )
    return found


def _by_event(view: View, form: str, count: int) -> Any:
    found = np.full(count, np.nan)
    if by_row(view, count) is not None:
        found[np.array(view.rows, dtype=int)] = view.times(form)
    return found


def _candidates(
    targets: dict[str, View],
    pool: dict[str, View],
    case: Case,
    searcher: Searcher,
    serious: Sequence[Finding],
    options: Options,
) -> dict[str, list[Candidate]]:
    silent = {finding.path for finding in serious if finding.severity is Severity.SILENT}
    found: dict[str, list[Candidate]] = {}
    pairs = 0
    for target, view in targets.items():
        rows: list[Candidate] = []
        for source, given in pool.items():
            if target in silent and source != target:
                continue
            if source in targets and source != target and source in silent:
                continue
            if target.count("*") != source.count("*"):
                one = agreed(given) if "*" not in target else None
                if one is None:
                    continue
                given = one
            pairs += 1
            if pairs > options.max_pairs:
                return {}
            rows.extend(searcher.search(view, given, case.inner.of(target)))
        rows.sort(key=lambda candidate: -candidate.score)
        near = [row for row in rows if row.score > (rows[0].score - 6.0)][:8] if rows else []
        related = [searcher.related(row, view) for row in near]
        found[target] = sorted([*related, *rows[len(near) :]], key=lambda candidate: -candidate.score)
    return found


__all__ = ["Case", "Options", "Solution", "diagnose", "is_below", "prepare", "solve"]
