"""Changes that join or part fields: one text for several targets, several sources for one target, one of several
sources,
a copy of a field that stayed.

Tried for fields that no single source explains. Each part must fit its own field on its own evidence; the whole is then
judged like any other proposal.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cta_core.adapter.steps import AnyStep, Merge, MergeRule, Split, SplitSide
from cta_core.diagnosis.assemble import Part
from cta_core.diagnosis.candidates.recipe import Recipe, moved_to
from cta_core.diagnosis.fit import Fit, fit
from cta_core.diagnosis.lexicon import CANONICAL
from cta_core.diagnosis.names import NamePair, compare, name_of
from cta_core.diagnosis.promises import Promise
from cta_core.diagnosis.search import Candidate, Searcher
from cta_core.diagnosis.table import parent_of
from cta_core.diagnosis.views import REFUSED, View

MARKS = [
    ",",
    ";",
    ":",
    "|",
    ">",
    "/",
    "-",
    "_",
    ".",
    "@",
    "#",
    "?",
    "&",
    "=",
    "+",
    "~",
    "->",
    " ",
    ", ",
    " - ",
    "::",
    " / ",
    "T",
]
"""Separators that are tried."""

GOOD_PART = 0.6
"""Fit that every part needs."""


class Compound(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal for several fields at once."""

    part: Part
    kind: str
    confidence: float
    facts: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()


def _best(view: View, given: View, searcher: Searcher) -> Candidate | None:
    """The best way to make values of a part fit a field; None where nothing fits."""
    renamed = View(view.path, given.values, given.rows)
    found = searcher.search(view, renamed, Promise(path=view.path))
    found = [
        candidate
        for candidate in found
        if not candidate.vetoes and candidate.fit.score >= GOOD_PART and candidate.recipe.kind != "scale"
    ]
    return found[0] if found else None


def _specific(candidate: Candidate) -> float:
    """Support that does not come from the name: known values, a rare form, a date's form."""
    extra = 1.5 if candidate.recipe.kind == "datetime" or candidate.recipe.view.date_formats else 0.0
    return candidate.fit.support + extra


# -- one source for several targets
# --------------------------------------------------------------------------------------------


def splits(targets: Mapping[str, View], pool: Mapping[str, View], searcher: Searcher) -> list[Compound]:
    """Texts of the pool whose parts are unexplained fields."""
    wanted = {path: view for path, view in targets.items() if view.kind in ("string", "number")}
    if not wanted:
        return []
    found: list[Compound] = []
    for source, view in pool.items():
        if view.kind != "string" or len(view.texts) < 8:
            continue
        stars = source.count("*")
        here = {path: target for path, target in wanted.items() if path.count("*") == stars and path != source}
        if not here:
            continue
        options = [compound for compound in _splits_of(source, view, here, searcher) if compound is not None]
        if options:
            found.append(max(options, key=lambda compound: (len(compound.part.targets), compound.confidence)))
    return found


def _splits_of(source: str, view: View, targets: Mapping[str, View], searcher: Searcher) -> Iterator[Compound | None]:
    texts = view.texts
    for mark in MARKS:
        counts = Counter(text.count(mark) for text in texts)
        if counts[0] > 0.02 * len(texts):
            continue
        usual, times = counts.most_common(1)[0]
        if times >= 0.98 * len(texts):
            if usual == 1 and mark.isalpha() and not all(text[:1].isdigit() for text in texts[:20]):
                continue
            if usual <= 5:
                yield _split(source, view, mark, SplitSide.ALL, usual + 1, targets, searcher)
        for side in (SplitSide.LEFT, SplitSide.RIGHT):
            if usual != 1 or times < 0.98 * len(texts):
                yield _split(source, view, mark, side, 2, targets, searcher)


def _cut(text: Any, mark: str, side: SplitSide, size: int) -> list[Any]:
    if type(text) is not str:
        return [None if text is None else REFUSED] * size
    parts = (
        text.split(mark)
        if side is SplitSide.ALL
        else text.split(mark, 1)
        if side is SplitSide.LEFT
        else text.rsplit(mark, 1)
    )
    return list(parts) if len(parts) == size else [REFUSED] * size


