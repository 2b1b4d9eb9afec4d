"""Recipes that map labels: case, boolean words, abbreviations, words of one stem, and codes that the other fields
explain.

A map is proposed as a whole (every source label has its target). What it may rest on: the labels' own spelling, and
for the rest elimination with like frequencies or the labels' behaviour towards other fields. Frequencies alone are
never enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cta_core.adapter.steps import EnumEntry, EnumMap, LetterCase, Letters, Unmapped
from cta_core.diagnosis.assignment import assign
from cta_core.diagnosis.candidates.recipe import PLACE, Recipe, after
from cta_core.diagnosis.names import compare, word_likeness, words_of
from cta_core.diagnosis.views import Floats, View

TRUE_WORDS = frozenset(
    [
        "true",
        "t",
        "yes",
        "y",
        "1",
        "on",
        "enabled",
        "active",
        "ja",
        "j",
        "oui",
        "o",
        "si",
        "wahr",
        "vrai",
        "x",
        "checked",
    ]
)
FALSE_WORDS = frozenset(
    ["false", "f", "no", "n", "0", "off", "disabled", "inactive", "nein", "non", "falsch", "faux", "unchecked"]
)


MAX_LABELS = 28
"""Labels that are mapped one by one; longer lists are codes of their own, and a wrong pair among them hides too
well."""


def label_recipes(
    target: View,
    source: View,
    allowed: tuple[Any, ...] = (),
    traits: tuple[Mapping[Any, Floats], Mapping[Any, Floats]] | None = None,
) -> Iterator[Recipe]:
    """Recipes for a label or boolean field. `traits` are the labels' z-scaled means on other fields, (healthy,
    drifted), for opaque codes.
    """
    wanted = _counts(target, allowed)
    if not wanted or not source.labels:
        return
    given = source.labels
    if len(wanted) > MAX_LABELS or len(given) > MAX_LABELS:
        return
    known = {_key(label) for label in wanted}
    strange = [label for label in given if _key(label) not in known]
    if not strange:
        return
    if sum(given[label] for label in strange) < 0.5 * sum(given.values()):
        # Most labels stayed: only those can be new spellings whose place among the healthy ones became free.
        free = [label for label, count in wanted.items() if not given.get(label) and count >= 3]
        unlike = [new for new in strange if not any(label_likeness(old, new) >= 0.75 for old in free)]
        last = len(unlike) == 1 and len(strange) == len(free) and given[unlike[0]] >= 0.05 * sum(given.values())
        if unlike and not last:
            return
    if target.kind == "string" and source.kind == "string":
        yield from _cases(target, source, wanted, given)
    if target.kind == "boolean":
        recipe = _booleans(source, given)
        if recipe is None:
            recipe = _opposed(source, given, target.counts[("boolean", True)] / max(1, len(target.solid)))
        if recipe is not None:
            yield recipe
            return
    found = _aligned(wanted, given, traits)
    if found is not None:
        mapping, support, conflicts, facts = found
        steps = (
            EnumMap(
                path=PLACE,
                entries=tuple(EnumEntry(source=label, target=mapped) for label, mapped in mapping.items()),
                unmapped=Unmapped.REFUSE,
            ),
        )
        yield Recipe(
            kind="enum_map",
            steps=steps,
            view=after(steps, source),
            prior=-0.5,
            support=support,
            conflicts=conflicts,
            facts=facts,
            family="labels",
        )


def _key(label: Any) -> tuple[str, Any]:
    return (
        ("bool", label) if isinstance(label, bool) else ("number" if isinstance(label, (int, float)) else "text", label)
    )


def _counts(target: View, allowed: tuple[Any, ...]) -> dict[Any, int]:
    if target.kind == "boolean":
        return {True: target.counts[("boolean", True)], False: target.counts[("boolean", False)]}
    found = dict(target.labels)
    if found:
        for label in allowed:
            if label is not None and not isinstance(label, (dict, list)):
                found.setdefault(label, 0)
    return found


def _cases(target: View, source: View, wanted: Mapping[Any, int], given: Mapping[Any, int]) -> Iterator[Recipe]:
    del target
    for to, change in ((Letters.LOWER, str.lower), (Letters.UPPER, str.upper)):
        if all(change(label) in wanted for label in given) and len({change(label) for label in given}) == len(given):
            steps = (LetterCase(path=PLACE, to=to),)
            yield Recipe(
                kind="letter_case",
                steps=steps,
                view=after(steps, source),
                prior=0.0,
                support=2.0,
                family="labels",
                facts=("the labels differ in their case only",),
            )
            return


def _booleans(source: View, given: Mapping[Any, int]) -> Recipe | None:
    entries: list[EnumEntry] = []
    for label in given:
        word = str(label).strip().lower() if not isinstance(label, float) else str(int(label))
        if word in TRUE_WORDS:
            entries.append(EnumEntry(source=label, target=True))
        elif word in FALSE_WORDS:
            entries.append(EnumEntry(source=label, target=False))
        else:
            return None
    if len(entries) != 2 or entries[0].target == entries[1].target:
        # One word only, or two for one value: the pair of words that this producer uses is not known yet.
        if len(entries) == 1 and len(source.solid) >= 20:
            only = entries[0].source
            other = _partner(only)
            if other is None:
                return None
            entries.append(EnumEntry(source=other, target=not entries[0].target))
        elif len({entry.target for entry in entries}) != len(entries):
            return None
    steps = (EnumMap(path=PLACE, entries=tuple(entries), unmapped=Unmapped.REFUSE),)
    return Recipe(
        kind="enum_map",
        steps=steps,
        view=after(steps, source),
        prior=-0.3,
        support=1.0,
        family="labels",
        facts=("the values are words for true and false",),
    )


NEGATING = ("not_", "not-", "not ", "un", "non_", "non-", "non", "in", "dis", "de", "no_", "no-", "no ")
"""Beginnings that turn a word into its opposite."""


def _opposed(source: View, given: Mapping[Any, int], yes: float) -> Recipe | None:
    """One label for true, the others its negations: `subscribed` against `not_subscribed` and `unsubscribed`."""
    labels = [label for label in given if isinstance(label, str)]
    if len(labels) != len(given) or len(labels) < 2:
        return None
    for positive in labels:
        low = positive.lower()
        others = [label for label in labels if label != positive]
        if all(
            any(label.lower() in (start + low, start + low.removesuffix("d")) for start in NEGATING)
            or _off_word(low, label.lower())
            for label in others
        ):
            share = given[positive] / sum(given.values())
            spread = math.sqrt(max(yes * (1 - yes), 0.01) / sum(given.values())) * 1.5
            if abs(share - yes) > 5 * spread:
                return None
            entries = (
                EnumEntry(source=positive, target=True),
                *(EnumEntry(source=label, target=False) for label in others),
            )
            steps = (EnumMap(path=PLACE, entries=entries, unmapped=Unmapped.REFUSE),)
            return Recipe(
                kind="enum_map",
                steps=steps,
                view=after(steps, source),
                prior=-0.5,
                support=1.0,
                family="labels",
                facts=(f"the other labels are negations of {positive!r}",),
            )
    return None


def _off_word(positive: str, other: str) -> bool:
    pairs = (
        ("active", "inactive"),
        ("enabled", "disabled"),
        ("on", "off"),
        ("open", "closed"),
        ("yes", "no"),
        ("true", "false"),
    )
    return (positive, other) in pairs[:3] + pairs[4:]


def _partner(word: Any) -> Any:
    pairs = (
        ("true", "false"),
        ("True", "False"),
        ("TRUE", "FALSE"),
        ("yes", "no"),
        ("Yes", "No"),
        ("YES", "NO"),
        ("Y", "N"),
        ("y", "n"),
        ("T", "F"),
        ("t", "f"),
        ("1", "0"),
        ("on", "off"),
        (1, 0),
    )
    for one, two in pairs:
        if word == one and type(word) is type(one):
            return two
        if word == two and type(word) is type(two):
            return one
    return None


def label_likeness(wanted: Any, given: Any) -> float:
    """How alike two labels are spelt, 0 to 1."""
    if wanted is None or given is None:
        return 0.0
    left, right = str(wanted), str(given)
    if isinstance(wanted, bool) or isinstance(given, bool):
        return 0.0
    if left == right:
        return 1.0
    low, other = left.lower(), right.lower()
    if low == other:
        return 1.0
    one, two = words_of(left), words_of(right)
    short, long = (low, other) if len(low) <= len(other) else (other, low)
    if (
        len(short) >= 2
        and long.startswith(tuple(short + mark for mark in " _.-"))
        and all(letter.isalpha() or letter in " _.-" for letter in long)
    ):
        return 0.8
    if one and one == two:
        return 0.98
    if not low.isalpha() or not other.isalpha():
        score = compare("/" + left.replace("/", "~1"), "/" + right.replace("/", "~1")).score if one and two else 0.0
        return 0.9 * score
    like = word_likeness(low, other)
    if like >= 0.75:
        return like
    short, long = (low, other) if len(low) <= len(other) else (other, low)
    if len(short) >= 2 and long.startswith(short):
        return 0.8
    if len(short) == 1 and long.startswith(short):
        return 0.6
    initials = "".join(word[0] for word in (one if len(one) > len(two) else two))
    if len(initials) >= 2 and short == initials:
        return 0.7
    if len(short) >= 3 and short[0] == long[0] and _in_order(short, long):
        return 0.6
    return 0.0


def _in_order(short: str, long: str) -> bool:
    place = 0
    for letter in short:
        place = long.find(letter, place) + 1
        if place == 0:
            return False
    return True


def _aligned(
    wanted: Mapping[Any, int],
    given: Mapping[Any, int],
    traits: tuple[Mapping[Any, Floats], Mapping[Any, Floats]] | None,
) -> tuple[dict[Any, Any], float, tuple[str, ...], tuple[str, ...]] | None:
    """One label map, its support, what speaks against it, and the facts; None where nothing fits at all."""
    targets, sources = list(wanted), list(given)
    if len(sources) > len(targets):
        return None
    n, m = sum(wanted.values()), sum(given.values())
    spelt = np.array([[label_likeness(t, s) for t in targets] for s in sources])
    usual = np.zeros_like(spelt)
    for i, s in enumerate(sources):
        for j, t in enumerate(targets):
            a, b = (wanted[t] + 0.5) / (n + 1), (given[s] + 0.5) / (m + 1)
            p = (wanted[t] + given[s] + 1) / (n + m + 2)
            z = (a - b) / math.sqrt(max(p * (1 - p), 1e-6) * (1 / n + 1 / m))
            usual[i, j] = min(z * z / 2, 25.0)
    behaves = np.zeros_like(spelt)
    informed = False
    if traits is not None:
        left, right = traits
        for i, s in enumerate(sources):
            for j, t in enumerate(targets):
                if t in left and s in right:
                    gap = (left[t] - right[s]) / math.sqrt(1 / max(1, wanted[t]) + 1 / max(1, given[s]) + 0.005)
                    behaves[i, j] = float(np.sum(np.minimum(gap * gap / 2, 15.0)))
                else:
                    behaves[i, j] = 20.0
        informed = behaves.size > 0 and float(np.max(behaves)) > 30
    cost = usual + behaves - 14.0 * spelt
    for i, s in enumerate(sources):
        for j, t in enumerate(targets):
            if _key(s) == _key(t):
                cost[i, j] -= 30.0  # a label that both sides have is itself
    columns = assign(cost.tolist())
    mapping = {s: targets[j] for s, j in zip(sources, columns, strict=True)}
    conflicts: list[str] = []
    facts: list[str] = []
    by_spelling = [float(spelt[i, j]) for i, j in enumerate(columns)]
    weak = [i for i, like in enumerate(by_spelling) if like < 0.55]
    support = 2.5 * sum(by_spelling) / len(by_spelling)
    margin = _margin(cost, columns)
    worst = max(usual[i, j] for i, j in enumerate(columns))
    if worst > 10.0:
        conflicts.append("the frequencies of the labels differ too much")
    for label, count in wanted.items():
        if count / n * m >= 10 and label not in mapping.values():
            conflicts.append("a frequent label has no source")
    if weak:
        facts.append(f"{len(by_spelling) - len(weak)} of {len(by_spelling)} labels agree in their spelling")
        spelling_margin = margin
        if len(weak) == 1 and len(sources) == len(targets) >= 3 and worst < 4.5:
            facts.append("the last pair follows by elimination and its frequency")
            support += 0.3
        elif len(weak) == 1 and len(sources) == len(targets) == 2 and by_spelling[1 - weak[0]] >= 0.9 and worst < 4.5:
            facts.append("the second pair follows from the first")
        elif informed and spelling_margin >= 12:
            facts.append(
                "the labels behave towards the other fields as before; "
                f"the next best map is {spelling_margin:.0f} log units behind"
            )
            support += 2.5
        else:
            conflicts.append("the labels' meaning rests on frequencies alone")
    elif margin < 4:
        conflicts.append("two label maps are equally good")
    if len(mapping) > FEW_CUT and _cut(mapping):
        conflicts.append("the texts are cut, and others may be cut to the same")
    if len(wanted) > 1 and len(given) == 1 and next(iter(wanted.values())) != n:
        conflicts.append("one label is left of several")
    return mapping, support, tuple(conflicts), tuple(facts)


FEW_CUT = 8
"""Labels up to which codes of one length are taken for abbreviations; more of them are texts that were cut."""


def _cut(mapping: Mapping[Any, Any]) -> bool:
    """Are the sources the targets' beginnings, all cut to one length? Labels short enough for it stay as they are."""
    cut = [s for s, t in mapping.items() if isinstance(s, str) and isinstance(t, str) and t != s and t.startswith(s)]
    longest = max((len(s) for s in mapping if isinstance(s, str)), default=0)
    rest_stays = len(cut) + sum(_key(s) == _key(t) for s, t in mapping.items()) == len(mapping)
    return bool(cut) and all(len(s) == longest for s in cut) and (rest_stays or len(cut) * 2 >= len(mapping))


def _margin(cost: Floats, columns: list[int]) -> float:
    """How much worse the best map is that differs in at least one pair."""
    best = float(sum(cost[i, j] for i, j in enumerate(columns)))
    second = math.inf
    for i, j in enumerate(columns):
        changed = cost.copy()
        changed[i, j] = 1e6
        other = assign(changed.tolist())
        total = float(sum(changed[a, b] for a, b in enumerate(other)))
        if total < 1e5:
            second = min(second, total)
    return second - best
