"""What a search works with: possible sources, unchanged neighbours, times as witnesses, candidates of each field.

`solution` calls it step by step; it ranks candidates and chooses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cta_core.diagnosis.candidates.dates import Witness
from cta_core.diagnosis.case import Case, Options
from cta_core.diagnosis.decide import Choice, decide
from cta_core.diagnosis.formats import ZONED
from cta_core.diagnosis.names import compare
from cta_core.diagnosis.relations import Anchor, Relations, by_row
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.search import Candidate, Searcher
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.views import View


def pool_of(case: Case, serious: Sequence[Finding]) -> dict[str, View]:
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
        if isinstance(value, (dict, list)) or (
            row in by_event and (by_event[row] != value or type(by_event[row]) is not type(value))
        ):
            return None
        by_event[row] = value
    return View(view.path, list(by_event.values()), list(by_event))


def relations_of(case: Case, serious: Sequence[Finding]) -> Relations:
    """The fields of both sides that did not change, as neighbours that are asked about candidates."""
    changed = {finding.path for finding in serious}
    healthy, drifted = case.level.healthy, case.level.drifted
    anchors = [
        Anchor(path, View.of(column), View.of(drifted.columns[path]))
        for path, column in healthy.columns.items()
        if path in drifted.columns and path not in changed and "*" not in path
    ]
    return Relations(anchors, healthy.count, drifted.count)


def witnesses_of(case: Case, serious: Sequence[Finding]) -> list[Witness]:
    """Unchanged times of the same events that name an instant: they tell the offset of a local time."""
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


def candidates_of(
    targets: dict[str, View],
    pool: dict[str, View],
    case: Case,
    searcher: Searcher,
    serious: Sequence[Finding],
    options: Options,
) -> dict[str, list[Candidate]]:
    """Every candidate of every field, not yet asked by the neighbours; nothing where there are too many pairs."""
    silent = {finding.path for finding in serious if finding.severity is Severity.SILENT}
    found: dict[str, list[Candidate]] = {}
    pairs = 0
    for target, view in targets.items():
        rows = _by_name(target, view, pool, case, searcher) if target not in silent else []
        if rows:
            found[target] = rows
            continue
        for source, column in pool.items():
            if target in silent and source != target:
                continue
            if source in targets and source != target and source in silent:
                continue
            level_with = target.count("*") == source.count("*")
            given = column if level_with else agreed(column) if "*" not in target else None
            if given is None:
                continue
            pairs += 1
            if pairs > options.max_pairs:
                return {}
            rows.extend(searcher.search(view, given, case.inner.of(target)))
        found[target] = rows
    return found


def _by_name(target: str, view: View, pool: dict[str, View], case: Case, searcher: Searcher) -> list[Candidate]:
    """The candidates of the one source that has the same name in another spelling and fits; empty where it is not as
    plain.
    """
    if target in pool:
        return []
    stars = target.count("*")
    alike = [(compare(target, source), source) for source in pool if source.count("*") == stars]
    same = [source for pair, source in alike if pair.score >= SAME_NAME and not pair.doubts]
    if len(same) != 1 or sum(pair.score >= RIVAL_NAME for pair, _ in alike) > 1:
        return []
    rows = searcher.search(view, pool[same[0]], case.inner.of(target))
    good = rows and not rows[0].vetoes and rows[0].fit.score >= 0.9 and rows[0].recipe.kind == "rename"
    return rows if good else []


RIVAL_NAME = 0.7
"""Likeness from which another source's name has to be looked into beside one that is the same."""

NEAR = 6.0
"""Log-odds behind the best within which the neighbours are asked: they can add and take away about that much."""


SAME_NAME = 0.95
"""Likeness from which a name is the same in another spelling; where nothing else comes near, the neighbours are not
asked."""


def _alone(ranked: Sequence[Candidate]) -> bool:
    """Is the best candidate's source far ahead of every other source?"""
    best = ranked[0]
    return best.fit.score >= 0.8 and all(
        other.source == best.source or other.score < best.score - 4 for other in ranked[1:]
    )


def related(rows: list[Candidate], view: View, searcher: Searcher) -> list[Candidate]:
    """The candidates of a target, the best of them with what the neighbours say."""
    ranked = sorted(rows, key=lambda candidate: -candidate.score)
    if ranked and ranked[0].name.score >= SAME_NAME and not ranked[0].own and not ranked[0].vetoes and _alone(ranked):
        return ranked
    near = [row for row in ranked if row.score > ranked[0].score - NEAR][:6]
    asked = [searcher.related(row, view) for row in near]
    return sorted([*asked, *ranked[len(near) :]], key=lambda candidate: -candidate.score)


def second_pass(
    choices: dict[str, Choice],
    raw: dict[str, list[Candidate]],
    asked: dict[str, list[Candidate]],
    targets: dict[str, View],
    relations: Relations,
    searcher: Searcher,
    options: Options,
) -> dict[str, Choice]:
    """Sure choices become neighbours that the unsure ones are asked against."""
    sure = {
        path: choice
        for path, choice in choices.items()
        if choice.confidence >= 0.95 and not choice.vetoes and "*" not in path and choice.candidate.name.score >= 0.6
    }
    unsure = [
        path
        for path in raw
        if raw[path] and path not in sure and "*" not in path and _doubtful(choices.get(path), options)
    ]
    if not sure or not unsure:
        return choices
    anchors = [
        *relations.anchors,
        *(Anchor(path, targets[path], choice.candidate.recipe.view) for path, choice in sure.items()),
    ]
    wider = Searcher(Relations(anchors, relations.healthy_count, relations.drifted_count), searcher.witnesses)
    for path in unsure:
        asked[path] = related(raw[path], targets[path], wider)
    return decide(asked, targets, wider)


def _doubtful(choice: Choice | None, options: Options) -> bool:
    return choice is None or choice.confidence < options.bar
