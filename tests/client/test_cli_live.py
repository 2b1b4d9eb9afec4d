"""The command line against a real server: every group of verbs does what its help says."""

from __future__ import annotations

import getpass
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cta_client.cli.exits import Exit
from cta_client.cli.root import cta
from helpers import shop
from helpers.receiver import Answer, Receiver
from helpers.server import live_server

Run = Callable[..., Result]

QUICK = ("--set", "bake=0.5", "--set", "canary.wait=5")
"""A policy for tests: bakes and waits are short."""


def document(told: Result) -> dict[str, Any]:
    """What a verb printed with -o json."""
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def rows(told: Result) -> list[dict[str, Any]]:
    """What a streaming verb printed with -o json."""
    return [json.loads(line) for line in told.stdout.splitlines()]


def learned(run: Run, folder: Path, stream: str, *settings: str) -> None:
    """A stream that knows healthy orders."""
    run("streams", "create", stream, *QUICK, *settings)
    run("streams", "learn", stream, str(shop.write(folder / "healthy.jsonl", shop.orders(300))))


def eventually(look: Callable[[], Any]) -> Any:
    """What a look finds, once it finds something: the loop works beside the caller."""
    deadline = time.monotonic() + 15
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def incident_of(run: Run, stream: str, *states: str) -> dict[str, Any]:
    """The stream's newest incident, once it is in one of the states."""

    def newest() -> dict[str, Any] | None:
        found = document(run("incidents", "list", "--stream", stream, "-o", "json"))["incidents"]
        return found[0] if found and found[0]["state"].removeprefix("INCIDENT_STATE_") in states else None

    incident: dict[str, Any] = eventually(newest)
    return incident


def test_a_stream_lives_its_life(run: Run, tmp_path: Path) -> None:
    """A stream is created, shown, changed and deleted, and each answer says what is."""
    run("streams", "create", "life", "--description", "orders", "--set", "autonomy=APPROVE")
    shown = run("streams", "show", "life").stdout
    assert "APPROVE" in shown
    assert "orders" in shown
    revision = document(run("streams", "show", "life", "-o", "json"))["stream"]["revision"]
    run("streams", "update", "life", "--set", "bake=7", "--expected", revision)
    changed = document(run("streams", "show", "life", "-o", "json"))["stream"]
    assert changed["policy"]["bake"] == "7s"
    assert changed["description"] == "orders"
    assert "life" in run("streams", "list").stdout
    run("streams", "delete", "life", "--yes")
    assert "life" not in run("streams", "list").stdout


def test_a_masked_stream_shows_copies_and_itself_by_name_only(run: Run, tmp_path: Path) -> None:
    """Masks and ages are set and shown; held events are copies until somebody asks for them with a name."""
    contract = tmp_path / "card.json"
    contract.write_text('{"type":"object","properties":{"card":{"type":"string"}},"required":["card"]}')
    run("streams", "create", "cards", "--contract", str(contract), "--mask", "/card=hash", "--keep-events", "7d")
    shown = run("streams", "show", "cards").stdout
    assert "/card=hash" in shown
    assert "none older than 7 d" in shown
    held = tmp_path / "held.jsonl"
    held.write_text('{"cc":"4111111111111111"}\n')
    run("events", "process", "cards", str(held))
    masked = run("events", "quarantined", "--stream", "cards")
    assert "4111111111111111" not in masked.stdout
    assert "/card: is required and missing" in masked.stdout
    assert "--raw" in masked.stderr
    assert "4111111111111111" in run("events", "quarantined", "--stream", "cards", "--raw", "--actor", "ada").stdout
    told = document(run("system", "decisions", "--stream", "cards", "-o", "json"))["decisions"]
    assert [(each["action"], each["actor"]) for each in told] == [("see_held", "ada")]
    run("streams", "update", "cards", "--no-masks", "--keep-delivered", "1h")
    shown = run("streams", "show", "cards").stdout
    assert "/card" not in shown.partition("Contract")[0]
    assert "emptied after 1 h" in shown


