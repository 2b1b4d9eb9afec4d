"""How often the primary stage and field of a failed run are named right, and proved: `python -m benchmarks.stages
[CASES]`.

The pipelines are generated: four stages, one seeded change at the output of a random one, names made of syllables. The
floors are what needs no analysis: the stage that raised, and the first stage. The proof runs the stages after the named
one again on its output, as it was and healed; a cause that is named wrong should not pass it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cta_core.diagnosis.report import Decision, Report, Rerun, RerunResult
from cta_core.diagnosis.rerun import heal, judge, not_rerun, plan
from cta_core.diagnosis.stages import outputs, primary
from cta_core.event import decode
from driftgen.pipelines import Failure, failure


def main(cases: int) -> None:
    """Runs the cases and prints the shares."""
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    proofs: Counter[RerunResult] = Counter()
    offered: Counter[bool] = Counter()
    took = 0.0
    for seed in range(1000, 1000 + cases):
        case = failure(seed)
        begun = time.perf_counter()
        report = primary(outputs(case.healthy, case.failed), case.failed)
        took += time.perf_counter() - begun
        stage, path = report.cause.stage == case.stage, report.cause.path == f"/{case.field}"
        right.update(name for name, good in (("stage", stage), ("stage and field", stage and path)) if good)
        right["floor: the stage that raised"] += case.raised == case.stage
        right["floor: the first stage"] += case.failed[0].stage == case.stage
        if not (stage and path):
            missed[case.kind] += 1
        if report.program is not None:
            proof = rerun(case, report)
            proofs[proof.result] += 1
            if report.decision is Decision.HEAL and proof.result is not RerunResult.FAILED:
                offered[stage and path] += 1
    for name in ("stage", "stage and field", "floor: the stage that raised", "floor: the first stage"):
        print(f"{name:40} {right[name] / cases:6.1%}")
    total = proofs.total()
    print(f"{'an adapter is proposed':40} {total / cases:6.1%}")
    for result in RerunResult:
        print(f"{'  run again: ' + result.value:40} {proofs[result] / max(total, 1):6.1%}")
    print(f"{'offered as certain, cause right':40} {offered[True] / cases:6.1%}")
    print(f"{'offered as certain, cause wrong':40} {offered[False] / cases:6.1%}")
    print(f"{'a run takes':40} {took / cases * 1000:6.1f} ms")
    print(f"missed by kind of change: {dict(missed)}")


def rerun(case: Failure, report: Report) -> Rerun:
    """The proof, with the generated stages in the place of a consumer's."""
    found = plan(case.failed, report, case.stages)
    if isinstance(found, str) or report.program is None:
        return not_rerun(str(found))
    healed = heal(report.program, found.events)
    return judge(
        [case.passes(found.first, decode(raw)) for raw in found.events],
        [None if raw is None else case.passes(found.first, decode(raw)) for raw in healed],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
