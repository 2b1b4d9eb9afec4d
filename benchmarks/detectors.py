"""How soon a change is seen, and how often one is seen where there is none: our monitor beside KS, PSI and the
detectors of the `river` package, on the same streams in one run: `python -m benchmarks detectors`.

Each peer watches the one number that changes, as their users set them up: river's detectors with its default settings,
standardised on the baseline; KS on 50 events at p < 0.001; PSI on 100 events above 0.25. The monitor watches every
field. A field that is gone gives the peers no number, so they see its indicator: 1 where the field is there.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.stats import ks_2samp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.figures import Figure
from cta_core.drift import SilentDriftMonitor
from cta_core.profile import Profile
from driftgen.populations import DOMAINS, Population, world_of

INSTALL = "the peers are not installed; `uv pip install --group peers` brings them"
BASELINE = 1_000
AFTER = 400
STREAMS = 9
"""Seeds of each change: the median is the fifth."""
HEALTHY_STREAMS = 5
HEALTHY = 4_000
"""Events of each healthy stream after its baseline: 20,000 in all."""

Event = dict[str, Any]
Watch = Callable[[Event], bool]
CHANGES: dict[str, Callable[[float], float | None]] = {
    "field gone": lambda _: None,
    "x 100": lambda value: value * 100,
    "/ 1000": lambda value: value / 1000,
    "x 1.6": lambda value: value * 1.6,
    "+ 25 %, business": lambda value: value * 1.25,
}


class Detector(Protocol):
    """What river's detectors have in common."""

    drift_detected: bool

    def update(self, x: float) -> object:
        """Takes one number."""


class Windowed:
    """A two-sample test of the last numbers against the baseline."""

    def __init__(self, before: Sequence[float], size: int, differs: Callable[[Any, Any], bool]) -> None:
        self.before = np.sort(np.array(before))
        self.window: deque[float] = deque(before[-size:], size)
        self.differs = differs
        self.drift_detected = False

    def update(self, x: float) -> None:
        """Takes one number."""
        self.window.append(x)
        self.drift_detected = self.differs(self.before, np.array(self.window))


def ks(before: Any, window: Any) -> bool:
    """Kolmogorov and Smirnov's test."""
    return bool(ks_2samp(before, window, method="asymp").pvalue < 0.001)


def psi(before: Any, window: Any) -> bool:
    """The population stability index over the baseline's tenths."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)[1:-1]))
    size = len(edges) + 1
    # An edge belongs to the bin above it: a baseline of one value has its own bin apart from all that is smaller.
    a = np.maximum(np.bincount(np.searchsorted(edges, before, "right"), minlength=size) / len(before), 1e-4)
    b = np.maximum(np.bincount(np.searchsorted(edges, window, "right"), minlength=size) / len(window), 1e-4)
    return float(np.sum((b - a) * np.log(b / a))) > 0.25


def peers(field: str, baseline: Sequence[Event], *, presence: bool) -> dict[str, Watch]:
    """Each peer, warmed up on the baseline and watching one number."""
    try:
        from river.drift import ADWIN, KSWIN, PageHinkley
    except ImportError:
        raise SystemExit(INSTALL) from None

    def number(event: Event) -> float | None:
        return float(field in event) if presence else event.get(field)

    values = [value for event in baseline if (value := number(event)) is not None]
    mean, deviation = statistics.fmean(values), statistics.pstdev(values) or 1.0

    def watching(detector: Detector, *, warm: bool) -> Watch:
        if warm:
            for value in values:
                detector.update((value - mean) / deviation)

        def see(event: Event) -> bool:
            value = number(event)
            if value is None:
                return False
            detector.update((value - mean) / deviation if warm else value)
            return detector.drift_detected

        return see

    return {
        "KS 50": watching(Windowed(values, 50, ks), warm=False),
        "PSI 100": watching(Windowed(values, 100, psi), warm=False),
        "ADWIN": watching(ADWIN(), warm=True),
        "Page-Hinkley": watching(PageHinkley(), warm=True),
        "KSWIN": watching(KSWIN(seed=1), warm=True),
    }


def watches(field: str, baseline: Sequence[Event], *, presence: bool = False) -> dict[str, Watch]:
    """Our monitor and the peers."""
    monitor = SilentDriftMonitor(Profile.of(baseline))

    def ours(event: Event) -> bool:
        found = bool(monitor.observe([event]))
        if found:
            monitor.reset()  # a raised question stays silent until then, and the others count every alarm too
        return found

    return {"ours": ours, **peers(field, baseline, presence=presence)}


def stream(seed: int, after: int) -> tuple[list[Event], list[Event]]:
    """A baseline and healthy events after it."""
    population = Population("payments", DOMAINS["payments"])
    rng, world = random.Random(seed), world_of(random.Random(seed))
    return population.events(rng, BASELINE, 1.7e9, world), population.events(rng, after, 1.7e9 + 50000, world)


def changed(events: Sequence[Event], field: str, change: Callable[[float], float | None]) -> Iterator[Event]:
    """The events with one field changed or gone."""
    for event in events:
        value = change(event[field])
        rest = {key: kept for key, kept in event.items() if key != field}
        yield rest if value is None else {**event, field: value}


def shown(delays: Sequence[int | None]) -> str:
    """The median delay, and on how many streams the change was seen at all."""
    ordered = sorted(AFTER + 1 if delay is None else delay for delay in delays)
    middle = ordered[len(ordered) // 2]
    found = sum(delay is not None for delay in delays)
    return f"{middle if middle <= AFTER else 'never':>6}  (seen in {found} of {len(delays)})"


async def measure() -> list[Figure]:
    """Figures of every detector on every change, and its alarms on healthy streams."""
    figures: list[Figure] = []
    for name, change in CHANGES.items():
        delays: dict[str, list[int | None]] = {}
        for seed in range(STREAMS):
            baseline, later = stream(seed, AFTER)
            events = list(changed(later, "amount", change))
            for who, see in watches("amount", baseline, presence=change(1.0) is None).items():
                delay = next((at for at, event in enumerate(events, 1) if see(event)), None)
                delays.setdefault(who, []).append(delay)
        figures.extend(Figure(f"median events until seen, {name}: {who}", shown(rows)) for who, rows in delays.items())
    alarms: dict[str, int] = {}
    for seed in range(100, 100 + HEALTHY_STREAMS):
        baseline, later = stream(seed, HEALTHY)
        for who, see in watches("amount", baseline).items():
            # An alarm that lasts counts once: from the first event at which it is raised until it falls.
            before = False
            for event in later:
                now = see(event)
                alarms[who] = alarms.get(who, 0) + (now and not before)
                before = now
    total = HEALTHY_STREAMS * HEALTHY
    figures.extend(Figure(f"false alarms in {total:,} healthy events: {who}", str(n)) for who, n in alarms.items())
    return figures
