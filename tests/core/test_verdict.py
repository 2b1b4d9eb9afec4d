"""The canary's statistics: exact bounds, and a verdict that never claims more than its events carry."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from cta_core.stream import CanaryPolicy
from cta_core.verdict import Tally, Verdict, judge, lower_bound, needed_events, percentile, upper_bound


@pytest.mark.parametrize(
    ("claim", "failed", "needed"),
    [(0.05, 0, 59), (0.02, 0, 149), (0.01, 0, 299), (0.01, 1, 473), (0.01, 2, 628), (0.01, 3, 773), (0.005, 0, 598)],
)
def test_needed_events_are_the_exact_ones(claim: float, failed: int, needed: int) -> None:
    """The least sample for a claim is the one of the exact binomial bound."""
    assert needed_events(failed, claim, 0.95) == needed


@given(st.integers(1, 2000), st.data())
def test_upper_bound_is_clopper_pearson(total: int, data: st.DataObject) -> None:
    """The upper bound agrees with the beta quantile that defines it."""
    failed = data.draw(st.integers(0, total))
    expected = 1.0 if failed == total else float(beta.ppf(0.95, failed + 1, total - failed))
    assert math.isclose(upper_bound(failed, total, 0.95), expected, rel_tol=1e-6, abs_tol=1e-9)


@given(st.integers(1, 500), st.data())
def test_bounds_enclose_the_rate(total: int, data: st.DataObject) -> None:
    """The observed rate lies between both bounds."""
    failed = data.draw(st.integers(0, total))
    assert lower_bound(failed, total, 0.95) <= failed / total <= upper_bound(failed, total, 0.95)


def test_impossible_counts_are_refused() -> None:
    """More failures than events are no count."""
    with pytest.raises(ValueError, match="no count"):
        upper_bound(3, 2, 0.95)


def test_the_smallest_sample_passes_and_one_less_does_not() -> None:
    """299 clean events carry the claim of 1 %; 298 do not, and nothing refutes it either."""
    policy = CanaryPolicy()
    assert policy.smallest_sample() == 299
    assert judge(Tally(drifted=299), policy).verdict is Verdict.PASS
    short = judge(Tally(drifted=298), policy)
    assert short.verdict is Verdict.INCONCLUSIVE
    assert short.needed == 299


@given(st.integers(0, 3000), st.integers(0, 200), st.integers(0, 5), st.booleans(), st.floats(0, 1000))
def test_pass_implies_every_claim(drifted: int, failed: int, harmed: int, parity: bool, latency: float) -> None:
    """Whatever the counts, PASS means: bound within the limit, nothing harmed, parity, and p95 within its limit."""
    failed = min(failed, drifted)
    policy = CanaryPolicy()
    tally = Tally(
        drifted=drifted, failed=failed, healthy=100, harmed=harmed, parity_ok=parity, latencies_ms=(latency,) * 20
    )
    judgement = judge(tally, policy)
    claims = (
        upper_bound(failed, drifted, policy.sureness) <= policy.max_error_rate
        and harmed == 0
        and parity
        and latency <= policy.max_p95_ms
    )
    assert (judgement.verdict is Verdict.PASS) == claims
    assert judgement.reasons


@pytest.mark.parametrize(
    "tally",
    [
        Tally(drifted=400, failed=20),
        Tally(drifted=400, healthy=100, harmed=1),
        Tally(drifted=400, parity_ok=False, parity_text="/amount is 100 times larger"),
        Tally(drifted=400, latencies_ms=(600.0,) * 400),
        Tally(drifted=10, failed=10),
    ],
)
def test_a_refuted_claim_fails_however_many_events_there_are(tally: Tally) -> None:
    """One refuted claim is enough, also on a small sample."""
    assert judge(tally, CanaryPolicy()).verdict is Verdict.FAIL


def test_no_drifted_events_never_pass() -> None:
    """A canary that replayed nothing the adapter is for proves nothing."""
    assert judge(Tally(drifted=0, healthy=500), CanaryPolicy()).verdict is Verdict.INCONCLUSIVE


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.floats(0.01, 1))
def test_percentile_covers_its_share(values: list[float], share: float) -> None:
    """At least the asked share of values does not exceed the percentile; the next smaller value covers less."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < max(share * len(values), 1)
