"""A consumer that somebody wrote, made self-healing by an import and two lines, amid kills, cuts and drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.chaos import drifted, faults_of, is_refused, round_of_chaos, self_healing

BARE = Path(__file__).resolve().parents[1] / "helpers" / "bare_consumer.py"


@pytest.mark.timeout(90)
async def test_no_event_is_lost_and_none_is_handled_twice(tmp_path: Path) -> None:
    """The consumer is killed, restarted and cut off at random, and its server is killed, while drift comes and goes in
    two ways: in the end every event is booked exactly once with its right amount, or waits in the quarantine.
    """
    outcome = await round_of_chaos(tmp_path, seed=20)
    assert faults_of(outcome) == []
    assert outcome.held
    assert all(is_refused(key) for key in outcome.held)
    assert outcome.healed > 200
    assert outcome.kills


def test_the_consumer_gains_an_import_and_two_lines() -> None:
    """Nothing else of the consumer is touched, and what it was before knows nothing of a guard."""
    bare = BARE.read_text("utf-8")
    healing = self_healing(bare, "127.0.0.1:1").splitlines()
    assert "cta_client" not in bare
    assert [line for line in healing if line not in bare.splitlines()] == [
        "from cta_client import guards",
        'cta = guards("127.0.0.1:1")',
        '@cta.guard("ledger", event_id=lambda payment: payment["id"])',
    ]
    assert len(healing) == len(bare.splitlines()) + 3


def test_the_consumers_file_drifts() -> None:
    """The scenario has two spells of drift, each under a name of its own."""
    names = [next(key for key in drifted(number) if key in ("amount", "amt", "amount_value")) for number in range(560)]
    assert (names.count("amt"), names.count("amount_value")) == (140, 140)
    assert names[0] == names[300] == names[-1] == "amount"
