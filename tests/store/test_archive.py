"""The archive's contract: recent events in blocks, runs, reports, canaries and signatures."""

from __future__ import annotations

import array
import math
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cta_core.adapter.program import Program
from cta_core.adapter.steps import Rename
from cta_core.canary import Canary, CanaryFailure
from cta_core.diagnosis.report import Cause, Decision, Evidence, Reading, Report, Severity
from cta_core.memory import SignatureRecord
from cta_core.run import Run, TraceEvent, TraceKind
from cta_core.signature import likeness
from cta_core.stream import CanaryPolicy
from cta_core.verdict import Tally, judge
from cta_server.runtime.ports import Archive, StoredReport
from cta_server.store import open_archive
from helpers.stores import recorded

PROGRAM = Program(steps=(Rename(source="/amt", target="/amount"),))


def names(archive: Archive, stream_id: str = "orders", **filters: Any) -> list[str]:
    """Ids of recent events."""
    return [event.event_id for event in archive.recent_events(stream_id, **filters)]


def report(report_id: str, *, stream_id: str = "orders", incident_id: str = "inc_1") -> StoredReport:
    """A report."""
    return StoredReport(
        report_id=report_id,
        stream_id=stream_id,
        incident_id=incident_id,
        create_time=1.0,
        duration_ms=2.0,
        report=Report(decision=Decision.HEAL),
    )


def signature(signature_id: str, **more: Any) -> SignatureRecord:
    """A signature."""
    return SignatureRecord(
        signature_id=signature_id, **{"fingerprint": "f", "stream_id": "orders", "program": PROGRAM, **more}
    )


# --- events -----------------------------------------------------------------------------------------------------------


def test_a_recent_event_comes_back_as_it_was_recorded(archive: Archive) -> None:
    """Every field survives the block, and the archive gives positions from 1."""
    event = recorded(
        "e1",
        kind="HEALED",
        output=b"\x00\xff",
        adapter_id="adp_1",
        reason="CONTRACT",
        message="missing \u2713",
        time=2.5,
    )
    archive.append_events("orders", [event])
    assert archive.recent_events("orders") == [replace(event, position=1)]
    assert archive.recent_events("refunds") == []


def test_recent_events_are_read_newest_first_across_blocks(archive: Archive) -> None:
    """However many events came in one call or in several, they are read back from the newest to the oldest."""
    archive.append_events("orders", [recorded(f"e{number}") for number in range(1100)])
    archive.append_events("refunds", [recorded("other", stream_id="refunds")])
    archive.append_events("orders", [recorded(f"e{number}") for number in range(1100, 1103)])
    archive.append_events("orders", [])
    assert names(archive, limit=5000) == [f"e{number}" for number in reversed(range(1103))]
    assert names(archive, limit=4) == ["e1102", "e1101", "e1100", "e1099"]
    assert names(archive, limit=0) == []


def test_recent_events_are_walked_in_pages(archive: Archive) -> None:
    """Reading on before the last seen position shows each event once."""
    archive.append_events("orders", [recorded(f"e{number}") for number in range(700)])
    seen: list[str] = []
    before = 0
    while page := archive.recent_events("orders", before=before, limit=300):
        seen += [event.event_id for event in page]
        before = page[-1].position
        if before == 1:
            break
    assert seen == [f"e{number}" for number in reversed(range(700))]


def test_recent_events_are_read_by_kind(archive: Archive) -> None:
    """Only the kinds asked for are read, and the limit counts those."""
    for block in range(4):
        kinds = ["HEALTHY"] * 10 if block % 2 else ["HEALED", "QUARANTINED", "HEALTHY"]
        archive.append_events("orders", [recorded(f"{block}-{i}", kind=kind) for i, kind in enumerate(kinds)])
    assert names(archive, kinds=("HEALED", "QUARANTINED")) == ["2-1", "2-0", "0-1", "0-0"]
    assert names(archive, kinds=("HEALED",), limit=1) == ["2-0"]
    assert names(archive, kinds=("QUARANTINED",), before=15) == ["0-1"]
    assert names(archive, kinds=("HEAL",)) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.integers(0, 2000))