def test_whoever_names_nobody_decides_by_the_user_name(run: Run, tmp_path: Path) -> None:
    """Every verb that is written to the log of decisions has the same default: the user, not nobody."""
    learned(run, tmp_path, "who")
    run("streams", "update", "who", "--set", "bake=7")
    run("events", "redrive", "who")
    run("streams", "delete", "who", "--yes")
    told = document(run("system", "decisions", "--stream", "who", "-o", "json"))["decisions"]
    assert {"learn_baseline", "update_stream", "delete_stream"} <= {each["action"] for each in told}
    assert {each["actor"] for each in told} == {getpass.getuser()}


def test_what_changed_meanwhile_is_refused(run: Run) -> None:
    """A verb with an old revision is answered with both revisions and what to do."""
    run("streams", "create", "stale")
    told = run("streams", "update", "stale", "--set", "bake=7", "--expected", "999999", code=Exit.REFUSED)
    assert "REVISION_MISMATCH" in told.stderr
    assert "expected=999999" in told.stderr


def test_an_unknown_stream_is_told_with_a_remedy(run: Run) -> None:
    """The error names the reason, the thing, and the next step."""
    told = run("streams", "show", "nowhere", code=Exit.REFUSED)
    assert "STREAM_NOT_FOUND" in told.stderr
    assert "nowhere" in told.stderr
    assert "cta streams list" in told.stderr


@pytest.mark.parametrize(
    "verb",
    [
        "incidents list",
        "events quarantined",
        "events deliveries",
        "runs list",
        "adapters list",
        "adapters workers",
        "reports list",
        "signatures list",
        "canary list",
        "system decisions",
    ],
)
def test_a_list_of_an_unknown_stream_is_no_empty_list(run: Run, verb: str) -> None:
    """An empty list of a stream that is not there says so: it must not read as if all were well."""
    told = run(*verb.split(), "--stream", "nowhere", code=Exit.REFUSED)
    assert "STREAM_NOT_FOUND" in told.stderr
    assert not told.stdout


def test_the_history_of_a_deleted_stream_is_still_listed(run: Run) -> None:
    """Of a stream that is gone what is left is shown."""
    run("streams", "create", "gone")
    run("streams", "delete", "gone", "--yes")
    assert "delete_stream" in run("system", "decisions", "--stream", "gone").stdout


def test_a_bad_line_of_a_baseline_is_told_by_file_and_line(run: Run, tmp_path: Path) -> None:
    """What cannot be learned is named as an editor finds it, in every call that a long file takes."""
    run("streams", "create", "bad-lines")
    file = tmp_path / "healthy.jsonl"
    file.write_text("\n" + '{"a":1}\n' * 600 + "{oops\n")
    told = run("streams", "learn", "bad-lines", str(file), code=Exit.REFUSED)
    assert f"{file}:602: " in told.stderr
    assert "events[" not in told.stderr


def test_refused_fields_are_told_one_by_one(run: Run) -> None:
    """Everything that is wrong with a request is told at once, by field."""
    told = run("streams", "create", "NOT AN ID", "--set", "min_confidence=7", "-o", "json", code=Exit.REFUSED)
    error = json.loads(told.stderr)["error"]
    assert error["reason"] == "FIELD_INVALID"
    assert len(error["fields"]) == 2
    assert all(found["field"] and found["message"] for found in error["fields"])


def test_healthy_lines_come_back_byte_for_byte(run: Run, tmp_path: Path) -> None:
    """What passes the gate unchanged is written as it was read, in order, and what is held is not."""
    learned(run, tmp_path, "bytes")
    healthy = [b'{"id":"o-1" ,"amount": 1.50,"currency":"EUR","country":"DE","items":1,"email":"a@shop.example"}']
    held = [b"not json", b'{"id": "\xff"}']
    file = tmp_path / "mixed.jsonl"
    file.write_bytes(b"\n".join([*held, *healthy, *healthy]))
    told = run("events", "process", "bytes", str(file), "--passed", "-")
    assert told.stdout_bytes == b"".join(line + b"\n" for line in [*healthy, *healthy])
    assert "4 events: 2 healthy, 0 healed, 2 quarantined" in told.stderr


