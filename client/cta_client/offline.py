"""The commands that need no server: `diagnose`, `heal` and `apply` read files and decide with the same core as the
server.

`OFFLINE` is the list that the command line's root mounts; `python -m cta_client.offline` runs them as they are.
Events are
JSON Lines. A contract file that holds `null` means: there is no contract, learn it from the baseline.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from cta_core.adapter.file import dump, load
from cta_core.contract import Contract, compile_contract, learn
from cta_core.diagnosis import Decision, Report, diagnose
from cta_core.diagnosis.text import report_text
from cta_core.errors import CtaError
from cta_core.event import decode
from cta_core.gate import ActiveAdapter, Gate, Outcome, OutcomeKind

EXIT_CODES = {Decision.QUIET: 0, Decision.HEAL: 10, Decision.ESCALATE: 20}
"""What `cta diagnose` exits with: 0 healthy, 10 an adapter heals it, 20 a person has to decide. 1 and 2 stay errors."""

WORDS = {Decision.QUIET: "QUIET", Decision.HEAL: "PROMOTED", Decision.ESCALATE: "ESCALATED"}
"""The decision as `heal` writes it."""

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_out = click.Path(dir_okay=False, path_type=Path)


def read_lines(path: Path) -> list[bytes]:
    """The lines of a JSON Lines file, without empty ones."""
    return [line for line in path.read_bytes().splitlines() if line.strip()]


def events_of(path: Path) -> list[dict[str, Any]]:
    """The events of a JSON Lines file; a line that is none stops the command with its number."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(decode(line))
        except CtaError as error:
            message = f"{path}:{number}: {error}"
            raise click.ClickException(message) from None
    return found


def healthy_of(path: Path) -> list[dict[str, Any]]:
    """The events of a baseline; one that says nothing stops the command: against it everything would look healthy."""
    found = events_of(path)
    if not found:
        message = f"--baseline {path}: there are no events in it."
        raise click.ClickException(message)
    if not any(found):
        message = f"--baseline {path}: none of its events has a field."
        raise click.ClickException(message)
    return found


def contract_of(path: Path | None) -> Contract | None:
    """The contract in a file; None without a file and for the JSON literal null."""
    if path is None:
        return None
    try:
        raw = path.read_bytes()
        return None if raw.strip() == b"null" else compile_contract(raw)
    except CtaError as error:
        message = f"{path}: {error}"
        raise click.ClickException(message) from None


def heal_lines(
    lines: list[bytes], report: Report, baseline: list[dict[str, Any]], contract: Contract | None
) -> list[Outcome]:
    """What the gate makes of each line with the adapter that the report promotes."""
    adapters: tuple[ActiveAdapter, ...] = ()
    if report.decision is Decision.HEAL and report.program is not None:
        adapters = (ActiveAdapter(adapter_id="offline", revision=1, program=report.program),)
    return Gate(contract or compile_contract(learn(baseline)), adapters).judge_many(lines)


@click.command("diagnose")
@click.option("--baseline", type=_file, required=True, help="Healthy events, JSON Lines, oldest first.")
@click.option("--drifted", type=_file, required=True, help="Events after the change, JSON Lines, oldest first.")
@click.option(
    "--contract", type=_file, help="JSON Schema of a healthy event; left out, it is learned from the baseline."
)
@click.option("--adapter", type=_out, help="Write the proposed adapter to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def diagnose_command(
    baseline: Path, drifted: Path, contract: Path | None, adapter: Path | None, *, as_json: bool
) -> None:
    """Say what changed, why, and which adapter would mend it.

    Exits with 0 when the events are healthy, 10 when an adapter heals them, 20 when a person has to decide.
    """
    report = diagnose(healthy_of(baseline), events_of(drifted), contract_of(contract))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        click.echo(report_text(report))
    if adapter is not None and report.program is not None:
        adapter.write_bytes(_file_of(report))
    raise SystemExit(EXIT_CODES[report.decision])


