"""The e-detector: evidence for "this share has risen", updated after every event, with a bound on false alarms.

A Shiryaev-Roberts sum of likelihood ratios over a few alternatives. Under the healthy rate the sum grows by one per
event on
average, so an alarm at 1 / alpha comes no sooner than every 1 / alpha events on average, whenever one looks.
"""

from __future__ import annotations

import math

from cta_core.verdict import upper_bound

ALTERNATIVES = (0.02, 0.1, 0.3, 0.6, 0.95)
"""Shares of changed events that a detector is tuned to: from a canary of the producer to all of its traffic."""

SURENESS = 0.999
"""The healthy rate is taken at this upper confidence bound, so that a small baseline makes a slow detector, not a
nervous one."""


class EDetector:
    """Watches one yes-or-no question about events."""

    __slots__ = ("_down", "_gains", "_runs", "_sums", "_up", "threshold")

    def __init__(self, strange: int, total: int, alpha: float) -> None:
        """`strange` of `total` healthy events answered yes; `alpha` is one over the events between false alarms."""
        rate = min(0.9, upper_bound(strange, total, SURENESS))
        shares = [rate + share * (1 - rate) for share in ALTERNATIVES]
        self._up = tuple(share / rate for share in shares)
        self._down = tuple((1 - share) / (1 - rate) for share in shares)
        self._sums = [0.0] * len(shares)
        self._gains = [1.0] * len(shares)
        self._runs = [0] * len(shares)
        self.threshold = 1 / alpha

    def see(self, *, strange: bool) -> bool:
        """Takes one answer; true when the evidence is enough for an alarm."""
        ratios = self._up if strange else self._down
        total = 0.0
        for index, ratio in enumerate(ratios):
            value = min(1e300, (1 + self._sums[index]) * ratio)
            self._sums[index] = value
            total += value
            # Page's sum beside it: where it last was nothing the change most likely began.
            gain = self._gains[index] * ratio
            if gain > 1.0:
                self._gains[index] = min(1e300, gain)
                self._runs[index] += 1
            else:
                self._gains[index] = 1.0
                self._runs[index] = 0
        return total / len(ratios) >= self.threshold

    @property
    def evidence(self) -> float:
        """Log of the mixture's sum: how close the alarm is."""
        return math.log(sum(self._sums) / len(self._sums) + 1e-300)

    @property
    def run(self) -> int:
        """Events since the change most likely began, under the alternative that has most evidence."""
        return self._runs[max(range(len(self._sums)), key=self._sums.__getitem__)]

    def reset(self) -> None:
        """Forgets all evidence."""
        self._sums = [0.0] * len(self._sums)
        self._gains = [1.0] * len(self._gains)
        self._runs = [0] * len(self._runs)