def test_outcomes_keep_the_order_of_the_lines(run: Run, tmp_path: Path) -> None:
    """With -o json every line has its outcome, in order, over several calls."""
    learned(run, tmp_path, "order")
    events = [event | ({} if number % 3 else {"items": "many"}) for number, event in enumerate(shop.orders(1100))]
    file = shop.write(tmp_path / "events.jsonl", iter(events))
    told = run("events", "process", "order", str(file), "-o", "json", "--strict", code=Exit.HELD)
    kinds = [outcome["kind"].removeprefix("OUTCOME_KIND_") for outcome in rows(told)]
    assert kinds == ["HEALTHY" if number % 3 else "QUARANTINED" for number in range(1100)]
    assert rows(told)[0]["breaches"][0]["path"] == "/items"


def test_repeating_with_a_request_id_stores_nothing_twice(run: Run, tmp_path: Path) -> None:
    """The same file with the same id gives the same outcomes and holds each event once."""
    learned(run, tmp_path, "twice", "--set", "open_after=1000000")
    file = shop.write(tmp_path / "drifted.jsonl", shop.orders(600, seed=2), shop.renamed)
    for _repeat in range(2):
        run("events", "process", "twice", str(file), "--request-id", "file-1")
    held = document(run("events", "quarantined", "--stream", "twice", "--limit", "1", "-o", "json"))
    assert held["heldCount"] == "600"


def test_the_loop_is_seen_from_every_side(run: Run, tmp_path: Path) -> None:
    """A drift heals, and incident, report, adapter, canary, signature, events and decisions all tell of it."""
    learned(run, tmp_path, "loop")
    drifted = shop.write(tmp_path / "drifted.jsonl", shop.orders(400, seed=2), shop.renamed)
    told = run("events", "process", "loop", str(drifted))
    assert "QUARANTINED" in told.stdout
    incident = incident_of(run, "loop", "PROMOTED", "RESOLVED")
    shown = run("incidents", "show", incident["incidentId"]).stdout
    assert "PROMOTED" in shown
    assert "DETECTED" in shown

    report = run("reports", "show", incident["reportId"]).stdout
    assert "/amount" in report
    assert "HEAL" in report
    assert incident["reportId"] in run("reports", "list", "--incident", incident["incidentId"]).stdout

    adapter = incident["adapterId"]
    assert "/amt" in run("adapters", "show", adapter).stdout
    assert adapter in run("adapters", "list", "--stream", "loop", "--state", "active").stdout
    tried = run("adapters", "test", adapter, str(drifted), "--show", "1")
    assert "- /amt" in tried.stdout
    assert "+ /amount" in tried.stdout
    assert "400 healed, 0 untouched, 0 held" in tried.stderr
    assert "PASS" in run("canary", "show", incident["canaryId"]).stdout
    assert incident["canaryId"] in run("canary", "list", "--adapter", adapter).stdout

    # Another test's stream may have taught the same drift before: it is found by what it looked like.
    signature = eventually(
        lambda: [
            each
            for each in document(run("signatures", "list", "--limit", "0", "-o", "json"))["signatures"]
            if each["fingerprint"] == incident["fingerprint"] and each["confirmedCount"]
        ]
    )[0]
    assert "/amt" in run("signatures", "show", signature["signatureId"], "-o", "json").stdout

    held = ("events", "quarantined", "--stream", "loop", "-o", "json")
    eventually(lambda: document(run(*held))["heldCount"] == "0")
    delivered = rows(run("events", "deliveries", "--stream", "loop", "-o", "json"))
    originals = [json.loads(line) for line in drifted.read_text().splitlines()]
    healed = [json.loads(event["payload"]["json"]) for event in delivered]
    assert sorted(healed, key=lambda event: event["id"]) == list(shop.orders(400, seed=2))
    assert len(originals) == len(delivered)
    # The two lists have an adapter that heals at once from now on.
    again = run("events", "process", "loop", str(drifted), "--passed", str(tmp_path / "passed.jsonl"))
    assert "400 healed" in again.stderr
    passed = [json.loads(line) for line in (tmp_path / "passed.jsonl").read_text().splitlines()]
    assert passed == list(shop.orders(400, seed=2))
    assert "HEALED" in run("events", "list", "loop", "--kind", "healed").stdout
    assert "promote" in run("system", "decisions", "--stream", "loop").stdout.lower()


