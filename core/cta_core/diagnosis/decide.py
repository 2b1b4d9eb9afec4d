"""Which candidates win together: one source for one target over all broken fields, with the margin to the next best.

Hungarian assignment over the best candidate of every pair, then the pairwise relations of the winners against their
exchange. A choice keeps its rivals, so that the report can say what was second best and why it lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from cta_core.diagnosis.assignment import assign
from cta_core.diagnosis.candidates.recipe import Recipe
from cta_core.diagnosis.orders import compare_order
from cta_core.diagnosis.relations import by_row, instants
from cta_core.diagnosis.search import Candidate, Searcher
from cta_core.diagnosis.table import parent_of
from cta_core.diagnosis.views import View

SAME_OUTPUT = 0.999
"""Share of equal values from which two candidates count as one reading."""

NOTHING = -2.5
"""Score of leaving a target without a source. Weak pairs are chosen all the same: relations may lift them, a person
reads them."""

VETO_CAP = 0.3
"""Confidence that a veto leaves; far below any bar that a policy may set."""

UNSUPPORTED_CAP = 0.5
"""Confidence where only the distribution speaks for a source."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen for one target."""

    candidate: Candidate
    margin: float
    """Log-odds to the best candidate with another result; a large number where there is none."""
    rival: Candidate | None = None
    vetoes: tuple[str, ...] = ()
    relation_margin: float = 0.0

    @property
    def confidence(self) -> float:
        """0 to 1."""
        sure = _sigmoid(self.candidate.score)
        if self.rival is not None:
            sure = min(sure, _sigmoid(1.5 * self.margin))
        if not self.candidate.supported:
            sure = min(sure, UNSUPPORTED_CAP)
        return min(sure, VETO_CAP) if self.vetoes else sure


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


NO_RIVAL = 9.0
"""Margin where nothing else is there to choose."""


def decide(
    candidates: Mapping[str, Sequence[Candidate]], targets: Mapping[str, View], searcher: Searcher
) -> dict[str, Choice]:
    """The choice for every target that has a candidate worth having."""
    best: dict[tuple[str, str], Candidate] = {}
    for target, found in candidates.items():
        for candidate in found:
            key = (target, candidate.source)
            if key not in best or candidate.score > best[key].score:
                best[key] = candidate
    rows = [target for target, found in candidates.items() if found]
    sources = sorted({source for _, source in best})
    chosen: dict[str, Candidate] = {}
    for group, columns in _components(rows, sources, best):
        cost = [
            [-best[(t, s)].score if (t, s) in best else 50.0 for s in columns]
            + [-NOTHING if i == j else 60.0 for j in range(len(group))]
            for i, t in enumerate(group)
        ]
        for t, j in zip(group, assign(cost), strict=True):
            if j < len(columns) and (t, columns[j]) in best:
                chosen[t] = best[(t, columns[j])]
    chosen = _with_siblings(chosen, best)
    relation_margin = _exchanges(chosen, best, targets, searcher)
    return {
        target: _choice(candidate, _raised(candidates[target], best), chosen, relation_margin.get(target, 0.0))
        for target, candidate in chosen.items()
    }


SIBLINGS = 1.5
"""Log-odds for a source in the object that a sure choice of the same incident comes from: one producer moves things
together."""


def _with_siblings(chosen: dict[str, Candidate], best: dict[tuple[str, str], Candidate]) -> dict[str, Candidate]:
    """Raises the candidates beside sure ones, and takes them where they win now."""
    homes: dict[str, int] = {}
    for candidate in chosen.values():
        home = parent_of(candidate.source)
        if (
            home
            and not candidate.own
            and candidate.score >= 4
            and not candidate.vetoes
            and parent_of(candidate.target) != home
        ):
            homes[home] = homes.get(home, 0) + 1
    if not homes:
        return chosen
    for key, candidate in list(best.items()):
        own_vote = 1 if chosen.get(key[0]) is candidate and candidate.score >= 4 and not candidate.vetoes else 0
        if homes.get(parent_of(candidate.source), 0) - own_vote > 0:
            best[key] = msgspec.structs.replace(candidate, score=candidate.score + SIBLINGS, siblings=True)
    raised = {target: best[(target, candidate.source)] for target, candidate in chosen.items()}
    taken = {candidate.source for candidate in raised.values()}
    for (target, source), candidate in best.items():
        if target in raised and source not in taken and candidate.score > raised[target].score:
            taken.discard(raised[target].source)
            raised[target] = candidate
            taken.add(source)
    return raised