def test_trimming_keeps_the_newest(tmp_path_factory: pytest.TempPathFactory, parts: list[int], keep: int) -> None:
    """After trimming, the newest `keep` events are there, and less than a block more; positions go on from there."""
    archive = open_archive(tmp_path_factory.mktemp("archive") / "archive.db")
    try:
        total = 0
        for part in parts:
            archive.append_events("orders", [recorded(f"e{number}") for number in range(total, total + part)])
            total += part
        archive.trim_events("orders", keep=keep)
        left = archive.recent_events("orders", limit=10_000)
        assert [event.position for event in left] == list(range(total, total - len(left), -1))
        assert min(total, keep) <= len(left) <= min(total, keep + 500)
        archive.append_events("orders", [recorded("next")])
        assert archive.recent_events("orders", limit=1)[0].position == total + 1
    finally:
        archive.close()


def test_trimming_leaves_other_streams(archive: Archive) -> None:
    """Only the named stream is trimmed."""
    for name in ("orders", "refunds"):
        for block in range(3):
            archive.append_events(name, [recorded(f"{name}-{block}", stream_id=name)])
    archive.trim_events("orders", keep=1)
    archive.trim_events("payments", keep=1)
    assert names(archive) == ["orders-2"]
    assert len(names(archive, "refunds")) == 3


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_with_its_trace(archive: Archive) -> None:
    """Every field of a run and of its trace survives the store; lists leave the trace out."""
    run = Run(
        run_id="run_1",
        stream_id="orders",
        create_time=1.0,
        event_count=2,
        failed_count=1,
        rerun_of="run_0",
        request_id="r1",
        trace=(
            TraceEvent(kind=TraceKind.STEP, stage="parse", output_json='{"a":1}'),
            TraceEvent(kind=TraceKind.ERROR, stage="charge", error_type="KeyError", message="'amount'"),
        ),
    )
    assert archive.put_run(run) == run
    assert archive.get_run("run_1") == run
    assert archive.list_runs() == [replace(run, trace=())]
    assert archive.get_run("run_2") is None


def test_a_run_is_recorded_once(archive: Archive) -> None:
    """A repeated request, or a repeated id, returns the run that is there; another stream's request is another."""
    first = archive.put_run(Run(run_id="run_1", stream_id="orders", request_id="r1", event_count=1))
    assert archive.put_run(Run(run_id="run_2", stream_id="orders", request_id="r1", event_count=2)) == first
    assert archive.put_run(Run(run_id="run_1", stream_id="orders", event_count=3)) == first
    assert archive.put_run(Run(run_id="run_3", stream_id="refunds", request_id="r1")).run_id == "run_3"
    assert archive.put_run(Run(run_id="run_4", stream_id="orders")).run_id == "run_4"
    assert archive.put_run(Run(run_id="run_5", stream_id="orders")).run_id == "run_5"
    assert [run.run_id for run in archive.list_runs()] == ["run_5", "run_4", "run_3", "run_1"]