@click.command("heal")
@click.option("--baseline", type=_file, required=True, help="Healthy events, JSON Lines, oldest first.")
@click.option("--drifted", type=_file, required=True, help="Events to heal, JSON Lines, oldest first.")
@click.option(
    "--contract", type=_file, help="JSON Schema of a healthy event; left out, it is learned from the baseline."
)
@click.option("--out", type=_out, required=True, help="Write one outcome per drifted event to this file, JSON Lines.")
@click.option(
    "--report", "report_path", type=_out, required=True, help="Write the decision and the report to this file, JSON."
)
@click.option("--adapter", type=_out, help="Write the adapter to this file.")
def heal_command(
    baseline: Path, drifted: Path, contract: Path | None, out: Path, report_path: Path, adapter: Path | None
) -> None:
    """Diagnose, and pass the drifted events through the gate with the adapter if one is sure enough.

    Each line of OUT has the outcome (HEALTHY, HEALED, QUARANTINED) and the payload of an event that may pass.
    """
    healthy = healthy_of(baseline)
    rules = contract_of(contract)
    lines = read_lines(drifted)
    report = diagnose(healthy, events_of(drifted), rules)
    outcomes = heal_lines(lines, report, healthy, rules)
    with out.open("wb") as file:
        for outcome in outcomes:
            file.write(_line(outcome))
    body = {"decision": WORDS[report.decision], "confidence": report.confidence, "fix": report.fix, "report": report}
    report_path.write_bytes(msgspec.json.format(msgspec.json.encode(body)))
    if adapter is not None and report.program is not None:
        adapter.write_bytes(_file_of(report))
    counts = {kind: sum(1 for outcome in outcomes if outcome.kind is kind) for kind in OutcomeKind}
    click.echo(
        f"{WORDS[report.decision].lower()}: {counts[OutcomeKind.HEALED]} healed, "
        f"{counts[OutcomeKind.HEALTHY]} healthy, "
        f"{counts[OutcomeKind.QUARANTINED]} quarantined"
    )


@click.command("apply")
@click.argument("adapter", type=_file)
@click.option("--contract", type=_file, help="JSON Schema that every event has to satisfy after the adapter.")
def apply_command(adapter: Path, contract: Path | None) -> None:
    """Heal events from standard input to standard output with the ADAPTER file, line by line.

    An event that the adapter or the contract refuses goes to standard error with the reason, and the exit code is 3.
    """
    try:
        program = load(adapter.read_bytes()).program
        gate = Gate(contract_of(contract), (ActiveAdapter(adapter_id="file", revision=1, program=program),))
    except CtaError as error:
        message = f"{adapter}: {error}"
        raise click.ClickException(message) from None
    held = 0
    for number, line in enumerate(_stdin_lines(sys.stdin.buffer), start=1):
        outcome = gate.judge(line)
        if outcome.kind is OutcomeKind.QUARANTINED:
            held += 1
            click.echo(f"line {number} held: {outcome.path} {outcome.message}".replace(":  ", ": "), err=True)
        else:
            sys.stdout.buffer.write(outcome.raw + b"\n")
    sys.stdout.buffer.flush()
    raise SystemExit(3 if held else 0)


def _stdin_lines(stream: BinaryIO) -> Iterator[bytes]:
    for line in stream:
        if line.strip():
            yield line.rstrip(b"\r\n")


def _line(outcome: Outcome) -> bytes:
    head = b'{"outcome":"' + outcome.kind.encode() + b'"'
    if outcome.kind is OutcomeKind.QUARANTINED:
        reason = msgspec.json.encode(f"{outcome.path}: {outcome.message}" if outcome.path else outcome.message)
        return head + b',"reason":' + reason + b"}\n"
    return head + b',"payload":' + outcome.raw + b"}\n"


def _file_of(report: Report) -> bytes:
    program = report.program
    if program is None:
        raise click.ClickException("the report has no adapter")
    return dump(program, name="offline", origin="cta heal, from files")


OFFLINE: tuple[click.Command, ...] = (diagnose_command, heal_command, apply_command)
"""The commands of this module, for the root of the command line."""


@click.group()
def main() -> None:
    """Diagnose and heal files of events without a server."""


for _command in OFFLINE:
    main.add_command(_command)


if __name__ == "__main__":
    main()