def test_an_exported_adapter_comes_back(run: Run, tmp_path: Path) -> None:
    """What export writes, create reads, also through a folder."""
    learned(run, tmp_path, "export")
    run("events", "process", "export", str(shop.write(tmp_path / "d.jsonl", shop.orders(400), shop.renamed)))
    incident = incident_of(run, "export", "PROMOTED", "RESOLVED")
    run("adapters", "export", incident["adapterId"], "--to", str(tmp_path))
    (file,) = (path for path in tmp_path.iterdir() if path.suffix == ".json")
    assert file.read_bytes().rstrip() == run("adapters", "export", incident["adapterId"]).stdout_bytes.rstrip()
    run("streams", "create", "export-2")
    told = run("adapters", "create", "export-2", str(file), "--comment", "from elsewhere", "--actor", "tester")
    assert "PROPOSED" in told.stdout
    assert "tester" in told.stdout


def test_a_person_decides_where_the_policy_says_so(run: Run, tmp_path: Path) -> None:
    """Under APPROVE the loop asks; approving promotes, and the decision has a name."""
    learned(run, tmp_path, "asks", "--set", "autonomy=APPROVE")
    run("events", "process", "asks", str(shop.write(tmp_path / "d.jsonl", shop.orders(400), shop.renamed)))
    incident = incident_of(run, "asks", "AWAITING_APPROVAL")
    assert "AWAITING APPROVAL" in run("incidents", "list", "--open").stdout
    run(
        "incidents",
        "approve",
        incident["incidentId"],
        "--comment",
        "checked",
        "--actor",
        "tester",
        "--expected",
        incident["revision"],
    )
    incident_of(run, "asks", "PROMOTED", "RESOLVED")
    decided = document(run("system", "decisions", "--stream", "asks", "-o", "json"))["decisions"]
    assert any(each["actor"] == "tester" and "checked" in each["why"] for each in decided)


def test_a_wrong_fix_is_refused_and_the_right_one_is_not(run: Run, tmp_path: Path) -> None:
    """`fix` shows the phases and exits 5 for what the canary refuses, 0 for what it proves."""
    learned(run, tmp_path, "fix", "--set", "autonomy=OBSERVE")
    drifted = shop.write(tmp_path / "d.jsonl", shop.orders(400, seed=3), shop.in_cents)
    run("events", "process", "fix", str(drifted))
    incident = incident_of(run, "fix", "ESCALATED")["incidentId"]
    program = {
        "format": "cta-adapter/1",
        "program": {
            "guard": [{"path": "/amount_cents", "test": "PRESENT"}],
            "steps": [{"kind": "rename", "source": "/amount_cents", "target": "/amount"}],
        },
    }
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(program), "utf-8")
    adapter = document(run("adapters", "create", "fix", str(bad), "-o", "json"))["adapter"]["adapterId"]
    refused = run("incidents", "fix", incident, "--adapter", adapter, code=Exit.NOT_PROVED)
    assert "FAIL" in refused.stdout
    assert "ROLLED BACK" in refused.stdout
    assert document(run("streams", "show", "fix", "-o", "json"))["stream"]["healedCount"] == "0"
    own = document(run("reports", "list", "--incident", incident, "-o", "json"))["reports"][0]
    proposed = document(run("adapters", "list", "--stream", "fix", "-o", "json"))["adapters"]
    right = next(each for each in proposed if each["program"]["steps"] == own["program"]["steps"])
    told = run("incidents", "fix", incident, "--adapter", right["adapterId"])
    assert "PROMOTED" in told.stdout
    assert told.stdout.index("CANARY") < told.stdout.index("PASS") < told.stdout.index("PROMOTED")


