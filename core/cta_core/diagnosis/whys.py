"""The chain of whys and the one question, from facts only: each line follows from something that was measured.

A why without a fact is left out, and the last line says where knowledge ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cta_core.diagnosis.case import Case
from cta_core.diagnosis.headline import headline_of
from cta_core.diagnosis.report import Cause, Decision, Severity
from cta_core.diagnosis.symptoms import Finding
from cta_core.diagnosis.table import leaf_of
from cta_core.diagnosis.views import View

if TYPE_CHECKING:
    from cta_core.diagnosis.solution import Solution


def cause_of(found: Sequence[Finding], solution: Solution) -> Cause:
    """The primary cause in one sentence."""
    serious = [one for one in found if one.severity is not Severity.NOTICE]
    if not serious and not solution.steps:
        return Cause(stage="producer", sentence="nothing that matters has changed")
    first = serious[0] if serious else None
    kinds = Counter(str(step.__struct_config__.tag) for step in solution.steps)
    if solution.steps:
        kind = kinds.most_common(1)[0][0]
        path = first.path if first is not None else solution.steps[0].writes()[0]
        sentence = headline_of(solution.steps) or f"the producer changed {path}"
        return Cause(stage="producer", path=path, kind=kind, sentence=sentence)
    path = first.path if first is not None else ""
    return Cause(
        stage="producer",
        path=path,
        sentence=f"{path}: {first.text}; nothing in the events brings it back" if first else "",
    )


def whys_of(case: Case, found: Sequence[Finding], solution: Solution) -> tuple[str, ...]:
    """At most five whys."""
    return tuple(list(_whys(case, found, solution))[:5])


def _whys(case: Case, found: Sequence[Finding], solution: Solution) -> Iterator[str]:
    serious = [one for one in found if one.severity is not Severity.NOTICE]
    total = case.drifted.count
    if case.breached:
        rules = Counter(f"{breach.path} {breach.rule}" for some in case.breaches for breach in some)
        rule, count = rules.most_common(1)[0]
        yield f"{case.breached} of {total} events break the contract, {count} of them at {rule}."
    elif serious:
        yield f"The contract holds, but {serious[0].path} does not look as before: {serious[0].text}."
    else:
        yield f"None of {total} events breaks the contract."
        return
    if solution.choices:
        target, choice = max(solution.choices.items(), key=lambda item: item[1].confidence)
        if choice.candidate.own:
            yield f"Because the producer now sends {target} in another form ({choice.candidate.recipe.kind})."
        else:
            yield f"Because the producer sends {choice.candidate.source} where {target} was."
    elif solution.open_paths:
        yield f"Because {solution.open_paths[0]} is not sent as before, and no other field carries it."
    if case.old:
        yield f"Because a part of the producers changed: {len(case.old)} of {total} events still have the old shape."
    else:
        yield "Because all of its events changed: the first one of the sample shows it already."
    mark = _version(case)
    if mark:
        yield mark
    new = [path for path in case.level.drifted.columns if path not in case.level.healthy.columns]
    if new and case.promises.schema is not None and case.promises.schema.get("additionalProperties", True) is not False:
        yield f"It was not refused at the source because the contract allows unknown fields such as {new[0]}."
    yield "Why the producer changed is not in the events: ask its owner."


def _version(case: Case) -> str:
    """A label that came with the change: a version or producer field whose value marks the new events."""
    chosen = set(case.rows)
    for path, column in case.drifted.columns.items():
        was = case.healthy.columns.get(path)
        if was is None or "*" in path:
            continue
        view, before = View.of(column), View.of(was)
        if not view.labels or len(view.labels) > 8 or not (before.labels or len(before.counts) == 1):
            continue
        known = {value for _, value in before.counts}
        fresh = {value for _, value in view.counts} - known
        rows = {row for row, value in zip(column.rows, column.values, strict=True) if value in fresh}
        if fresh and len(rows & chosen) >= 0.95 * len(chosen) and len(rows - chosen) <= 0.05 * max(1, len(rows)):
            share = f"{len(rows)} of {case.drifted.count} events"
            return f"The changed events are those whose {leaf_of(path)} is new ({share})."
    return ""


def question_of(solution: Solution) -> str:
    """The one question to a person; empty where there is nothing to ask."""
    if solution.decision is not Decision.ESCALATE:
        return ""
    for target, choice in solution.choices.items():
        zone = next((veto for veto in choice.vetoes if veto.startswith("zone unproven")), "")
        if zone:
            return f"In which time zone are the values of {choice.candidate.source}?"
        if choice.rival is not None and choice.margin < 1.5:
            other = choice.rival
            if other.source == choice.candidate.source:
                first, second = words_of_recipe(choice.candidate), words_of_recipe(other)
                return f"How is {other.source} to be read for {target}: as {first}, or as {second}?"
            return f"Which of {choice.candidate.source} and {other.source} is {target}?"
    for target, choice in solution.choices.items():
        if choice.vetoes:
            return f"Is {choice.candidate.source} the same as {target} was? Against it: {choice.vetoes[0]}."
    for target, choice in solution.choices.items():
        if not choice.candidate.supported:
            return (
                f"Is {choice.candidate.source} the same as {target} was? Only the values' distribution speaks for it."
            )
    if solution.open_paths:
        return (
            f"Where does {solution.open_paths[0]} come from now? Nothing in the drifted events carries it for certain."
        )
    if solution.remaining:
        return (
            f"Is it right that {solution.remaining[0].path} differs after the adapter ({solution.remaining[0].text})?"
        )
    return "Do these events look right? The contract is broken and no change explains it."


def words_of_recipe(candidate: object) -> str:
    """A candidate's steps in words."""
    steps = getattr(getattr(candidate, "recipe", None), "steps", ())
    return "; ".join(step.words().replace("/v", str(getattr(candidate, "source", ""))) for step in steps) or "it is"
