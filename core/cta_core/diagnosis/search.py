"""Candidates for one broken field: every source with every recipe that makes its values fit, each with its evidence.

`search` scores them in log-odds: the name, the fit of the values, what comes with the recipe, what the neighbours
say. It
collects the conflicts that no score outweighs. Which candidates win together is `decide`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cta_core.diagnosis.candidates.dates import Witness, date_recipes
from cta_core.diagnosis.candidates.labels import label_recipes
from cta_core.diagnosis.candidates.nulls import null_recipe
from cta_core.diagnosis.candidates.numbers import number_recipes, text_recipes
from cta_core.diagnosis.candidates.recipe import Recipe
from cta_core.diagnosis.candidates.scale import scale_recipes
from cta_core.diagnosis.fit import Fit, fit
from cta_core.diagnosis.names import NamePair, compare
from cta_core.diagnosis.promises import Promise
from cta_core.diagnosis.relations import Relation, Relations, traits
from cta_core.diagnosis.views import Floats, View

NAME_WEIGHT = 5.0
"""Log-odds between a name that says nothing and the same name: 4.6 in the survey's fit, rounded up for the lexicon."""

FIT_WEIGHT = 4.0
"""Log-odds between values that do not fit at all and values that fit."""

KNOWN_NAME = 0.55
"""From here on a name counts as support of its own: half of its words and the head among them."""


WEAK_NAME = 0.25
"""Likeness below which a name says nothing: less than a generic word in common."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fill a field."""

    target: str
    source: str
    name: NamePair
    recipe: Recipe
    fit: Fit
    relation: Relation = Relation()
    score: float = 0.0
    vetoes: tuple[str, ...] = ()
    siblings: bool = False
    """Sure choices of the same incident come from the same object."""

    @property
    def own(self) -> bool:
        """Does the value come from the field itself?"""
        return self.target == self.source

    @property
    def supported(self) -> bool:
        """Does anything but the mere distribution speak for this source?"""
        if self.own or self.name.score >= KNOWN_NAME or self.relation.support >= 2.5:
            return True
        if self.siblings and self.name.score >= 0.3 and self.fit.score >= 0.9:
            return True
        # Known values and a rare form say which kind of thing it is, not in which role: some word of the name has to
        # say that.
        return self.name.score >= WEAK_NAME and self.fit.support + self.relation.support + 2 * self.name.score >= 2.4


class Searcher:
    """Everything that a search needs to know beside the two columns."""

    def __init__(self, relations: Relations, witnesses: Sequence[Witness] = ()) -> None:
        self.relations = relations
        self.witnesses = witnesses
        self._traits: dict[tuple[str, bool], Mapping[Any, Floats]] = {}

    def search(self, target: View, source: View, promise: Promise, *, limit: int = 4) -> list[Candidate]:
        """The best candidates from one source, best first."""
        pair = compare(target.path, source.path)
        if target.path == source.path:
            pair = NamePair(score=1.0)
        found: list[Candidate] = []
        for recipe in self._recipes(target, source, promise, pair):
            result = fit(target, recipe.view)
            if result.score <= 0.02 and target.solid:
                continue
            found.append(_weighed(target, source, pair, recipe, result))
        found.sort(key=lambda candidate: -candidate.score)
        return found[:limit]

    def related(self, candidate: Candidate, target: View) -> Candidate:
        """The candidate with what the neighbours say."""
        relation = self.relations.ask(target, candidate.recipe.view)
        return msgspec.structs.replace(
            candidate,
            relation=relation,
            score=candidate.score + relation.support - 1.5 * len(relation.conflicts),
            vetoes=(*candidate.vetoes, *relation.conflicts),
        )

    def _recipes(self, target: View, source: View, promise: Promise, pair: NamePair) -> Iterator[Recipe]:
        cleaned = null_recipe(target, source, promise)
        for base in (None, cleaned) if cleaned is not None else (None,):
            given = source if base is None else base.view
            for recipe in self._plain(target, given, promise, pair):
                if base is None:
                    yield recipe
                else:
                    yield msgspec.structs.replace(
                        recipe,
                        kind=base.kind if recipe.kind == "rename" else recipe.kind,
                        steps=(*base.steps, *recipe.steps),
                        prior=recipe.prior + base.prior,
                        support=recipe.support + base.support,
                        conflicts=(*base.conflicts, *recipe.conflicts),
                        facts=(*base.facts, *recipe.facts),
                    )

    def _plain(self, target: View, source: View, promise: Promise, pair: NamePair) -> Iterator[Recipe]:
        same = source.solid_types <= target.solid_types | (
            {"integer"} if "number" in target.solid_types else frozenset()
        )
        if same or target.kind == "null" or (target.kind == "number" == source.kind) or target.kind == "mixed":
            yield Recipe(kind="rename", view=source)
        if target.kind == "number":
            if source.kind == "number":
                yield from scale_recipes(target, source, pair)
            for recipe in number_recipes(target, source):
                yield recipe
                yield from scale_recipes(target, source, pair, before=recipe)
        if target.kind == "string" and source.kind == "number":
            yield from text_recipes(target, source)
        if target.kind in ("string", "number") and target.date_formats and source.date_formats:
            yield from date_recipes(target, source, self.witnesses)
        if target.kind in ("string", "boolean") or (target.labels and promise.labels):
            yield from label_recipes(
                target, source, promise.labels, (self._trait(target, healthy=True), self._trait(source, healthy=False))
            )

    def _trait(self, view: View, *, healthy: bool) -> Mapping[Any, Floats]:
        key = (view.path, healthy)
        if key not in self._traits:
            matrix = self.relations.left if healthy else self.relations.right
            count = self.relations.healthy_count if healthy else self.relations.drifted_count
            self._traits[key] = traits(view, count, matrix)
        return self._traits[key]


def _weighed(target: View, source: View, pair: NamePair, recipe: Recipe, result: Fit) -> Candidate:
    own = target.path == source.path
    vetoes = [*recipe.conflicts, *result.conflicts]
    if not own:
        vetoes.extend(pair.doubts)
    if recipe.kind in ("rename", "cast") and not own and _unit_says_no(pair):
        vetoes.append("the unit words of the names differ")
    score = (
        NAME_WEIGHT * (pair.score - 0.4)
        + FIT_WEIGHT * (result.score - 0.5)
        + recipe.prior
        + recipe.support
        + result.support
    )
    if not own and pair.score < WEAK_NAME and target.distinct_share < 0.9:
        # Values that come again belong to a kind of thing (users, countries) that may stand in several roles:
        # without any
        # word of the name they carry no match, unless the neighbours know the role.
        result = msgspec.structs.replace(result, support=min(result.support, 1.4))
        score = (
            NAME_WEIGHT * (pair.score - 0.4)
            + FIT_WEIGHT * (result.score - 0.5)
            + recipe.prior
            + recipe.support
            + result.support
        )
    score += 1.0 if own else 0.0
    score -= 1.5 * len(vetoes)
    return Candidate(
        target=target.path,
        source=source.path,
        name=pair,
        recipe=recipe,
        fit=result,
        score=score,
        vetoes=tuple(dict.fromkeys(vetoes)),
    )


def _unit_says_no(pair: NamePair) -> bool:
    """Do unit words ask for another scale than the plain value?"""
    if pair.source_unit is None:
        return False
    if pair.target_unit is not None:
        return pair.target_unit[0] == pair.source_unit[0] and pair.target_unit[1] != pair.source_unit[1]
    return pair.source_unit[0] == "money" and pair.source_unit[1] != 1.0
