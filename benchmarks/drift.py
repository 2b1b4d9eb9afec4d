"""How safe and how able the diagnosis is, on generated cases that nobody looked at, and how fast and quiet the
monitor is.

    python benchmarks/drift.py [--cases N] [--seed S] [--healthy EVENTS]

Prints outcomes by expectation and by change, the share of unsafe heals with its exact upper bound, the calibration
of the confidence that is shown, false alarms over healthy streams, detection delays beside KS and PSI, and the score
on the open set of cases where it lies beside the checkout.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))

from cta_core.contract import compile_contract
from cta_core.diagnosis import Decision, Report, diagnose
from cta_core.diagnosis.verify import try_out
from cta_core.drift import SilentDriftMonitor
from cta_core.profile import Profile
from cta_core.verdict import upper_bound
from driftgen import Case, Outcome, judge, make_case
from driftgen.cases import equal
from driftgen.populations import DOMAINS, Population, world_of

GOOD = {"heal": {Outcome.HEALED}, "escalate": {Outcome.ESCALATED}, "ignore": {Outcome.QUIET}}
GOOD["either"] = {Outcome.HEALED, Outcome.ESCALATED}


BANDS = ((0.0, 0.35), (0.35, 0.6), (0.6, 0.9), (0.9, 0.95), (0.95, 0.98), (0.98, 1.01))
"""Bands of confidence in the table and the plot; the bar for healing lies at 0.9."""


def run_cases(count: int, seed: int, picture: pathlib.Path | None) -> None:
    """Runs seeded cases and prints what came of them."""
    outcomes: collections.Counter[tuple[str, Outcome]] = collections.Counter()
    kinds: dict[str, collections.Counter[Outcome]] = collections.defaultdict(collections.Counter)
    shown: list[tuple[float, bool]] = []
    times = []
    for number in range(seed, seed + count):
        case = make_case(number)
        rules = compile_contract(case.contract) if case.contract is not None else None
        begun = time.process_time()
        report = diagnose(case.baseline, case.drifted, rules)
        times.append((time.process_time() - begun) * 1000)
        lines = []
        if report.decision is Decision.HEAL and report.program is not None:
            lines = list(try_out(report.program, case.drifted, rules).healed)
        outcome = judge(case, str(report.decision), lines)
        outcomes[case.expect, outcome] += 1
        for change in case.changes:
            kinds[change.split()[0]][outcome] += 1
        shown.extend(proposals_of(case, report))
        if outcome is Outcome.UNSAFE:
            print(f"UNSAFE {case.name} {case.changes} {report.fix}")
    table(outcomes, kinds)
    unsafe = sum(times_ for (_, outcome), times_ in outcomes.items() if outcome is Outcome.UNSAFE)
    bound = upper_bound(unsafe, count, 0.95)
    print(f"\nUNSAFE {unsafe} of {count}: {unsafe / count:.2%}, at most {bound:.2%} (95 %, exact)")
    times.sort()
    middle, high = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"processor time of a diagnosis: p50 {middle:.0f} ms, p95 {high:.0f} ms")
    calibration(shown)
    if picture is not None:
        plot(shown, picture)


def table(outcomes: collections.Counter[tuple[str, Outcome]], kinds: dict[str, collections.Counter[Outcome]]) -> None:
    """Prints the outcomes by expectation and by change."""
    print(f"\n{'expected':<14}{'cases':>7}{'right':>7}" + "".join(f"{outcome:>11}" for outcome in Outcome))
    for expect in ("heal", "either", "escalate", "ignore"):
        row = {outcome: outcomes[expect, outcome] for outcome in Outcome}
        right = sum(row[outcome] for outcome in GOOD[expect])
        print(f"{expect:<14}{sum(row.values()):>7}{right:>7}" + "".join(f"{row[outcome]:>11}" for outcome in Outcome))
    print(f"\n{'change':<14}{'cases':>7}" + "".join(f"{outcome:>11}" for outcome in Outcome))
    for kind in sorted(kinds):
        print(
            f"{kind:<14}{sum(kinds[kind].values()):>7}" + "".join(f"{kinds[kind][outcome]:>11}" for outcome in Outcome)
        )


def proposals_of(case: Case, report: Report) -> list[tuple[float, bool]]:
    """(shown confidence, was it right) of every single-field proposal of a case."""
    if report.program is None:
        return []
    healed = try_out(report.program, case.drifted, None).healed
    found = []
    for proposal in report.proposals:
        parts = proposal.target.split("/")[1:]
        if proposal.confidence <= 0 or len(parts) != 1 or "," in proposal.target:
            continue
        pairs = [
            (want[parts[0]], got.get(parts[0]))
            for want, got in zip(case.expected, healed, strict=True)
            if want is not None and got is not None and parts[0] in want
        ]
        if pairs:
            found.append((proposal.confidence, sum(equal(a, b) for a, b in pairs) >= 0.99 * len(pairs)))
    return found


def calibration(shown: list[tuple[float, bool]]) -> None:
    """Prints the confidence shown against the share that was right."""
    print(f"\ncalibration of {len(shown)} proposals\n{'confidence':<14}{'proposals':>10}{'shown':>8}{'right':>8}")
    error = 0.0
    for low, high in BANDS:
        rows = [(sure, right) for sure, right in shown if low <= sure < high]
        if rows:
            said, was = statistics.fmean(sure for sure, _ in rows), statistics.fmean(right for _, right in rows)
            error += abs(said - was) * len(rows)
            print(f"{low:.2f} - {min(high, 1.0):.2f}   {len(rows):>10}{said:>8.3f}{was:>8.3f}")
    print(f"expected calibration error {error / max(1, len(shown)):.3f}")


def plot(shown: list[tuple[float, bool]], picture: pathlib.Path) -> None:
    """Draws confidence against share right, with exact 95 % intervals. Needs the dependency group `peers`."""
    from matplotlib import pyplot as plt

    said, was, low, high = [], [], [], []
    for least, most in BANDS:
        rows = [(sure, right) for sure, right in shown if least <= sure < most]
        if not rows:
            continue
        good = sum(right for _, right in rows)
        said.append(statistics.fmean(sure for sure, _ in rows))
        was.append(good / len(rows))
        low.append(was[-1] - (1.0 - upper_bound(len(rows) - good, len(rows), 0.975)))
        high.append(upper_bound(good, len(rows), 0.975) - was[-1])
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="confidence = share right")
    axes.errorbar(
        said, was, yerr=[low, high], marker="o", linestyle="none", capsize=3, label="proposals, 95 % interval"
    )
    axes.axvline(0.9, color="grey", linewidth=0.8)
    axes.annotate("bar for healing", (0.885, 0.05), rotation=90, color="grey")
    axes.set(xlabel="confidence shown", ylabel="share right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    figure.savefig(picture, bbox_inches="tight")


def healthy_streams(events: int) -> None:
    """Prints false alarms of the monitor and of the analysis over 20 healthy streams."""
    alarms = incidents = promotions = seen = 0
    for number in range(20):
        domain = sorted(DOMAINS)[number % len(DOMAINS)]
        population = Population(domain, DOMAINS[domain])
        rng, world = random.Random(5000 + number), world_of(random.Random(number))
        baseline = population.events(rng, 1000, 1.7e9, world)
        stream = population.events(rng, events // 20, 1.7e9 + 50000, world)
        alarms += len(SilentDriftMonitor(Profile.of(baseline)).observe(stream))
        rules = compile_contract(population.contract())
        for start in range(0, len(stream) - 199, 200):
            report = diagnose(baseline[-300:], stream[start : start + 200], rules)
            incidents += report.decision is not Decision.QUIET
            promotions += report.decision is Decision.HEAL
        seen += len(stream)
    print(
        f"\nhealthy streams: {seen} events of 20 streams: {alarms} alarms of the monitor; "
        f"{seen // 200} windows analysed: {incidents} incidents, {promotions} promotions"
    )


def delays() -> None:
    """Prints how many events a change needs to be seen."""
    print(f"\n{'median events until seen':<34}{'monitor':>9}{'KS 50':>9}{'PSI 100':>9}")
    for name, field, change in (
        ("amount x 100", "amount", lambda v: v * 100),
        ("amount / 1000", "amount", lambda v: v / 1000),
        ("amount x 1.25 (business)", "amount", lambda v: v * 1.25),
        ("amount gone", "amount", None),
    ):
        found: dict[str, list[float]] = {"monitor": [], "ks": [], "psi": []}
        for number in range(9):
            population = Population("payments", DOMAINS["payments"])
            rng, world = random.Random(number), world_of(random.Random(number))
            baseline = population.events(rng, 1000, 1.7e9, world)
            later = population.events(rng, 400, 1.7e9 + 50000, world)
            drifted = [
                {k: v for k, v in event.items() if k != field}
                if change is None
                else {**event, field: change(event[field])}
                for event in later
            ]
            monitor = SilentDriftMonitor(Profile.of(baseline))
            found["monitor"].append(
                next((i + 1 for i, event in enumerate(drifted) if monitor.observe([event])), float("inf"))
            )
            if change is not None:
                before = np.sort([event[field] for event in baseline])
                values = [event[field] for event in [*baseline[-100:], *drifted]]
                found["ks"].append(
                    next(
                        (
                            i
                            for i in range(1, 400)
                            if _ks(before, values[100 + i - 50 : 100 + i]) > 2.7 * (1 / 50 + 1 / 1000) ** 0.5
                        ),
                        float("inf"),
                    )
                )
                found["psi"].append(
                    next((i for i in range(1, 400) if _psi(before, values[i : 100 + i]) > 0.25), float("inf"))
                )
        cells = "".join(f"{statistics.median(rows) if rows else float('nan'):>9.0f}" for rows in found.values())
        print(f"{name:<34}{cells}")


def _ks(before: Any, window: list[float]) -> float:
    here = np.sort(window)
    both = np.concatenate([before, here])
    return float(
        np.max(
            np.abs(
                np.searchsorted(before, both, "right") / len(before) - np.searchsorted(here, both, "right") / len(here)
            )
        )
    )


def _psi(before: Any, window: list[float]) -> float:
    edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
    a = np.bincount(np.searchsorted(edges, before), minlength=10) / len(before)
    b = np.maximum(np.bincount(np.searchsorted(edges, window), minlength=10) / len(window), 1e-4)
    return float(np.sum((b - a) * np.log(b / a)))


ROOT = pathlib.Path(__file__).resolve().parent.parent
OPEN_SET = ROOT.parent / "shared" / "driftbench"
"""Where the open set of cases lies beside a checkout; left out where it is not there."""


def open_set(folder: pathlib.Path) -> None:
    """Runs the open set's own scorer over `cta heal` and prints its tables."""
    if not (folder / "score.py").exists():
        print(f"\nno open set at {folder.name}: left out")
        return
    words = ["--baseline", "{baseline}", "--drifted", "{drifted}", "--contract", "{contract}", "--out", "{out}"]
    command = [sys.executable, "-m", "cta_client.offline", "heal", *words, "--report", "{report}"]
    paths = os.pathsep.join(str(ROOT / name) for name in ("core", "client", "generated"))
    print(flush=True)
    subprocess.run(
        [sys.executable, str(folder / "score.py"), "--jobs", "1", "--", *command],
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1_000_000, help="first seed; development used seeds below 100,000")
    parser.add_argument("--healthy", type=int, default=100_000, help="healthy events over 20 streams")
    parser.add_argument("--open", type=pathlib.Path, default=OPEN_SET, help="folder of the open set of cases")
    parser.add_argument("--plot", type=pathlib.Path, help="draw the calibration into this file, SVG or PNG")
    options = parser.parse_args()
    run_cases(options.cases, options.seed, options.plot)
    delays()
    open_set(options.open)
    if options.healthy:
        healthy_streams(options.healthy)


if __name__ == "__main__":
    main()