def test_runs_are_listed_newest_first(archive: Archive) -> None:
    """Stream, failure and page narrow the list."""
    for number in range(6):
        archive.put_run(Run(run_id=f"run_{number}", stream_id="ab"[number % 2], failed_count=number // 4))
    assert [run.run_id for run in archive.list_runs(stream_id="b", limit=2)] == ["run_5", "run_3"]
    assert [run.run_id for run in archive.list_runs(before="run_2")] == ["run_1", "run_0"]
    assert [run.run_id for run in archive.list_runs(failed_only=True)] == ["run_5", "run_4"]
    assert [run.run_id for run in archive.list_runs(stream_id="a", failed_only=True)] == ["run_4"]


# --- reports and canaries ---------------------------------------------------------------------------------------------


def test_a_report_comes_back_as_it_was_put(archive: Archive) -> None:
    """A report with all its parts survives the store, programs included."""
    stored = replace(
        report("rep_1"),
        report=Report(
            decision=Decision.ESCALATE,
            severity=Severity.BREAK,
            cause=Cause(path="/amount", kind="rename", sentence="amount is called amt"),
            evidence=(Evidence(evidence_id="E1", kind="name", path="/amount", text="alike", weight=2.5),),
            program=PROGRAM,
            readings=(Reading(label="a", program=PROGRAM, confidence=0.5), Reading(label="b", program=Program())),
            whys=("one", "two"),
        ),
    )
    archive.put_report(stored)
    archive.put_report(stored)
    assert archive.get_report("rep_1") == stored
    assert archive.list_reports() == [stored]
    assert archive.get_report("rep_2") is None


def test_reports_are_listed_newest_first(archive: Archive) -> None:
    """Stream, incident and page narrow the list."""
    for number in range(4):
        archive.put_report(report(f"rep_{number}", stream_id="ab"[number % 2], incident_id=f"inc_{number // 2}"))
    assert [one.report_id for one in archive.list_reports(limit=3)] == ["rep_3", "rep_2", "rep_1"]
    assert [one.report_id for one in archive.list_reports(before="rep_1")] == ["rep_0"]
    assert [one.report_id for one in archive.list_reports(incident_id="inc_1")] == ["rep_3", "rep_2"]
    assert [one.report_id for one in archive.list_reports(stream_id="b", incident_id="inc_0")] == ["rep_1"]


def test_a_canary_is_replaced_as_it_goes_on(archive: Archive) -> None:
    """The last state of a canary counts, with its judgement and every number."""
    running = Canary(canary_id="can_1", stream_id="orders", adapter_id="adp_1", tally=Tally(drifted=1))
    archive.put_canary(running)
    assert archive.get_canary("can_1") == running
    tally = Tally(drifted=400, failed=1, latencies_ms=(0.1, 0.2), parity_text="same")
    ended = replace(
        running,
        tally=tally,
        judgement=judge(tally, CanaryPolicy()),
        failures=(CanaryFailure(stage="gate", message="refused", count=1),),
    )
    archive.put_canary(ended)
    assert archive.get_canary("can_1") == ended
    assert archive.list_canaries() == [ended]


def test_a_canary_without_events_comes_back(archive: Archive) -> None:
    """The judgement on nothing has only numbers that survive the store."""
    empty = Canary(canary_id="can_1", stream_id="orders", adapter_id="adp_1", judgement=judge(Tally(), CanaryPolicy()))
    archive.put_canary(empty)
    assert archive.get_canary("can_1") == empty


def test_canaries_are_listed_newest_first(archive: Archive) -> None:
    """Stream, adapter and page narrow the list."""
    for number in range(4):
        archive.put_canary(
            Canary(canary_id=f"can_{number}", stream_id="ab"[number % 2], adapter_id=f"adp_{number // 2}")
        )
    assert [one.canary_id for one in archive.list_canaries(limit=2)] == ["can_3", "can_2"]
    assert [one.canary_id for one in archive.list_canaries(before="can_2", stream_id="a")] == ["can_0"]
    assert [one.canary_id for one in archive.list_canaries(adapter_id="adp_1")] == ["can_3", "can_2"]


# --- signatures -------------------------------------------------------------------------------------------------------


def test_a_signature_comes_back_at_its_next_revision(archive: Archive) -> None:
    """Every field survives the store; each put takes the archive's next revision."""
    put = archive.put_signature(
        signature("sig_1", embedding=(0.25, -0.5), hits=2, headline="renamed", refused_why="no")
    )
    assert put.revision == 1
    assert archive.get_signature("sig_1") == put
    again = archive.put_signature(replace(put, hits=3))
    assert again.revision == 2
    assert archive.get_signature("sig_1") == again
    assert archive.list_signatures() == [again]


def test_signatures_are_found_by_fingerprint_most_confirmed_first(archive: Archive) -> None:
    """Only signatures of exactly that fingerprint that are not retired are found."""
    archive.put_signature(signature("sig_1", confirmed=1))
    archive.put_signature(signature("sig_2", confirmed=3))
    archive.put_signature(signature("sig_3", confirmed=9, retired=True))
    archive.put_signature(signature("sig_4", confirmed=9, fingerprint="ff"))
    archive.put_signature(signature("sig_5", confirmed=1))
    assert [one.signature_id for one in archive.find_signatures("f")] == ["sig_2", "sig_5", "sig_1"]
    assert archive.find_signatures("g") == []
    assert archive.count_signatures() == 4


def test_signatures_are_listed_newest_first_and_forgotten(archive: Archive) -> None:
    """Stream and page narrow the list; a forgotten one is gone, and forgetting it again says so."""
    for number in range(4):
        archive.put_signature(signature(f"sig_{number}", stream_id="ab"[number % 2]))
    assert [one.signature_id for one in archive.list_signatures(limit=2)] == ["sig_3", "sig_2"]
    assert [one.signature_id for one in archive.list_signatures(before="sig_2", stream_id="a")] == ["sig_0"]
    assert archive.delete_signature("sig_0")
    assert not archive.delete_signature("sig_0")
    assert archive.get_signature("sig_0") is None


def test_signatures_outlive_their_stream(archive: Archive) -> None:
    """Events, runs, reports and canaries go with their stream, those of others and the signatures stay."""
    for name in ("orders", "refunds"):
        archive.append_events(name, [recorded("e1", stream_id=name)])
        archive.put_run(Run(run_id=f"run_{name}", stream_id=name))
        archive.put_report(report(f"rep_{name}", stream_id=name))
        archive.put_canary(Canary(canary_id=f"can_{name}", stream_id=name, adapter_id="adp"))
        archive.put_signature(signature(f"sig_{name}", stream_id=name))
    archive.delete_stream("orders")
    assert names(archive) == []
    assert names(archive, "refunds") == ["e1"]
    assert [run.run_id for run in archive.list_runs()] == ["run_refunds"]
    assert [one.report_id for one in archive.list_reports()] == ["rep_refunds"]
    assert [one.canary_id for one in archive.list_canaries()] == ["can_refunds"]
    assert [one.signature_id for one in archive.list_signatures()] == ["sig_refunds", "sig_orders"]


def test_like_signatures_are_found_most_alike_first(archive: Archive) -> None:
    """The cosine orders them, not their length; retired, deleted and empty ones are left out."""
    archive.put_signature(signature("sig_1", embedding=(1.0, 0.0)))
    archive.put_signature(signature("sig_2", embedding=(3.0, 4.0)))
    archive.put_signature(signature("sig_3", embedding=(0.0, 1.0)))
    archive.put_signature(signature("sig_4", embedding=(1.0, 0.0), retired=True))
    archive.put_signature(signature("sig_5"))
    archive.put_signature(signature("sig_6", embedding=(1.0, 0.0)))
    found = archive.similar_signatures((2.0, 0.0), limit=3)
    assert [one.signature.signature_id for one in found] == ["sig_6", "sig_1", "sig_2"]
    assert [round(one.likeness, 6) for one in found] == [1.0, 1.0, 0.6]
    assert found[2].signature.embedding == (3.0, 4.0)
    archive.delete_signature("sig_6")
    archive.put_signature(replace(signature("sig_1", embedding=(1.0, 0.0)), retired=True))
    archive.put_signature(signature("sig_3", embedding=(2.0, 0.0)))
    found = archive.similar_signatures((1.0, 0.0), limit=9)
    assert [one.signature.signature_id for one in found] == ["sig_3", "sig_2"]
    assert archive.similar_signatures((), limit=3) == []
    assert archive.similar_signatures((1.0, 0.0), limit=0) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_most_alike_of_many_are_those_of_an_exact_comparison(archive: Archive, seed: int) -> None:
    """Whatever was counted, retired, deleted or given another look, and however many look the same."""
    chance = random.Random(seed)
    wanted = unit(chance.gauss(0.0, 1.0) for _ in range(16))
    shared = unit(each + chance.gauss(0.0, 0.05) for each in wanted)

    def some() -> tuple[float, ...]:
        if chance.random() < 0.3:
            return shared
        return unit(each + chance.gauss(0.0, chance.choice((0.01, 0.1, 1.0))) for each in wanted)

    kept: dict[str, tuple[float, ...]] = {}
    for number in range(90):
        name = f"sig_{chance.randrange(60):02d}"
        done = chance.random()
        if done < 0.1 and name in kept:
            archive.delete_signature(name)
            del kept[name]
            continue
        retired = done > 0.85
        look = kept[name] if name in kept and done < 0.6 else some()
        if number % 30 == 29:
            look = chance.choice(((), (0.0,) * 16, look[:8]))
        archive.put_signature(signature(name, embedding=look, retired=retired))
        kept[name] = () if retired else look
    there = {name: look for name, look in kept.items() if len(look) == len(wanted) and any(look)}
    exact = sorted(((likeness(look, wanted), name) for name, look in there.items()), reverse=True)
    for limit in (1, 3, 12, 100):
        found = [one.signature.signature_id for one in archive.similar_signatures(wanted, limit=limit)]
        assert len(found) == len(set(found)) == min(limit, len(exact))
        bound = exact[len(found) - 1][0]
        assert [likeness(there[name], wanted) for name in found] == pytest.approx([each for each, _ in exact[:limit]])
        clear = [name for each, name in exact if each > bound + 1e-6]
        assert set(clear) <= set(found)


def unit(numbers: Iterable[float]) -> tuple[float, ...]:
    """A unit vector in single precision, as it is kept."""
    given = list(numbers)
    length = math.sqrt(sum(number * number for number in given))
    return tuple(array.array("f", [number / length for number in given]))
