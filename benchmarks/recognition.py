"""How fast and how rightly a like incident is recognised, and that signatures which do not belong do no harm.

Analyses are run as the server's analysis process runs them: bytes in, a report as bytes out, the baseline prepared.
What single texts were found to be is forgotten before each, since a second incident brings other texts than the first.
`benchmarks.memory` prints it.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.figures import Figure, spread
from cta_core.adapter.program import Program
from cta_core.diagnosis import Decision, Method
from cta_core.diagnosis.formats import family_of, mask_of, seconds_of
from cta_core.diagnosis.recall import recall
from cta_core.diagnosis.report import Report
from cta_core.stream import Policy
from cta_server.runtime import diagnostics

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from driftgen.cases import Case, Outcome, make_case
from driftgen.likes import Memory, Side, like_case, look_alike, remembered
from driftgen.populations import DOMAINS

LIBRARY = range(1_000_000, 1_000_160)
TWINS = range(1_500_000, 1_500_030)
LIKES = range(2_000_000, 2_000_200)
LOOK_ALIKES = range(3_000_000, 3_000_200)
FOREIGN = range(4_000_000, 4_000_300)
VICTIMS = range(5_500_000, 5_500_300)
"""Seeds that no test uses and nobody looked at when the rules were made."""

SAMPLE = Policy().analysis_sample
"""Events on either side: what the loop takes unless a policy says otherwise."""

Likes = list[tuple[Case, list[Program]]]


def recognition() -> Iterator[Figure]:
    """First, repeat by fingerprint, repeat by likeness, look-alikes, and foreign signatures."""
    memory = remembered(LIBRARY, twins=TWINS)
    for size in (SAMPLE, 160):
        yield from _speed(memory, size)
    yield from _look_alikes(memory)
    yield from _foreign(memory)


def _speed(memory: Memory, size: int) -> Iterator[Figure]:
    first, same, of_like, like = [], [], [], []
    outcomes: list[Outcome] = []
    for seed in LIKES:
        case = like_case(seed, random.Random(seed).choice(list(DOMAINS)), size)
        if case is None:
            continue
        side = Side.of(case)
        bound = memory.alike(side.look())
        analysed = _analysis_of(case)
        took, report = analysed([], [])
        if report.program is not None and side.outcome(report) is Outcome.HEALED:
            first.append(took)
            same.append(analysed([report.program], [])[0])
        again, found = analysed([], bound)
        outcomes.append(side.outcome(found))
        if found.method is Method.SIGNATURE:
            of_like.append(took)
            like.append(again)
    healed, count = outcomes.count(Outcome.HEALED), len(outcomes)
    of = f"of {size} + {size} events"
    yield Figure(f"analysis {of}: first incident, ms", spread(first))
    yield Figure(f"analysis {of}: repeat by fingerprint, ms", spread(same))
    yield Figure(f"analysis {of}: repeat by likeness, ms", spread(like))
    yield Figure(f"first : repeat by fingerprint, {of}", ratio(first, same), ">= 8" if size == SAMPLE else "")
    yield Figure(f"first : repeat by likeness, {of}", ratio(of_like, like), ">= 8" if size == SAMPLE else "")
    yield Figure("like incidents healed rightly", f"{healed} of {count}, {len(like)} of them from memory", ">= 95 %")
    yield Figure("like incidents healed wrongly", str(outcomes.count(Outcome.UNSAFE)), "0")


def _analysis_of(case: Case) -> Callable[[Sequence[Program], Sequence[Program]], tuple[float, Report]]:
    """Analyses the case with these hints and these bound programs: the better of two times, and the report."""
    encode = msgspec.json.encode
    baseline, drifted = [encode(event) for event in case.baseline], [encode(event) for event in case.drifted]
    schema = encode(case.contract) if case.contract is not None else b""
    diagnostics.prepare(baseline)
    diagnostics.diagnose(
        baseline, drifted[:60], schema, b"[]"
    )  # the contract is compiled, and views of the baseline made

    def analysed(hints: Sequence[Program], alike: Sequence[Program]) -> tuple[float, Report]:
        given = encode(list(hints)), encode(list(alike))
        times = []
        for _ in range(2):
            for known in (mask_of, family_of, seconds_of):
                known.cache_clear()
            report, took = diagnostics.diagnose(baseline, drifted, schema, *given)
            times.append(took)
        return min(times), msgspec.json.decode(report, type=Report)

    return analysed


def _look_alikes(memory: Memory) -> Iterator[Figure]:
    searched = wrong = by_memory = 0
    for seed in LOOK_ALIKES:
        side = Side.of(look_alike(seed))
        searched += side.outcome(side.diagnose()) is Outcome.UNSAFE
        for program in memory.alike(side.look()):
            report = side.recall(program)
            by_memory += report is not None
            wrong += report is not None and side.outcome(report) is Outcome.UNSAFE
    yield Figure(f"wrong heals from memory on {len(LOOK_ALIKES)} look-alikes", f"{wrong} (of {by_memory} heals)", "0")
    yield Figure(f"wrong heals by the search on {len(LOOK_ALIKES)} look-alikes", str(searched), "0")


def _foreign(memory: Memory) -> Iterator[Figure]:
    """Cases and look-alikes with every fix as a hint that healed another incident of a stream of the same kind."""
    fixes: defaultdict[str, list[Program]] = defaultdict(list)
    for seed in FOREIGN:
        case = make_case(seed, "heal")
        report = Side.of(case).diagnose()
        if report.program is not None and report.decision is Decision.HEAL:
            # With its own guard, and as it would be bound to another stream: without one.
            fixes[_domain(case)] += [report.program, Program(steps=report.program.steps)]
    without = wrong = heals = 0
    for case in [*map(make_case, VICTIMS), *map(look_alike, VICTIMS)]:
        side = Side.of(case)
        plain = side.outcome(side.diagnose())
        report = recall(side.baseline, case.drifted, side.contract, fixes[_domain(case)], memory.alike(side.look()))
        without += plain is Outcome.UNSAFE
        heals += report is not None
        wrong += (plain if report is None else side.outcome(report)) is Outcome.UNSAFE
    count = 2 * len(VICTIMS)
    yield Figure(f"wrong heals of {count} cases, empty memory", str(without))
    yield Figure(f"wrong heals of {count} cases, foreign signatures", f"{wrong} (of {heals} heals)", "no more")


def _domain(case: Case) -> str:
    return next(domain for domain in DOMAINS if domain in case.name)


def ratio(first: list[float], repeat: list[float]) -> str:
    """Median of the ratios, pair by pair."""
    return f"{median(a / b for a, b in zip(first, repeat, strict=True)):.1f}"
