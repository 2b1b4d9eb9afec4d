"""Which column became which: our candidates and assignment beside the matchers of the `valentine` package, in one run:
`python -m benchmarks matchers`.

Pairs are made from the generated populations: two samples of one stream, every field of the second one under another
name. Recall at ground truth is the share of right pairs among as many best ranked ones as there are right pairs; for
ours the ranked ones are each target's best source, also where the decision abstains. The share decided and the
precision there stand beside it, since nothing else is ever applied to an event.
"""

from __future__ import annotations

import atexit
import json
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from cta_core.diagnosis.case import Baseline, Options, prepare
from cta_core.diagnosis.decide import decide
from cta_core.diagnosis.gather import candidates_of, pool_of, related, relations_of, second_pass, witnesses_of
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.search import Searcher
from cta_core.diagnosis.symptoms import findings
from cta_core.diagnosis.views import View
from driftgen.populations import DOMAINS, Population, world_of

INSTALL = "the peers are not installed; `uv pip install --group peers` brings them"
OPEN_SET = Path(__file__).resolve().parents[2] / "shared" / "driftbench"
"""Where the open set of cases lies beside a checkout; left out where it is not there."""
EVENTS = 200
"""On either side, as in an analysis of the server."""
ROUNDS = 2
"""Pairs from each of the flat domains and conditions."""
STRANGE = 0.2
"""Share of noisy values: few enough that a field keeps its kind, many enough that equal values are no help alone."""

STOP_WORDS = (
    "a an and are as at be but by for from has he in is it its not of on or she that the they this to was were with"
)
"""English words that COMA leaves out of texts. It would download its list; a run here downloads nothing."""

Event = dict[str, Any]
Ranked = Sequence[tuple[str, str]]


class Pair(msgspec.Struct, frozen=True):
    """Two samples of one stream and which field became which."""

    healthy: list[Event]
    drifted: list[Event]
    truth: dict[str, str]
    """Field of the healthy side to its name on the other one."""


class Tally(msgspec.Struct):
    """What one matcher came to under one condition."""

    recall: list[float] = []
    milliseconds: list[float] = []
    decided: int = 0
    right: int = 0
    wanted: int = 0


def noisy(name: str, aliases: Sequence[str], rng: random.Random, taken: set[str]) -> str:
    """Another name for a field: an alias, a prefix, or letters left out."""
    squeezed = name[0] + "".join(letter for letter in name[1:] if letter not in "aeiou")
    ways = [*aliases, f"src_{name}", squeezed, "_".join(part[:3] for part in name.split("_"))]
    free = [way for way in ways if way not in taken and way != name]
    return rng.choice(free or [f"src_{name}"])


def blurred(value: Any, rng: random.Random) -> Any:
    """A value with noise: a number a little off, a text with two neighbouring letters exchanged."""
    if isinstance(value, bool) or rng.random() > STRANGE:
        return value
    if isinstance(value, int):
        return value + rng.randint(-2, 2)
    if isinstance(value, float):
        return round(value * rng.uniform(0.95, 1.05), 3)
    if isinstance(value, str) and len(value) > 2:
        at = rng.randrange(len(value) - 1)
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    return value