def _components(
    rows: Sequence[str], columns: Sequence[str], best: Mapping[tuple[str, str], Candidate]
) -> list[tuple[list[str], list[str]]]:
    """Groups of targets that share sources, so that each assignment is small."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    for (target, source), candidate in best.items():
        if candidate.score > -2.0:
            root[find("t" + target)] = find("s" + source)
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for target in rows:
        groups.setdefault(find("t" + target), ([], []))[0].append(target)
    for source in columns:
        group = groups.get(find("s" + source))
        if group is not None:
            group[1].append(source)
    return list(groups.values())


def _exchanges(
    chosen: dict[str, Candidate],
    best: Mapping[tuple[str, str], Candidate],
    targets: Mapping[str, View],
    searcher: Searcher,
) -> dict[str, float]:
    """Exchanges the sources of two targets where their order says so; the log-odds that this order gave to each."""
    gained: dict[str, float] = {}
    names = sorted(chosen)
    for i, one in enumerate(names):
        for two in names[i + 1 :]:
            crossed_one = best.get((one, chosen[two].source))
            crossed_two = best.get((two, chosen[one].source))
            if crossed_one is None or crossed_two is None:
                continue
            straight_sum = chosen[one].score + chosen[two].score
            crossed_sum = crossed_one.score + crossed_two.score
            if straight_sum - crossed_sum > 8:
                continue
            straight = _pair_order(
                targets[one], targets[two], chosen[one].recipe.view, chosen[two].recipe.view, searcher
            )
            crossed = _pair_order(
                targets[one], targets[two], crossed_one.recipe.view, crossed_two.recipe.view, searcher
            )
            gain = straight - crossed
            if crossed_sum - gain > straight_sum:
                chosen[one], chosen[two] = crossed_one, crossed_two
                gain = -gain
            for name in (one, two):
                if gain > gained.get(name, 0.0):
                    gained[name] = gain
    return gained


def _pair_order(one: View, two: View, source_one: View, source_two: View, searcher: Searcher) -> float:
    """How well the order between two fields is kept: what it gains less what it loses, in log units."""
    count, here = searcher.relations.healthy_count, searcher.relations.drifted_count
    rows = [by_row(one, count), by_row(two, count), by_row(source_one, here), by_row(source_two, here)]
    if any(row is None for row in rows):
        return 0.0
    a, x = instants(one, rows[0] or ()), instants(two, rows[1] or ())
    b, y = instants(source_one, rows[2] or ()), instants(source_two, rows[3] or ())
    if a is None or x is None or b is None or y is None:
        return 0.0
    found = compare_order(a, x, b, y)
    if found is None:
        return 0.0
    gain, loss, _ = found
    return gain - loss


def _raised(field: Sequence[Candidate], best: Mapping[tuple[str, str], Candidate]) -> list[Candidate]:
    """The candidates of a target with what their siblings gave them."""
    return [
        msgspec.structs.replace(one, score=one.score + SIBLINGS, siblings=True)
        if best[(one.target, one.source)].siblings and not one.siblings
        else one
        for one in field
    ]


def _choice(
    candidate: Candidate, field: Sequence[Candidate], chosen: Mapping[str, Candidate], relation_margin: float
) -> Choice:
    margin, rival = NO_RIVAL, None
    owners = {other.source: other for target, other in chosen.items() if target != candidate.target}
    for other in field:
        if (other.source == candidate.source and other.recipe is candidate.recipe) or (
            other.own and other.recipe.kind == "rename"
        ):
            continue  # the field as it is was found wrong already
        if other.source != candidate.source:
            owner = owners.get(other.source)
            # A source that another target needs more is no rival here.
            if (
                owner is not None
                and (owner.score >= other.score + 1.0 or relation_margin > 3)
                and owner.name.score > other.name.score - 0.05
            ):
                continue
        if _same_output(candidate.recipe, other.recipe):
            continue
        if other.source == candidate.source and _lesser(candidate, other):
            continue
        gap = candidate.score - other.score
        if other.source in owners and relation_margin:
            gap += relation_margin
        if gap < margin:
            margin, rival = gap, other
    vetoes = candidate.vetoes
    score = candidate.score + (min(4.0, relation_margin) if candidate.name.score < 0.6 else 0.0)
    relation = candidate.relation
    if relation_margin > 2:
        relation = msgspec.structs.replace(relation, support=max(relation.support, min(6.0, relation_margin)))
    candidate = msgspec.structs.replace(candidate, score=score, relation=relation)
    return Choice(candidate=candidate, margin=margin, rival=rival, vetoes=vetoes, relation_margin=relation_margin)


def _lesser(candidate: Candidate, other: Candidate) -> bool:
    """A rival on the same source whose own evidence rules it out: values that do not fit, or a transform that
    nothing asks for.
    """
    return bool(other.vetoes) and not candidate.vetoes and other.score < candidate.score - 0.5


def _same_output(one: Recipe, two: Recipe) -> bool:
    left, right = one.view.values, two.view.values
    if len(left) != len(right) or not left:
        return False
    equal = sum(1 for a, b in zip(left, right, strict=True) if type(a) is type(b) and a == b)
    return equal >= SAME_OUTPUT * len(left)