def _split(
    source: str, view: View, mark: str, side: SplitSide, size: int, targets: Mapping[str, View], searcher: Searcher
) -> Compound | None:
    rows = [_cut(value, mark, side, size) for value in view.values]
    columns = [View(source, [row[index] for row in rows], view.rows) for index in range(size)]
    options: list[list[tuple[float, str, Candidate, str]]] = []
    for column in columns:
        line: list[tuple[float, str, Candidate, str]] = []
        for path, target in targets.items():
            for given, cut_off in ((column, ""), *_stripped(column)):
                best = _best(target, given, searcher)
                if best is not None:
                    line.append((best.fit.score + _specific(best), path, best, cut_off))
                    break
        options.append(sorted(line, key=lambda item: -item[0]))
    chosen: list[tuple[float, str, Candidate, str] | None] = []
    taken: set[str] = set()
    settled = False
    if (
        len(options) == 2
        and all(len(line) >= 2 for line in options)
        and {item[1] for item in options[0]} == {item[1] for item in options[1]}
    ):
        options, settled = _by_frequency(options, columns, targets, mark)
    for line in options:
        pick = next((item for item in line if item[1] not in taken), None)
        chosen.append(pick)
        if pick is not None:
            taken.add(pick[1])
    if len(taken) < 2 or len(taken) < size - 1:
        return None
    vetoes: list[str] = []
    for index, pick in enumerate(chosen):
        if pick is None:
            continue
        rivals = [other for other in options[index] if other[1] != pick[1] and other[0] > pick[0] - 1.0]
        if rivals and not settled:
            vetoes.append("two orders of the parts are equally good")
        if _specific(pick[2]) < 1.0 and compare(pick[1], source).score < 0.5:
            vetoes.append(f"nothing but the form of the values speaks for {pick[1]}")
    vetoes.extend(_joins(mark, side, [targets[pick[1]] if pick is not None else None for pick in chosen]))
    steps: list[AnyStep] = [
        Split(
            source=source, separator=mark, side=side, targets=tuple("" if pick is None else pick[1] for pick in chosen)
        )
    ]
    for pick in chosen:
        if pick is None:
            continue
        if pick[3]:
            steps.append(Split(source=pick[1], separator=pick[3], side=SplitSide.RIGHT, targets=(pick[1], "")))
        steps.extend(moved_to(pick[1], pick[2].recipe.steps))
    score = min(pick[2].fit.score for pick in chosen if pick is not None)
    return Compound(
        part=Part(targets=tuple(sorted(taken)), sources=(source,), move=False, steps=tuple(steps)),
        kind="split",
        confidence=0.5 if vetoes else min(0.98, 0.9 + 0.1 * score),
        facts=(f"{source} parts at {mark!r} into values of {', '.join(sorted(taken))}",),
        vetoes=tuple(dict.fromkeys(vetoes)),
    )


Line = list[tuple[float, str, Candidate, str]]


def _by_frequency(
    options: list[Line], columns: Sequence[View], targets: Mapping[str, View], mark: str
) -> tuple[list[Line], bool]:
    """The options with the likelier order of two parts first, and whether it is settled: by frequencies, or by an
    arrow.
    """

    def likelihood(column: View, path: str) -> float:
        counts = targets[path].counts
        total = sum(counts.values()) + len(counts) + 1
        return sum(times * math.log((counts[key] + 0.5) / total) for key, times in column.counts.items())

    one, two = options[0][0][1], next(item[1] for item in options[0] if item[1] != options[0][0][1])
    straight = likelihood(columns[0], one) + likelihood(columns[1], two)
    crossed = likelihood(columns[0], two) + likelihood(columns[1], one)
    if mark in (">", "->") and abs(straight - crossed) < 8:
        # An arrow points from where something starts to where it ends.
        first = [path for path in (one, two) if {"origin", "from", "start", "source", "departure"} & set(_heads(path))]
        if len(first) == 1:
            straight, crossed = (9.0, 0.0) if first[0] == one else (0.0, 9.0)
    if abs(straight - crossed) < 8:
        return options, False
    order = (one, two) if straight > crossed else (two, one)
    return [[item for item in line if item[1] == wanted] for line, wanted in zip(options, order, strict=True)], True


def _heads(path: str) -> list[str]:
    return [head for word in name_of(path).leaf for head in (word, *CANONICAL.get(word, ()))]


