"""The commands that need no server: diagnose, heal and apply on files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cta_client.offline import OFFLINE, main
from driftgen.populations import DOMAINS, Population, world_of

PAYMENTS = Population("payments", DOMAINS["payments"])


def write(path: Path, events: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    def stream(seed: int) -> list[dict[str, Any]]:
        return PAYMENTS.events(random.Random(seed), 120, 1.7e9 + seed * 20000, world_of(random.Random(1)))

    drifted = [{("amt" if key == "amount" else key): value for key, value in event.items()} for event in stream(2)]
    gone = [{key: value for key, value in event.items() if key != "amount"} for event in stream(2)]
    (tmp_path / "contract.json").write_text(json.dumps(PAYMENTS.contract()))
    (tmp_path / "null.json").write_text("null")
    return {
        "baseline": write(tmp_path / "baseline.jsonl", stream(1)),
        "healthy": write(tmp_path / "healthy.jsonl", stream(2)),
        "drifted": write(tmp_path / "drifted.jsonl", drifted),
        "gone": write(tmp_path / "gone.jsonl", gone),
        "contract": str(tmp_path / "contract.json"),
        "null": str(tmp_path / "null.json"),
        "out": str(tmp_path / "out.jsonl"),
        "report": str(tmp_path / "report.json"),
        "adapter": str(tmp_path / "adapter.json"),
    }


@pytest.mark.parametrize(("events", "code"), [("healthy", 0), ("drifted", 10), ("gone", 20)])
def test_diagnose_says_by_its_exit_code_what_it_found(files: dict[str, str], events: str, code: int) -> None:
    """Healthy events exit with 0, healable ones with 10, undecided ones with 20."""
    result = CliRunner().invoke(
        main, ["diagnose", "--baseline", files["baseline"], "--drifted", files[events], "--contract", files["contract"]]
    )
    assert result.exit_code == code, result.output


@pytest.mark.parametrize("lines", ["", "\n \n\n", "{}\n{}\n"])
@pytest.mark.parametrize("contract", [[], ["--contract"]])
@pytest.mark.parametrize("command", ["diagnose", "heal"])
def test_a_baseline_that_says_nothing_is_no_all_clear(
    files: dict[str, str], tmp_path: Path, command: str, contract: list[str], lines: str
) -> None:
    """A baseline without events, or without a field in any, ends the command and is named; nothing is written."""
    empty = tmp_path / "empty.jsonl"
    empty.write_text(lines)
    rules = [*contract, files["contract"]] if contract else []
    out = ["--out", files["out"], "--report", files["report"]] if command == "heal" else []
    result = CliRunner().invoke(main, [command, "--baseline", str(empty), "--drifted", files["drifted"], *rules, *out])
    assert result.exit_code == 1
    assert f"--baseline {empty}" in result.output
    assert not Path(files["out"]).exists()


def test_diagnose_prints_the_report_as_json(files: dict[str, str]) -> None:
    """With --json the whole report comes as one JSON object."""
    result = CliRunner().invoke(
        main, ["diagnose", "--baseline", files["baseline"], "--drifted", files["drifted"], "--json"]
    )
    assert json.loads(result.output)["decision"] == "HEAL"


@pytest.mark.parametrize("contract", ["contract", "null"])
def test_heal_writes_an_outcome_for_every_line_and_the_decision(files: dict[str, str], contract: str) -> None:
    """Every drifted line has its outcome with the healed payload, and the report has the decision; null means no
    contract.
    """
    result = CliRunner().invoke(
        main,
        [
            "heal",
            "--baseline",
            files["baseline"],
            "--drifted",
            files["drifted"],
            "--contract",
            files[contract],
            "--out",
            files["out"],
            "--report",
            files["report"],
        ],
    )
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in Path(files["out"]).read_text().splitlines()]
    healthy = [json.loads(line) for line in Path(files["healthy"]).read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["HEALED"] * len(healthy)
    assert [row["payload"] for row in rows] == healthy
    assert json.loads(Path(files["report"]).read_text())["decision"] == "PROMOTED"


def test_heal_holds_events_when_a_person_has_to_decide(files: dict[str, str]) -> None:
    """Without a sure adapter broken events are quarantined with a reason, and the decision is ESCALATED."""
    CliRunner().invoke(
        main,
        [
            "heal",
            "--baseline",
            files["baseline"],
            "--drifted",
            files["gone"],
            "--contract",
            files["contract"],
            "--out",
            files["out"],
            "--report",
            files["report"],
        ],
    )
    rows = [json.loads(line) for line in Path(files["out"]).read_text().splitlines()]
    assert {row["outcome"] for row in rows} == {"QUARANTINED"}
    assert all("/amount" in row["reason"] for row in rows)
    assert json.loads(Path(files["report"]).read_text())["decision"] == "ESCALATED"


def test_apply_heals_a_stream_with_an_adapter_file(files: dict[str, str]) -> None:
    """The adapter that heal wrote turns events from standard input into healthy ones; a refused event exits with 3."""
    runner = CliRunner()
    runner.invoke(
        main,
        [
            "heal",
            "--baseline",
            files["baseline"],
            "--drifted",
            files["drifted"],
            "--out",
            files["out"],
            "--report",
            files["report"],
            "--adapter",
            files["adapter"],
        ],
    )
    drifted = Path(files["drifted"]).read_text()
    result = runner.invoke(main, ["apply", files["adapter"], "--contract", files["contract"]], input=drifted)
    assert result.exit_code == 0
    assert result.stdout == "".join(
        json.dumps(json.loads(line), separators=(",", ":")) + "\n"
        for line in Path(files["healthy"]).read_text().splitlines()
    )
    held = runner.invoke(
        main, ["apply", files["adapter"], "--contract", files["contract"]], input=drifted + '{"amt": 1}\n'
    )
    assert held.exit_code == 3
    assert "line 121 held" in held.stderr


def test_a_line_that_is_no_event_is_named(files: dict[str, str], tmp_path: Path) -> None:
    """A broken line stops the command with its file and number."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"a": 1}\n{"a": \n')
    result = CliRunner().invoke(main, ["diagnose", "--baseline", str(bad), "--drifted", files["drifted"]])
    assert result.exit_code == 1
    assert "bad.jsonl:2" in result.output


def test_every_command_is_mounted() -> None:
    """The list for the root has the three commands."""
    assert {command.name for command in OFFLINE} == {"diagnose", "heal", "apply"}
