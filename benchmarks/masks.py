"""What masks cost: `python -m benchmarks masks`.

Copies of events against decoding and encoding the same events, in one run; then generated drifts, harmless changes and
traps, each analysed once as it is and once with two random fields masked, and judged by what the adapter makes of the
events themselves. It takes some minutes.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from benchmarks.orders import CONTRACT, healthy
from cta_core import diagnosis
from cta_core.contract import compile_contract, learn
from cta_core.diagnosis.report import Decision, Report
from cta_core.event import decode, encode
from cta_core.gate import ActiveAdapter, Gate, OutcomeKind
from cta_core.path import leaves
from cta_core.privacy import Mask, Masker, Method
from cta_core.privacy.mask import problems_of
from cta_core.privacy.relax import relaxed
from cta_core.privacy.study import Study
from driftgen import Outcome, judge, make_case
from driftgen.cases import Case

KEY = b"k" * 32
BLOCK = 500
ROUNDS = 40
CASES = 600
BAR = 0.9
"""The policy's `min_confidence`: below it a person is asked."""


async def measure() -> list[Figure]:
    """Figures of masks."""
    return [*_copies(), *_drifts()]


def _copies() -> list[Figure]:
    raws = [healthy(number) for number in range(BLOCK)]
    contract = compile_contract(CONTRACT)
    few = Masker((Mask(path="/user/name"), Mask(path="/user/id")), contract, KEY)
    every = Masker((Mask(path="/user"), Mask(path="/order"), Mask(path="/source")), contract, KEY)
    runs = {
        "decode and encode": lambda raw: encode(decode(raw)),
        "a copy with 2 masked fields": few.raw,
        "a copy with 15 masked fields": every.raw,
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            for raw in raws:
                run(raw)
            times[name].append((time.perf_counter() - began) / BLOCK)
    least = median(times["decode and encode"])
    return [
        Figure(f"{name}, of decode and encode", f"{median(taken) / least:5.1f}  ({median(taken) * 1e6:.1f} us)")
        for name, taken in times.items()
    ]


def _drifts() -> list[Figure]:
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(CASES):
        case = make_case(seed)
        masks = _masks(case, seed)
        if masks:
            plain = _outcome(case, _diagnosed(case.baseline, case.drifted, case.contract))
            seen[plain.value, _outcome(case, _masked(case, masks)).value] += 1
    unsafe = sum(count for (plain, masked), count in seen.items() if masked == Outcome.UNSAFE and plain != masked)
    return [
        Figure("drifts that are healed wrongly with masks and not without", f"{unsafe}", "0"),
        *(
            Figure(f"drifts {plain} without masks, with masks {masked}", str(count))
            for (plain, masked), count in sorted(seen.items())
        ),
    ]


def _masks(case: Case, seed: int) -> tuple[Mask, ...]:
    rng = random.Random(seed)
    contract = compile_contract(case.contract or learn(case.baseline))
    paths = sorted({path for event in case.baseline[:50] for path, _ in leaves(event)})
    methods = (Method.HASH, Method.HASH, Method.HASH, Method.DROP)
    wanted = [Mask(path=path, method=rng.choice(methods)) for path in rng.sample(paths, min(2, len(paths)))]
    refused = {violation.field for violation in problems_of(wanted, contract)}
    return tuple(mask for index, mask in enumerate(wanted) if f"masks[{index}].method" not in refused)


def _masked(case: Case, masks: tuple[Mask, ...]) -> Report:
    contract = compile_contract(case.contract or learn(case.baseline))
    masker = Masker(masks, contract, KEY)
    copies = [masker.raw(encode(event)) for event in case.baseline]
    study = Study(masker, contract, copies, [encode(event) for event in case.drifted])
    schema = relaxed(case.contract, masks) if case.contract else None
    return study.judged(
        _diagnosed([decode(raw) for raw in study.healthy], [decode(raw) for raw in study.drifted], schema)
    )


def _diagnosed(baseline: list[Any], drifted: list[Any], schema: dict[str, Any] | None) -> Report:
    contract = compile_contract(schema) if schema else None
    return diagnosis.diagnose(diagnosis.Baseline(baseline), drifted, contract)


def _outcome(case: Case, report: Report) -> Outcome:
    """What the report's adapter makes of the events themselves, under the contract itself."""
    heals = report.decision is Decision.HEAL and report.confidence >= BAR and report.program is not None
    adapters = [ActiveAdapter(adapter_id="a", revision=1, program=report.program)] if heals and report.program else []
    gate = Gate(compile_contract(case.contract) if case.contract else None, adapters)
    outcomes = gate.judge_many([encode(event) for event in case.drifted])
    lines = [decode(each.raw) if each.kind is not OutcomeKind.QUARANTINED else None for each in outcomes]
    decision = report.decision if heals or report.decision is not Decision.HEAL else Decision.ESCALATE
    return judge(case, decision.value, lines)