def test_the_kill_switch_wins(run: Run, tmp_path: Path) -> None:
    """While it is engaged nothing is redriven or approved, and the error says how to release it."""
    learned(run, tmp_path, "halted", "--set", "autonomy=APPROVE")
    run("events", "process", "halted", str(shop.write(tmp_path / "d.jsonl", shop.orders(400), shop.renamed)))
    incident = incident_of(run, "halted", "AWAITING_APPROVAL")["incidentId"]
    run("system", "kill-switch", "on", "--comment", "audit")
    try:
        told = run("incidents", "approve", incident, code=Exit.REFUSED)
        assert "KILL_SWITCH_ENGAGED" in told.stderr
        assert "cta system kill-switch off" in told.stderr
        shown = run("system", "stats").stdout
        assert "ENGAGED" in shown
        assert "SQLite" in shown
    finally:
        run("system", "kill-switch", "off")
    run("incidents", "resolve", incident, "--comment", "test over")


def test_a_source_runs_to_its_end(run: Run) -> None:
    """A source of so many events is followed until it has sent them."""
    run("streams", "create", "fed", "--consumer", "payments")
    started = document(
        run("sources", "start", "fed", "--population", "payments", "--rate", "0", "--limit", "300", "-o", "json")
    )
    source = started["source"]["sourceId"]
    followed = rows(run("sources", "show", source, "--watch", "-o", "json"))
    assert followed[-1]["source"]["state"] == "SOURCE_STATE_FINISHED"
    assert followed[-1]["source"]["sentCount"] == "300"
    assert source in run("sources", "list", "--stream", "fed").stdout
    listed = document(run("runs", "list", "--stream", "fed", "-o", "json"))["runs"]
    assert sum(each["eventCount"] for each in listed) == 300
    shown = run("runs", "show", listed[0]["runId"]).stdout
    assert [stage for stage in ("Intake", "Retriever", "Auditor") if stage in shown] == [
        "Intake",
        "Retriever",
        "Auditor",
    ]


def test_faults_are_injected_listed_and_cleared(run: Run) -> None:
    """A fault changes what a running source sends until it is cleared."""
    run("streams", "create", "faulty")
    source = document(run("sources", "start", "faulty", "--population", "payments", "--rate", "50", "-o", "json"))
    source_id = source["source"]["sourceId"]
    try:
        told = run("faults", "inject", source_id, "rename", "--path", "/amount", "--with", "to=amt")
        assert "amt" in told.stdout
        listed = run("faults", "list", "--source", source_id).stdout
        assert "rename" in listed
        assert "1 faults cleared" in run("faults", "clear", "--source", source_id).stderr
        told = run("faults", "inject", source_id, "renmae", code=Exit.REFUSED)
        assert "FIELD_INVALID" in told.stderr
    finally:
        assert "STOPPED" in run("sources", "stop", source_id).stdout


def test_a_consumer_outside_reports_its_failures(run: Run, tmp_path: Path) -> None:
    """Events on which an own consumer raised join the quarantine with stage and message."""
    learned(run, tmp_path, "outside", "--set", "open_after=1000")
    file = shop.write(tmp_path / "bad.jsonl", shop.orders(3))
    told = run("events", "report-failure", "outside", str(file), "--stage", "Billing", "--message", "no such plan")
    assert "3 failures stored" in told.stderr
    held = run("events", "quarantined", "--stream", "outside").stdout
    assert "Billing: Error: no such plan" in held


def test_a_run_of_an_own_consumer_is_recorded(run: Run, tmp_path: Path) -> None:
    """A run given as proto-JSON is stored and shown with its trace."""
    run("streams", "create", "recorded")
    body = {
        "streamId": "recorded",
        "eventCount": 2,
        "failedCount": 1,
        "trace": [
            {"kind": "TRACE_KIND_STEP", "stage": "Bill", "duration": "0.010s"},
            {"kind": "TRACE_KIND_ERROR", "stage": "Bill", "errorType": "KeyError", "message": "no amount"},
        ],
    }
    file = tmp_path / "run.json"
    file.write_text(json.dumps(body), "utf-8")
    recorded = document(run("runs", "record", str(file), "-o", "json"))["run"]["runId"]
    shown = run("runs", "show", recorded).stdout
    assert "KeyError" in shown
    assert "no amount" in shown
    file.write_text("{", "utf-8")
    run("runs", "record", str(file), code=Exit.USAGE)


