"""The canary's statistics: from counts, latencies and value checks to a verdict that says how sure it is.

Pure: the runtime replays the events and brings the numbers. PASS claims that the error rate on drifted events is below
the policy's limit at the policy's sureness (exact Clopper-Pearson bound; Wilson would accept 268 events where 299 are
needed), that p95 is below its limit, that no recorded healthy event got worse, and that healed values belong to the
healthy profile. Too few events give INCONCLUSIVE, which never promotes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from cta_core.stream import CanaryPolicy


class Verdict(StrEnum):
    """What a canary says of its adapter."""

    PASS = "PASS"  # noqa: S105 - a verdict
    """Every claim holds."""
    FAIL = "FAIL"
    """At least one claim is refuted."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """Nothing is refuted, but there are too few events for the claim."""
    ERROR = "ERROR"
    """The canary itself could not be carried out."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay counted."""

    drifted: int = 0
    """Recorded drifted events that were replayed and that the adapter is for."""
    failed: int = 0
    """Of those: refused by a step, by the contract or by a stage."""
    healthy: int = 0
    """Recorded healthy events that were replayed."""
    harmed: int = 0
    """Of those: changed or failed because of the adapter."""
    latencies_ms: tuple[float, ...] = ()
    """Time of each event through gate and stages."""
    parity_ok: bool = True
    """The healed values belong to the healthy profile."""
    parity_text: str = ""
    """What differs, or what was compared."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with the numbers that decided it."""

    verdict: Verdict
    error_rate: float = 0.0
    error_bound: float = 1.0
    """Upper bound of the error rate at the policy's sureness."""
    p95_ms: float = 0.0
    needed: int = 0
    """Drifted events that the claim needs with the failures seen."""
    reasons: tuple[str, ...] = ()
    """What decided the verdict, most important first."""


def upper_bound(failed: int, total: int, sureness: float) -> float:
    """One-sided exact (Clopper-Pearson) upper bound of a rate, by bisection on the binomial tail.

    Raises `ValueError` for counts that are not 0 <= failed <= total.
    """
    if not 0 <= failed <= total:
        raise ValueError(f"{failed} of {total} is no count")
    if total in (0, failed):
        return 1.0
    if failed == 0:
        return 1.0 - math.pow(1.0 - sureness, 1.0 / total)
    low, high = failed / total, 1.0
    for _ in range(60):  # 2**-60 is below the resolution of a double near 1
        middle = (low + high) / 2
        if _tail(failed, total, middle) > 1.0 - sureness:
            low = middle
        else:
            high = middle
    return high


def lower_bound(failed: int, total: int, sureness: float) -> float:
    """One-sided exact lower bound of a rate; the mirror of `upper_bound`."""
    return 1.0 - upper_bound(total - failed, total, sureness) if total else 0.0


def needed_events(failed: int, max_rate: float, sureness: float) -> int:
    """Least number of events at which `failed` failures still bound the rate below `max_rate`."""
    low, high = failed + 1, failed + 2
    while upper_bound(failed, high, sureness) > max_rate:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if upper_bound(failed, middle, sureness) <= max_rate:
            high = middle
        else:
            low = middle + 1
    return low


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0.0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def judge(tally: Tally, policy: CanaryPolicy) -> Judgement:
    """The verdict on a replay."""
    bound = upper_bound(tally.failed, tally.drifted, policy.sureness)
    rate = tally.failed / tally.drifted if tally.drifted else 0.0
    p95 = percentile(tally.latencies_ms, 0.95)
    refuted: list[str] = []
    if tally.harmed:
        refuted.append(f"{tally.harmed} of {tally.healthy} healthy events got worse")
    if not tally.parity_ok:
        refuted.append(tally.parity_text or "healed values do not belong to the healthy profile")
    if tally.drifted and lower_bound(tally.failed, tally.drifted, policy.sureness) > policy.max_error_rate:
        refuted.append(
            f"error rate {rate:.2%} ({tally.failed} of {tally.drifted}) is above {policy.max_error_rate:.2%}"
        )
    if p95 > policy.max_p95_ms:
        refuted.append(f"p95 {p95:.1f} ms is above {policy.max_p95_ms:.0f} ms")
    needed = max(needed_events(tally.failed, policy.max_error_rate, policy.sureness), policy.min_events)
    if refuted:
        verdict, reasons = Verdict.FAIL, refuted
    elif tally.drifted < needed:
        verdict = Verdict.INCONCLUSIVE
        seen = f"{tally.drifted} drifted events with {tally.failed} failed bound the error rate at {bound:.2%}"
        reasons = [f"{seen}; {needed} are needed for {policy.max_error_rate:.2%}"]
    else:
        verdict = Verdict.PASS
        reasons = [f"error rate {rate:.2%}, at most {bound:.2%} (sureness {policy.sureness:.0%}); p95 {p95:.1f} ms"]
        if tally.parity_text:
            reasons.append(tally.parity_text)
    return Judgement(
        verdict=verdict, error_rate=rate, error_bound=bound, p95_ms=p95, needed=needed, reasons=tuple(reasons)
    )


def _tail(failed: int, total: int, rate: float) -> float:
    """P(at most `failed` failures in `total` events), summed in logarithms so that it does not underflow."""
    if rate >= 1.0:
        return 0.0
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    whole = math.lgamma(total + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(total - k + 1) + k * log_rate + (total - k) * log_rest)
        for k in range(failed + 1)
    )