def fabricated(domain: str, seed: int, *, noise: bool, half: bool) -> Pair:
    """A pair of a domain: names always differ; values with noise, or only half of the fields on both sides."""
    rng = random.Random(f"{domain} {seed} {noise} {half}")
    population, world = Population(domain, DOMAINS[domain]), world_of(random.Random(seed))
    healthy = population.events(rng, EVENTS, 1.7e9, world)
    later = population.events(rng, EVENTS, 1.7e9 + 50000, world)
    fields = list(population.fields)
    taken = {field.name for field in fields}
    names: dict[str, str] = {}
    for field in fields:
        names[field.name] = noisy(field.name, field.aliases, rng, taken)
        taken.add(names[field.name])
    left = right = list(names)
    if half:
        # A half is on both sides; of the rest, one part is only here and the other only there.
        order = rng.sample(left, len(left))
        both, rest = order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]
        left = [*both, *rest[: len(rest) // 2]]
        right = [*both, *rest[len(rest) // 2 :]]
    drifted = [{names[key]: blurred(event[key], rng) if noise else event[key] for key in right} for event in later]
    return Pair(
        [{key: event[key] for key in left} for event in healthy],
        drifted,
        {key: names[key] for key in left if key in right},
    )


def split_cases(folder: Path) -> list[Pair]:
    """Baselines of the open set cut in two halves of time, flat fields only, every name noisy."""
    pairs: list[Pair] = []
    for path in sorted((folder / "cases").glob("*/baseline.jsonl")):
        events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        names = {key for event in events for key, value in event.items() if not isinstance(value, dict | list)}
        mixed = {key for event in events for key, value in event.items() if isinstance(value, dict | list)}
        fields = sorted(names - mixed)
        if len(fields) < 5 or events[0].keys() in [pair.healthy[0].keys() for pair in pairs]:
            continue  # several cases are made from one stream: it counts once
        rng, fresh, taken = random.Random(path.parent.name), {}, set(fields)
        for field in fields:
            fresh[field] = noisy(field, (), rng, taken)
            taken.add(fresh[field])
        half = len(events) // 2
        pairs.append(
            Pair(
                [{key: event[key] for key in event if key in fresh} for event in events[:half]],
                [{fresh[key]: value for key, value in event.items() if key in fresh} for event in events[half:]],
                fresh,
            )
        )
    return pairs


def ours(pair: Pair) -> tuple[Ranked, Ranked]:
    """Each target's best source, the surest first, and those of them that are sure enough to be decided."""
    options = Options()
    case = prepare(Baseline(pair.healthy), pair.drifted, None)
    found = findings(case.level.healthy, case.level.drifted, case.inner, case.broken)
    serious = [one for one in found if one.severity is not Severity.NOTICE]
    targets = {one.path: View.of(case.level.healthy.columns[one.path]) for one in serious}
    relations = relations_of(case, serious)
    searcher = Searcher(relations, witnesses_of(case, serious))
    raw = candidates_of(targets, pool_of(case, serious), case, searcher, serious, options)
    asked = {path: related(rows, targets[path], searcher) for path, rows in raw.items()}
    choices = second_pass(decide(asked, targets, searcher), raw, asked, targets, relations, searcher, options)
    order = sorted(choices.items(), key=lambda item: (-item[1].confidence, -item[1].candidate.score))
    pairs = [(target[1:], choice.candidate.source[1:]) for target, choice in order]
    sure = [choice.confidence >= options.bar and not choice.vetoes for _, choice in order]
    return pairs, [one for one, good in zip(pairs, sure, strict=True) if good]


def peers() -> dict[str, Callable[[Pair], Ranked]]:
    """The peers by name, with their own default settings; the program ends with a sentence where they are absent."""
    try:
        import nltk
        import pandas as pd
        from valentine import valentine_match
        from valentine.algorithms import Coma, DistributionBased, JaccardDistanceMatcher, SimilarityFlooding
    except ImportError:
        raise SystemExit(INSTALL) from None
    words = Path(tempfile.mkdtemp()) / "corpora" / "stopwords" / "english"
    atexit.register(shutil.rmtree, words.parents[2])
    words.parent.mkdir(parents=True)
    words.write_text("\n".join(STOP_WORDS.split()), "utf-8")
    nltk.data.path.insert(0, str(words.parents[2]))

    def through(make: Callable[[], Any]) -> Callable[[Pair], Ranked]:
        def match(pair: Pair) -> Ranked:
            frames = [pd.DataFrame(pair.healthy), pd.DataFrame(pair.drifted)]
            found = valentine_match(frames, make())
            best = sorted(found.items(), key=lambda item: -item[1])
            return [(one.source_column, one.target_column) for one, _ in best]

        return match

    return {
        "COMA, schema": through(Coma),
        "COMA, schema + instances": through(lambda: Coma(use_instances=True)),
        "Similarity Flooding": through(SimilarityFlooding),
        "Jaccard with Levenshtein": through(JaccardDistanceMatcher),
        "Distribution based": through(DistributionBased),
    }


def one_to_one(ranked: Ranked) -> list[tuple[str, str]]:
    """The best pairs of which none shares a column with a better one: what valentine's own metrics look at."""
    kept: list[tuple[str, str]] = []
    left, right = set[str](), set[str]()
    for one, other in ranked:
        if one not in left and other not in right:
            kept.append((one, other))
            left.add(one)
            right.add(other)
    return kept


def recall(ranked: Ranked, truth: Mapping[str, str]) -> float:
    """Share of right pairs among as many best ones as there are right pairs."""
    return sum(truth.get(one) == other for one, other in one_to_one(ranked)[: len(truth)]) / len(truth)


def spent() -> float:
    """Seconds of processor time so far, of child processes too: one of the peers has its solver in one."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def compare(pairs: Sequence[Pair], matchers: Mapping[str, Callable[[Pair], Ranked]]) -> dict[str, Tally]:
    """Every matcher on the same pairs, in turns."""
    tallies = {name: Tally() for name in ("ours", *matchers)}
    for pair in pairs:
        mine = tallies["ours"]
        begun = spent()
        ranked, sure = ours(pair)
        mine.milliseconds.append((spent() - begun) * 1000)
        mine.recall.append(recall(ranked, pair.truth))
        mine.wanted += len(pair.truth)
        mine.decided += len(sure)
        mine.right += sum(pair.truth.get(one) == other for one, other in sure)
        for name, match in matchers.items():
            begun = spent()
            ranked = match(pair)
            tallies[name].milliseconds.append((spent() - begun) * 1000)
            tallies[name].recall.append(recall(ranked, pair.truth))
    return tallies


async def measure() -> list[Figure]:
    """Figures of every matcher under every condition."""
    matchers = peers()
    flat = [domain for domain in sorted(DOMAINS) if domain != "baskets"]
    conditions = {
        "noisy names": [fabricated(d, n, noise=False, half=False) for d in flat for n in range(ROUNDS)],
        "noisy names and values": [fabricated(d, n, noise=True, half=False) for d in flat for n in range(ROUNDS)],
        "noisy names, half shared": [fabricated(d, n, noise=False, half=True) for d in flat for n in range(ROUNDS)],
    }
    if OPEN_SET.exists():
        conditions["open set cut in two"] = split_cases(OPEN_SET)
    figures: list[Figure] = []
    for condition, pairs in conditions.items():
        for name, tally in compare(pairs, matchers).items():
            value = f"recall {statistics.fmean(tally.recall):.3f}  {statistics.median(tally.milliseconds):8.1f} ms"
            if name == "ours":
                value += f"  decided {tally.decided / tally.wanted:.2f}, right {tally.right} of {tally.decided}"
            figures.append(Figure(f"{condition} ({len(pairs)} pairs): {name}", value))
    return figures