def test_the_server_diagnoses_without_keeping_anything(run: Run, tmp_path: Path) -> None:
    """Two files in, a report out, and no stream is made."""
    before = run("streams", "list", "-o", "json").stdout
    healthy = shop.write(tmp_path / "healthy.jsonl", shop.orders(200))
    drifted = shop.write(tmp_path / "drifted.jsonl", shop.orders(200, seed=2), shop.renamed)
    told = run("reports", "diagnose", str(healthy), str(drifted)).stdout
    assert "HEAL" in told
    assert "/amt" in told
    assert document(run("streams", "list", "-o", "json")).keys() == json.loads(before).keys()


@pytest.mark.parametrize(
    "command",
    [
        ("streams", "list"),
        ("incidents", "list"),
        ("adapters", "list"),
        ("canary", "list"),
        ("reports", "list"),
        ("signatures", "list"),
        ("runs", "list"),
        ("sources", "list"),
        ("faults", "list"),
        ("events", "quarantined"),
        ("system", "info"),
        ("system", "stats"),
        ("system", "decisions"),
    ],
)
def test_every_read_has_a_table_and_a_document(run: Run, command: tuple[str, ...]) -> None:
    """What is shown to people is also given to programs, as one JSON document."""
    assert run(*command).stdout.strip()
    assert isinstance(document(run(*command, "-o", "json")), dict)


def test_signatures_travel_as_a_file(run: Run) -> None:
    """What an installation remembers is written as a file and taken back; what is known stays as it is."""
    file = run("signatures", "export").stdout
    known = len(json.loads(file)["signatures"])
    assert json.loads(file)["format"] == "cta-signatures/1"
    told = document(run("signatures", "import", "-", "-o", "json", text=file))
    assert int(told.get("known_count", told.get("knownCount", 0))) == known


def test_webhooks_are_listed_and_tested(tmp_path: Path) -> None:
    """The list tells lag and trouble of each webhook; a test tells the answer by words and exit code."""
    with Receiver() as receiver:
        receiver.next.append(Answer(503))
        hooks = json.dumps([{"name": "pager", "url": receiver.url}])
        with live_server(tmp_path, extra=("--set", f"notify.webhooks={hooks}")) as server:

            def run(*arguments: str, code: int = 0) -> Result:
                told = CliRunner(env={"CTA_SERVER": server.address}).invoke(cta, ["system", "webhooks", *arguments])
                assert told.exit_code == code, told.output
                return told

            assert "did not take the ping: answered 503" in run("test", "pager", code=Exit.REFUSED).stderr
            assert "answered 204 after" in run("test", "pager").stderr
            assert document(run("test", "pager", "-o", "json"))["statusCode"] == 204
            row = run().stdout.splitlines()[1].split()
            assert row[:2] == ["pager", "OK"]
            assert row[-1] == f"http://127.0.0.1:{receiver.port}"
            assert document(run("-o", "json"))["webhooks"][0]["name"] == "pager"
            told = CliRunner(env={"CTA_SERVER": server.address}).invoke(cta, ["system", "stats"])
            assert re.search(r"^webhooks +1$", told.stdout, re.MULTILINE), told.output
            assert "WEBHOOK_NOT_FOUND" in run("test", "nix", code=Exit.REFUSED).stderr
            assert "say which" in run("test", code=Exit.USAGE).stderr
        assert receiver.kinds == ["ping", "ping"]


def test_a_server_without_webhooks_says_where_they_come_from(run: Run) -> None:
    """An empty list names the next step."""
    assert "[[notify.webhooks]]" in run("system", "webhooks").stdout
