"""The loop told in lines: each piece once, between the states that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from cta.v1.adapter_pb2 import Adapter
from cta.v1.canary_pb2 import VERDICT_FAIL, VERDICT_INCONCLUSIVE, VERDICT_PASS, Canary
from cta.v1.incident_pb2 import Incident, IncidentMark, IncidentState
from cta.v1.incident_service_pb2 import ApplyFixResponse
from cta.v1.report_pb2 import METHOD_SIGNATURE, Cause, Reading, Report
from cta_client.cli import telling
from cta_client.cli.exits import Exit
from cta_client.cli.following import LoopTeller, exit_of
from cta_client.cli.output import Output
from cta_client.demo.ledger import Ledger
from cta_client.demo.times import times_of

STATES = ("DETECTED", "ANALYZING", "PATCHED", "CANARY", "PROMOTED")
REPORT = Report(report_id="rep_1", cause=Cause(sentence="amount was renamed"), confidence=0.99, method=METHOD_SIGNATURE)
ADAPTER = Adapter(adapter_id="adp_1", words=["rename /amt to /amount"])
CANARY = Canary(canary_id="can_1", verdict=VERDICT_PASS, drifted_count=300, parity=True)


class Told(Output):
    """Keeps what is told."""

    def __init__(self) -> None:
        super().__init__(json=False)
        self.text: list[str] = []

    def lines(self, lines: Iterable[str]) -> None:
        """Keeps the lines."""
        self.text += lines


def incident(*states: str, question: str = "") -> Incident:
    """An incident that entered these states, a tenth of a second apart."""
    marks = []
    for number, state in enumerate(states):
        mark = IncidentMark(state=IncidentState.Value(f"INCIDENT_STATE_{state}"), actor="loop")
        mark.time.FromMilliseconds(1_000_000 + 100 * number)
        marks.append(mark)
    found = Incident(
        incident_id="inc_1", headline="payments break", state=marks[-1].state, marks=marks, question=question
    )
    found.create_time.FromMilliseconds(1_000_000)
    return found


def places(told: Told, *words: str) -> list[int]:
    """Line of each word; fails when one is told twice or never."""
    found = []
    for word in words:
        lines = [number for number, line in enumerate(told.text) if word in line]
        assert len(lines) == 1, (word, told.text)
        found.append(lines[0])
    return found


def test_each_piece_stands_between_its_states() -> None:
    """Cause comes after the analysis, the fix before the canary, the verdict before the promotion."""
    told = Told()
    LoopTeller(told).tell(ApplyFixResponse(incident=incident(*STATES), report=REPORT, adapter=ADAPTER, canary=CANARY))
    order = places(
        told,
        "payments break",
        "ANALYZING",
        "amount was renamed",
        "PATCHED",
        "rename /amt",
        "◆ CANARY",
        "PASS",
        "PROMOTED",
    )
    assert order == sorted(order)


def test_what_comes_bit_by_bit_is_told_once() -> None:
    """However the messages are cut, every line is told once and in the same order."""
    whole, bits = Told(), Told()
    LoopTeller(whole).tell(ApplyFixResponse(incident=incident(*STATES), report=REPORT, adapter=ADAPTER, canary=CANARY))
    teller = LoopTeller(bits)
    for length in range(1, len(STATES) + 1):
        phase = ApplyFixResponse(incident=incident(*STATES[:length]))
        if length >= 3:
            phase.report.CopyFrom(REPORT)
            phase.adapter.CopyFrom(ADAPTER)
        if length >= 4:
            phase.canary.CopyFrom(CANARY)
        teller.tell(phase)
        teller.tell(phase)
    assert bits.text == whole.text


def test_a_refused_fix_tells_why_and_asks() -> None:
    """A failed canary shows its reasons, and the question to the person."""
    told = Told()
    canary = Canary(
        canary_id="can_1", verdict=VERDICT_FAIL, reasons=["the unit is off"], drifted_count=9, failed_count=9
    )
    refused = incident("DETECTED", "ANALYZING", "PATCHED", "CANARY", "ROLLED_BACK", question="What now?")
    LoopTeller(told).tell(ApplyFixResponse(incident=refused, report=REPORT, adapter=ADAPTER, canary=canary))
    order = places(told, "FAIL", "the unit is off", "ROLLED BACK", "What now?")
    assert order == sorted(order)
    assert exit_of(refused) is Exit.NOT_PROVED


def test_what_a_canary_needs_is_told_where_it_helps() -> None:
    """With the failures that raise the number, and not for a fix that no number of events would pass."""
    few = Canary(verdict=VERDICT_INCONCLUSIVE, needed_count=6323, failed_count=50)
    assert telling.needs(few) == "6,323 drifted events to pass, with 50 failed"
    assert telling.needs(Canary(verdict=VERDICT_FAIL, needed_count=6323, failed_count=50)) == ""
    assert telling.needs(Canary(needed_count=299)) == "299 drifted events to pass"


def test_an_escalation_offers_its_readings_by_number() -> None:
    """Where the events can be read in several ways, a person sees how to choose one."""
    report = Report(report_id="rep_1", question="Which?", readings=[Reading(label="cents"), Reading(label="a new tax")])
    told = Told()
    escalated = incident("DETECTED", "ANALYZING", "ESCALATED", question="Which?")
    LoopTeller(told).tell(ApplyFixResponse(incident=escalated, report=report))
    assert places(told, "1.      cents", "2.      a new tax", "--reading N")
    assert exit_of(escalated) is Exit.PERSON


def test_exit_codes_say_who_acts_next() -> None:
    """A promoted incident needs nobody; a waiting one needs a person."""
    assert exit_of(incident(*STATES)) is Exit.DONE
    assert exit_of(incident("DETECTED", "AWAITING_APPROVAL")) is Exit.PERSON


def test_a_change_shows_only_what_differs() -> None:
    """Fields that stay are counted, not listed; added, changed and removed ones have their signs."""
    lines = list(
        telling.change_lines('{"a": 1, "b": {"c": "x"}, "d~/": [1]}', '{"a": 1.0, "b": {"e": "x"}, "d~/": [1]}', 80)
    )
    assert lines == [
        "  - /a: 1",
        "  + /a: 1.0",
        '  - /b/c: "x"',
        '  + /b/e: "x"',
        "    1 other fields stay as they are",
    ]


def test_a_change_of_text_that_is_no_json_is_shown() -> None:
    """A broken event before and a healed one after are both shown."""
    assert list(telling.change_lines("not json", '{"a": 1}', 80)) == ["  - : not json", "  + /a: 1"]


def test_deep_nesting_is_told_without_end() -> None:
    """A deep event does not stop the telling."""
    deep = '{"a":' * 900 + "1" + "}" * 900
    assert list(telling.change_lines(deep, deep, 80)) == ["  (nothing differs)"]


def test_books_balance_only_when_every_event_is_somewhere() -> None:
    """One event lost, or one delivered twice, and the books do not balance."""
    right = Ledger(sent=10, healthy=4, healed=2, delivered=3, repeated=0, held=1)
    assert right.balanced
    assert next(iter(right.lines())) == "events in 10 = healthy 4 + healed 5 + still quarantined 1"
    assert not Ledger(sent=10, healthy=4, healed=2, delivered=2, repeated=0, held=1).balanced
    assert not Ledger(sent=10, healthy=4, healed=2, delivered=3, repeated=1, held=1).balanced


def test_times_add_up() -> None:
    """The phases' times add up to the whole, and the canary's wait is told apart from its replay."""
    canary = Canary()
    canary.duration.FromMilliseconds(30)
    times = times_of(incident(*STATES), canary)
    assert round(times.gather + times.analyse + times.wait + times.replay, 6) == round(times.total, 6) == 0.4
    assert times.replay == 0.03