def _stripped(column: View) -> Iterator[tuple[View, str]]:
    """The column without a letter that ends all its texts (the `Z` of a time)."""
    ends = Counter(text[-1:] for text in column.texts)
    if len(ends) == 1 and column.texts:
        end = next(iter(ends))
        if end.isalpha() or end in "%]})":
            yield View(column.path, [v[:-1] if type(v) is str else v for v in column.values], column.rows), end


def _joins(mark: str, side: SplitSide, parts: Sequence[View | None]) -> Iterator[str]:
    """Reasons why healthy values joined with the mark would not part at the same place."""
    for index, view in enumerate(parts):
        if view is None or view.kind != "string":
            continue
        inside = sum(mark in text for text in view.texts)
        allowed = (side is SplitSide.LEFT and index == 1) or (side is SplitSide.RIGHT and index == 0)
        if inside and not allowed:
            yield f"healthy values of {view.path} hold {mark!r} themselves"


# -- several sources for one target
# --------------------------------------------------------------------------------------------


def merges(targets: Mapping[str, View], pool: Mapping[str, View], searcher: Searcher) -> list[Compound]:
    """Unexplained texts whose healthy parts are fields of the pool."""
    found: list[Compound] = []
    for target, view in targets.items():
        sources = {
            path: given for path, given in pool.items() if path.count("*") == target.count("*") and path != target
        }
        first = _first(target, view, sources)
        if first is not None:
            found.append(first)
        if view.kind != "string" or len(view.texts) < 12 or len(sources) < 2:
            continue
        options = [compound for mark in MARKS for compound in _merges_of(target, view, mark, sources, searcher)]
        if options:
            found.append(
                max(
                    options, key=lambda compound: (not compound.vetoes, compound.confidence, len(compound.part.sources))
                )
            )
    return found


def _merges_of(
    target: str, view: View, mark: str, sources: Mapping[str, View], searcher: Searcher
) -> Iterator[Compound]:
    counts = Counter(text.count(mark) for text in view.texts)
    usual, times = counts.most_common(1)[0]
    if times >= 0.98 * len(view.texts) and 1 <= usual <= 9:
        yield from _merge(target, view, mark, usual + 1, sources, searcher, tail=False)
    elif set(counts) <= {0, 1} and counts[1] >= 0.05 * len(view.texts):
        yield from _merge(target, view, mark, 2, sources, searcher, tail=True)


def _merge(
    target: str, view: View, mark: str, size: int, sources: Mapping[str, View], searcher: Searcher, *, tail: bool
) -> Iterator[Compound]:
    rows = [text.split(mark) for text in view.texts if tail or text.count(mark) == size - 1]
    used: list[tuple[str, Candidate]] = []
    vetoes: list[str] = []
    fillers: list[str] = []
    weak: list[str] = []
    for index in range(size):
        part = [row[index] for row in rows if len(row) > index]
        ranked: list[tuple[float, str, Candidate, str]] = []
        for path, given in sources.items():
            if any(path == other for other, _ in used):
                continue
            filler = ""
            values: list[Any] = list(part)
            if given.nulls and not tail:
                marks = Counter(value for value in part if value in ("-", "", "null", "none", "N/A", "n/a", "*", "0"))
                if not marks:
                    continue
                filler = marks.most_common(1)[0][0]
                values = [None if value == filler else value for value in part]
                if not all(value is None for value in values) and not given.solid:
                    continue
            healthy = View(f"{target}#{index}", values, range(len(values)))
            best = _part_fit(healthy, given, searcher)
            if best is not None:
                name = compare(target, path).score
                ranked.append((best.fit.score + _specific(best) + name, path, best, filler))
        ranked.sort(key=lambda item: -item[0])
        if not ranked:
            return
        used.append((ranked[0][1], ranked[0][2]))
        if ranked[0][3]:
            fillers.append(ranked[0][3])
        if len(ranked) > 1 and ranked[1][0] > ranked[0][0] - 0.5 and ranked[0][2].recipe.view.solid:
            vetoes.append(f"{ranked[0][1]} and {ranked[1][1]} fit the same part")
        if (
            ranked[0][2].recipe.view.solid
            and _specific(ranked[0][2]) < 1.0
            and compare(target, ranked[0][1]).score < 0.4
            and not tail
        ):
            weak.append(f"nothing but the form of the values speaks for {ranked[0][1]}")
    if [path for path, _ in used] != [path for path in sources if parent_of(path) == parent_of(used[0][0])] or size < 3:
        # All members of one new object in their own order are a text that was taken apart; anything less needs
        # evidence.
        vetoes.extend(weak)
    if tail:
        vetoes.extend(_tail_doubts(rows, sources[used[1][0]], searcher))
    if len(set(fillers)) > 1:
        vetoes.append("missing parts are written in several ways")
    steps: list[AnyStep] = [step for path, candidate in used for step in moved_to(path, candidate.recipe.steps)]
    steps.append(
        Merge(
            sources=tuple(path for path, _ in used),
            target=target,
            rule=MergeRule.JOIN,
            separator=mark,
            null_as=fillers[0] if fillers and not tail else None,
            skip_missing=tail,
        )
    )
    score = min(candidate.fit.score for _, candidate in used)
    yield Compound(
        part=Part(targets=(target,), sources=tuple(path for path, _ in used), move=False, steps=tuple(steps)),
        kind="merge",
        confidence=0.5 if vetoes else min(0.98, 0.9 + 0.1 * score),
        facts=(f"healthy values part at {mark!r} into values of {', '.join(path for path, _ in used)}",),
        vetoes=tuple(vetoes),
    )


