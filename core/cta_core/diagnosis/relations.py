"""Relations between fields: what of a field's behaviour towards its neighbours survives a change of name and code.

Rank correlation, order, equality and memory by key are measured on the healthy events and asked again of what a
candidate
makes of the drifted ones. A relation that was strong and is kept supports the candidate although no name says so;
one that
is broken forbids it. Only fields that did not change serve as anchors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from cta_core.diagnosis.orders import CLIP, compare_order, text_relation
from cta_core.diagnosis.views import REFUSED, Floats, View

MAX_ANCHORS = 48
"""Features asked per candidate: enough for 30 fields, and the whole matrix costs less than a millisecond."""

MAX_KEYS = 60
"""Fields looked at as keys of others, in the order of the event: keys stand in front."""

DECIDED = 0.7
"""Share of agreement below which values are not those of the same keys: where a key decides, the right field agrees in
nearly all events, and another one only as often as chance has it."""


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """What the neighbours say about one candidate."""

    support: float = 0.0
    conflicts: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    keyed: bool = False
    """The values are those known for the same keys."""
    likelihood: float = 0.0
    """Log-likelihood of all relations, 0 at best; comparable between candidates for one target."""


Remembered = tuple[str, dict[Any, Any], list[Any]]
"""A key's path, the healthy value of each key, and the drifted events' keys."""


Flags = NDArray[np.bool_]


class Anchor(msgspec.Struct, frozen=True):
    """An unchanged field of both sides."""

    path: str
    healthy: View
    drifted: View


def by_row(view: View, count: int) -> list[Any] | None:
    """The values by event, `REFUSED` where absent; None for fields below arrays that come several times an event."""
    known: tuple[int, list[Any] | None] | None = view.lined_up
    if known is None or known[0] != count:
        known = view.lined_up = (count, _by_row(view, count))
    return known[1]


def _by_row(view: View, count: int) -> list[Any] | None:
    rows = view.rows
    if len(rows) > count or (len(rows) > 1 and len(set(rows)) < len(rows)):
        return None
    found: list[Any] = [REFUSED] * count
    for row, value in zip(rows, view.values, strict=True):
        found[row] = value
    return found


def instants(view: View, values: Sequence[Any]) -> Floats | None:
    """The values by event as numbers or as seconds, NaN where they are neither; None if the field has no order."""
    known: tuple[int, Floats | None] | None = view.ordered
    if known is None or known[0] != len(values):
        known = view.ordered = (len(values), _instants(view, values))
    return known[1]


def _instants(view: View, values: Sequence[Any]) -> Floats | None:
    if view.kind == "number":
        return np.array([float(v) if type(v) is int or type(v) is float else np.nan for v in values], dtype=np.float64)
    if view.kind == "string" and view.date_formats:
        times = view.times(view.date_formats[0])
        found = np.full(len(values), np.nan)
        found[np.array(view.rows, dtype=int)] = times
        return found
    return None


def _ranks(values: Floats) -> Floats:
    """Standardised ranks, ties shared, 0 where NaN."""
    found = np.zeros(len(values))
    good = ~np.isnan(values)
    if good.sum() < 8:
        return found
    _, inverse, counts = np.unique(values[good], return_inverse=True, return_counts=True)
    places = np.cumsum(counts) - (counts - 1) / 2.0
    ranks = places[inverse]
    spread = float(np.std(ranks))
    if spread < 1e-9:
        return found
    found[good] = (ranks - np.mean(ranks)) / spread
    return found


def _standard(flags: Floats) -> Floats | None:
    share = float(np.mean(flags))
    if not 0.03 <= share <= 0.97:
        return None
    return (flags - share) / math.sqrt(share * (1 - share))


def features(view: View, count: int, labels: Sequence[Any] | None = None) -> dict[Any, Floats]:
    """Features of a field by event, standardised: one of ranks for ordered fields, one per label for label fields."""
    key = (count, None if labels is None else tuple(labels))
    known: dict[Any, Floats] | None = view.kept.get(key)
    if known is None:
        known = view.kept[key] = _features(view, count, labels)
    return known


def _features(view: View, count: int, labels: Sequence[Any] | None) -> dict[Any, Floats]:
    values = by_row(view, count)
    if values is None:
        return {}
    found: dict[Any, Floats] = {}
    ordered = instants(view, values)
    if ordered is not None and (not view.labels or view.kind == "number"):
        ranks = _ranks(ordered)
        if np.any(ranks):
            found["rank"] = ranks
    wanted = (
        labels
        if labels is not None
        else [label for label, _ in sorted(view.labels.items(), key=lambda item: -item[1])[:6]]
    )
    if view.labels or labels is not None:
        for label in wanted:
            flags = np.array([1.0 if type(v) is type(label) and v == label else 0.0 for v in values])
            standard = _standard(flags)
            if standard is not None:
                found[("label", label)] = standard
    gone = np.array([1.0 if v is None or v is REFUSED else 0.0 for v in values])
    standard = _standard(gone)
    if standard is not None:
        found["null"] = standard
    return found


class Relations:
    """The anchors of one analysis, and what they say about candidates."""

    def __init__(self, anchors: Iterable[Anchor], healthy_count: int, drifted_count: int) -> None:
        self.healthy_count = healthy_count
        self.drifted_count = drifted_count
        self.anchors = list(anchors)
        left: list[Floats] = []
        right: list[Floats] = []
        self.names: list[str] = []
        for anchor in self.anchors:
            if len(self.names) >= MAX_ANCHORS:
                break
            labels = [label for label, _ in sorted(anchor.healthy.labels.items(), key=lambda item: -item[1])[:6]]
            a = features(anchor.healthy, healthy_count, labels or None)
            b = features(anchor.drifted, drifted_count, labels or None)
            for key in a:
                if key in b:
                    left.append(a[key])
                    right.append(b[key])
                    self.names.append(anchor.path)
        self.left: NDArray[np.float64] = np.array(left).T if left else np.zeros((healthy_count, 0))
        self.right: NDArray[np.float64] = np.array(right).T if right else np.zeros((drifted_count, 0))
        half = healthy_count // 2
        self._halves = (slice(0, half), slice(half, healthy_count))
        self._memory: dict[str, list[Remembered]] = {}

    def ask(self, target: View, given: View, *, keys: bool = True) -> Relation:
        """What the neighbours say to `given` in the place of `target`; without `keys` no memory by key is built."""
        parts = [self._correlations(target, given), self._orders(target, given)]
        if keys:
            parts += [self._keys(target, given), self._roles(target, given)]
        return Relation(
            support=min(8.0, sum(part.support for part in parts)),
            conflicts=tuple(conflict for part in parts for conflict in part.conflicts),
            facts=tuple(fact for part in parts for fact in part.facts),
            keyed=any(part.keyed for part in parts),
            likelihood=sum(part.likelihood for part in parts),
        )

    # -- correlations
    # ---------------------------------------------------------------------------------------------------

    def _correlations(self, target: View, given: View) -> Relation:
        if self.left.shape[1] == 0 or self.drifted_count < 16 or self.healthy_count < 16:
            return Relation()
        labels = list(target.labels)[:6] if target.labels else None
        a = features(target, self.healthy_count, labels)
        b = features(given, self.drifted_count, labels)
        support, likelihood = 0.0, 0.0
        conflicts: list[str] = []
        facts: list[str] = []
        for key, feature in a.items():
            other = b.get(key)
            if other is None:
                continue
            mine, stable, strong = self._strong(feature)
            theirs = self.right.T @ other / self.drifted_count
            za, zb = np.arctanh(np.clip(mine, -0.995, 0.995)), np.arctanh(np.clip(theirs, -0.995, 0.995))
            noise = math.sqrt(1 / max(8, self.healthy_count - 3) + 1 / max(8, self.drifted_count - 3) + 0.01)
            same = (za - zb) / noise
            alone = zb / math.sqrt(1 / max(8, self.drifted_count - 3) + 0.01)
            likelihood -= float(np.sum(np.minimum(same[stable] ** 2 / 2, 8.0)))
            if not strong.any():
                continue
            ratio = (np.minimum(alone**2, 80.0) - np.minimum(same**2, 80.0)) / 2
            ratio = np.where(np.sign(theirs) == np.sign(mine), ratio, -np.abs(ratio))
            best = int(np.argmax(np.where(strong, ratio, -np.inf)))
            # The best of several is better by chance alone, by about the log of their number.
            gain = float(np.clip(ratio[best] - math.log(1 + int(strong.sum())), -CLIP, CLIP))
            if gain > support:
                support = gain
                facts.append(
                    f"hangs together with {self.names[best]} as before ({mine[best]:.2f} and {theirs[best]:.2f})"
                )
            broken = strong & (np.abs(same) > 5) & (np.abs(mine - theirs) > 0.35)
            if broken.any():
                worst = int(np.argmax(np.where(broken, np.abs(same), -1)))
                conflicts.append(
                    f"the relation to {self.names[worst]} is broken "
                    f"({mine[worst]:.2f} before, {theirs[worst]:.2f} with this)"
                )
        return Relation(support=support, conflicts=tuple(conflicts[:1]), facts=tuple(facts[-1:]), likelihood=likelihood)

    def _strong(self, feature: Floats) -> tuple[Floats, Flags, Flags]:
        """The healthy correlations of a feature, which of them both halves of the events show, and which are strong."""
        mine = self.left.T @ feature / self.healthy_count
        one, two = self._halves
        first = self.left[one].T @ feature[one] / max(1, one.stop)
        second = self.left[two].T @ feature[two] / max(1, self.healthy_count - two.start)
        stable = np.abs(first - second) < 0.3
        size = np.abs(np.arctanh(np.clip(mine, -0.995, 0.995))) * math.sqrt(max(8, self.healthy_count - 3))
        return mine, stable, stable & (np.abs(mine) > 0.3) & (size > 5)

    def correlated(self, target: View) -> set[str]:
        """The anchors with which a field hangs together strongly in the healthy events."""
        if self.left.shape[1] == 0:
            return set()
        found: set[str] = set()
        for feature in features(target, self.healthy_count, list(target.labels)[:6] or None).values():
            _, _, strong = self._strong(feature)
            found.update(name for name, is_strong in zip(self.names, strong, strict=True) if is_strong)
        return found

    # -- order and equality
    # -----------------------------------------------------------------------------------------------

    def _orders(self, target: View, given: View) -> Relation:
        mine, theirs = by_row(target, self.healthy_count), by_row(given, self.drifted_count)
        if mine is None or theirs is None:
            return Relation()
        a, b = instants(target, mine), instants(given, theirs)
        support, likelihood = 0.0, 0.0
        conflicts: list[str] = []
        facts: list[str] = []
        for anchor in self.anchors:
            left, right = by_row(anchor.healthy, self.healthy_count), by_row(anchor.drifted, self.drifted_count)
            if left is None or right is None:
                continue
            if a is not None and b is not None:
                x, y = instants(anchor.healthy, left), instants(anchor.drifted, right)
                if x is not None and y is not None:
                    found = compare_order(a, x, b, y)
                    if found is not None:
                        gain, loss, text = found
                        likelihood -= loss
                        if gain > support:
                            support = gain
                            facts.append(
                                f"is {text} {anchor.path} as before".replace("is is", "is").replace(
                                    "is contains", "contains"
                                )
                            )
                        if loss > 12:
                            conflicts.append(f"was {text} {anchor.path} before and is not now")
            elif (
                target.kind == "string"
                and given.kind == "string"
                and anchor.healthy.kind == "string"
                and not anchor.healthy.date_formats
            ):
                gain, loss, text = text_relation(mine, left, theirs, right)
                likelihood -= loss
                if gain > support:
                    support = gain
                    facts.append(
                        f"is {text} {anchor.path} as before".replace("is is", "is").replace("is contains", "contains")
                    )
                if loss > 12:
                    conflicts.append(f"{text} {anchor.path} before and not now")
        return Relation(support=support, conflicts=tuple(conflicts[:1]), facts=tuple(facts[-1:]), likelihood=likelihood)

    # -- memory by key
    # ----------------------------------------------------------------------------------------------------

    def memory(self, target: View) -> list[Remembered]:
        """For each anchor that decides the target's value: (path, value by key, drifted keys by event)."""
        known = self._memory.get(target.path)
        if known is None:
            known = self._memory[target.path] = [
                (" and ".join(paths), values, keys) for paths, values, keys in self.deciders(target)
            ]
        return known

    def deciders(self, target: View) -> Iterable[tuple[tuple[str, ...], dict[Any, Any], list[Any]]]:
        """The anchors, and pairs of anchors, that decide the target's value: paths, value by key, drifted keys."""
        mine = by_row(target, self.healthy_count)
        if mine is None:
            return
        keys = [
            (anchor.path, by_row(anchor.healthy, self.healthy_count), by_row(anchor.drifted, self.drifted_count))
            for anchor in self.anchors[:MAX_KEYS]
            if anchor.healthy.kind in ("string", "number")
            and 3 <= len(anchor.healthy.counts) <= 0.7 * self.healthy_count
        ][:16]
        usable = [(path, left, right) for path, left, right in keys if left is not None and right is not None]
        for path, left, right in usable:
            known = _by_key(left, mine)
            if known:
                yield (path,), known, right
        # A pair of label fields decides more than either: the route is origin and destination.
        small = [(path, left, right) for path, left, right in usable if len(set(map(str, left))) <= 40][:6]
        for i, (path, left, right) in enumerate(small):
            for other, also, too in small[i + 1 :]:
                known = _by_key(list(zip(left, also, strict=True)), mine)
                if known:
                    yield (path, other), known, list(zip(right, too, strict=True))

    def _roles(self, target: View, given: View) -> Relation:
        """Do the values, as keys, still decide what they decided before: the zone of a device, the country of a
        user?
        """
        mine, theirs = by_row(target, self.healthy_count), by_row(given, self.drifted_count)
        if mine is None or theirs is None:
            return Relation()
        best = Relation()
        for anchor in self.anchors:
            known = decides(target, anchor.healthy, self.healthy_count)
            right = by_row(anchor.drifted, self.drifted_count)
            if not known or right is None:
                continue
            chance = max(anchor.healthy.counts.values()) / max(1, len(anchor.healthy.solid))
            pairs = [
                (known[key], value)
                for key, value in zip(theirs, right, strict=True)
                if not isinstance(key, (dict, list)) and key in known
            ]
            if len(pairs) < 20:
                continue
            share = sum(_equal(one, two) for one, two in pairs) / len(pairs)
            if share >= 0.9:
                best = Relation(
                    support=5.0, facts=(f"decides {anchor.path} as before in {share:.0%} of {len(pairs)} events",)
                )
            elif share < chance + 0.15:
                return Relation(conflicts=(f"does not decide {anchor.path} as before",), likelihood=-12.0)
        return best

    def _keys(self, target: View, given: View) -> Relation:
        theirs = by_row(given, self.drifted_count)
        if theirs is None or len(target.counts) < 2:
            return Relation()
        for path, known, keys in self.memory(target):
            hits = misses = 0
            values: set[Any] = set()
            for key, value in zip(keys, theirs, strict=True):
                if value is REFUSED or value is None or key not in known:
                    continue
                values.add(known[key])
                if _equal(known[key], value):
                    hits += 1
                else:
                    misses += 1
            if hits + misses < 12 or len(values) < 3:
                continue
            share = hits / (hits + misses)
            if share >= 0.9:
                return Relation(
                    support=5.0,
                    keyed=True,
                    facts=(f"{share:.0%} of {hits + misses} values are those known for the same {path}",),
                )
            if share < DECIDED:
                return Relation(
                    conflicts=(f"{misses} of {hits + misses} values differ from those known for the same {path}",),
                    likelihood=-12.0,
                )
        return Relation()


