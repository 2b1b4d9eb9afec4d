"""How often the primary stage and field of a failed run are named right: `python -m benchmarks.stages [CASES]`.

The pipelines are generated: four stages, one seeded change at the output of a random one, names made of syllables. The
floors are what needs no analysis: the stage that raised, and the first stage.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cta_core.diagnosis.stages import outputs, primary
from driftgen.pipelines import failure


def main(cases: int) -> None:
    """Runs the cases and prints the shares."""
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
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
    for name in ("stage", "stage and field", "floor: the stage that raised", "floor: the first stage"):
        print(f"{name:30} {right[name] / cases:6.1%}")
    print(f"{'a run takes':30} {took / cases * 1000:6.1f} ms")
    print(f"missed by kind of change: {dict(missed)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