def _part_fit(healthy: View, given: View, searcher: Searcher) -> Candidate | None:
    if not given.solid:
        return None if healthy.solid else _null_candidate(healthy, given)
    if not healthy.solid:
        return None
    found = [
        candidate
        for candidate in searcher.search(
            healthy, View(healthy.path, given.values, given.rows), Promise(path=healthy.path)
        )
        if not candidate.vetoes
        and candidate.fit.score >= GOOD_PART
        and candidate.recipe.kind in ("rename", "letter_case", "enum_map", "cast")
    ]
    return found[0] if found else None


def _null_candidate(healthy: View, given: View) -> Candidate:
    return Candidate(
        target=healthy.path,
        source=given.path,
        name=NamePair(score=0.0),
        recipe=Recipe(kind="rename", view=given),
        fit=Fit(score=0.7, support=0.0),
    )


def _tail_doubts(rows: Sequence[Sequence[str]], second: View, searcher: Searcher) -> Iterator[str]:
    before = sum(len(row) > 1 for row in rows) / len(rows)
    now = len(second.solid) / max(1, searcher.relations.drifted_count)
    if abs(before - now) > 0.15:
        yield f"the second part is there in {now:.0%} of the events and was in {before:.0%}"


def _first(target: str, view: View, sources: Mapping[str, View]) -> Compound | None:
    """Two sources of which each event has one."""
    near = [
        path
        for path in sources
        if compare(target, path).score >= 0.3 or parent_of(path).startswith(parent_of(target) + "/")
    ]
    for one, two in itertools.combinations(sorted(near), 2):
        left, right = sources[one], sources[two]
        if parent_of(one) != parent_of(two):
            continue
        total = len(left.solid) + len(right.solid)
        if not left.solid or not right.solid or min(len(left.solid), len(right.solid)) < 0.05 * total:
            continue
        if "*" not in one and set(left.rows) & set(right.rows):
            continue
        both = View(target, [*left.solid, *right.solid], [*left.rows, *right.rows])
        result = fit(view, both)
        alone = max(fit(view, left).score, fit(view, right).score)
        if result.conflicts or result.score < 0.7 or (alone > result.score and view.kind != "mixed"):
            continue
        name = max(compare(target, one).score, compare(target, two).score, compare(target, parent_of(one)).score)
        vetoes = () if name >= 0.5 or result.support >= 1.5 else ("nothing but the values speaks for these sources",)
        return Compound(
            part=Part(
                targets=(target,),
                sources=(one, two),
                move=False,
                steps=(Merge(sources=(one, two), target=target, rule=MergeRule.FIRST),),
            ),
            kind="merge",
            confidence=0.5 if vetoes else 0.95,
            facts=(f"each event has one of {one} and {two}",),
            vetoes=vetoes,
        )
    return None