def decides(target: View, label: View, count: int) -> dict[Any, Any]:
    """The label of each of the target's values, where the values come again and decide it better than chance; else
    empty.
    """
    if len(target.counts) < 4 or target.distinct_share > 0.7 or not label.labels or len(label.counts) < 2:
        return {}
    if max(label.counts.values()) > 0.75 * len(label.solid):
        return {}
    mine, left = by_row(target, count), by_row(label, count)
    return {} if mine is None or left is None else _by_key(mine, left)


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, float) or isinstance(two, float):
        return isinstance(one, (int, float)) and isinstance(two, (int, float)) and math.isclose(one, two, rel_tol=1e-6)
    return type(one) is type(two) and bool(one == two)


def _by_key(keys: Sequence[Any], values: Sequence[Any]) -> dict[Any, Any]:
    """The value of each key if keys decide values: hardly any key has two, and enough keys come twice; else empty."""
    known: dict[Any, Any] = {}
    again = wrong = 0
    # Where keys decide nothing, the repeats contradict each other at once: stop as soon as too many have.
    limit = max(2, len(keys) // 20)
    for key, value in zip(keys, values, strict=True):
        if value is None or value is REFUSED or key is None or key is REFUSED:
            continue
        # Not `type(value)`: a type checker would then see containers of unknown things, and it is no faster.
        kind = value.__class__
        if kind is dict or kind is list:
            return {}
        kind = key.__class__
        if kind is tuple:
            if any(part is None or part is REFUSED for part in key):
                continue
        elif kind is dict or kind is list:
            return {}
        before = known.get(key, REFUSED)
        if before is REFUSED:
            known[key] = value
            continue
        again += 1
        if before != value and not _equal(before, value):
            wrong += 1
            if wrong > limit:
                return {}
    if again < 20 or wrong > 0.05 * again or len({str(v) for v in known.values()}) < 2:
        return {}
    return known


def traits(view: View, count: int, anchors: NDArray[np.float64]) -> Mapping[Any, Floats]:
    """For each label of a field: its events' mean on every anchor."""
    values = by_row(view, count)
    if values is None or anchors.shape[1] == 0:
        return {}
    found: dict[Any, Floats] = {}
    for label in view.labels:
        chosen = np.array([type(v) is type(label) and v == label for v in values])
        size = int(chosen.sum())
        if size >= 3:
            found[label] = anchors[chosen].mean(axis=0)
    return found
