"""The loop in lines for people: an incident's phases, a report, an adapter, an event before and after, a verdict.

Each function gives the lines of one thing; the verbs and the demo put them together. Sentences come from the server;
this decides their order and layout, so that a person reads what, why, what mends it, and what proves it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from cta.v1.adapter_pb2 import Adapter, AdapterState
from cta.v1.canary_pb2 import Canary, Verdict
from cta.v1.incident_pb2 import Incident, IncidentMark, IncidentState
from cta.v1.report_pb2 import Decision, Method, Report, RerunResult, Severity
from cta_client.cli import paint
from cta_client.cli.paint import BAD, GOOD, QUIET
from cta_client.cli.table import cut, section, sheet, wrap
from cta_client.cli.words import ago, clock, count, plain, share, span, word
from cta_client.seconds import seconds

INDENT = "  "


def state_of(incident: Incident) -> str:
    """Sign and word of its state."""
    return paint.state(word(IncidentState, incident.state))


def incident_lines(incident: Incident, now: float, width: int | None) -> Iterator[str]:
    """An incident as a sheet: where it stands, what is asked, and every state so far."""
    yield from sheet(
        (
            ("incident", incident.incident_id),
            ("stream", incident.stream_id),
            ("state", state_of(incident)),
            ("what", incident.headline),
            ("where", incident.stage),
            ("weight", word(Severity, incident.severity).lower()),
            ("opened", f"{clock(incident.create_time)} ({ago(incident.create_time, now)})"),
            ("events", f"{count(incident.quarantined_count)} held so far, {count(incident.redriven_count)} redriven"),
            ("fix", _found_by(incident)),
            ("report", incident.report_id),
            ("adapter", incident.adapter_id),
            ("canary", incident.canary_id),
            ("attempt", str(incident.attempt) if incident.attempt > 1 else ""),
            ("revision", str(incident.revision)),
            ("asks", incident.question),
        ),
        width,
    )
    yield section("Life")
    yield from mark_lines(incident, width)


def mark_lines(incident: Incident, width: int | None, *, after: int = 0) -> Iterator[str]:
    """The states entered, from the mark number `after` on, each with the time since the incident opened."""
    for mark in incident.marks[after:]:
        yield mark_line(incident, mark, width)


def mark_line(incident: Incident, mark: IncidentMark, width: int | None) -> str:
    """One state entered: `+1.25 s  ✓ PROMOTED           why`."""
    passed = round(max(seconds(mark.time) - seconds(incident.create_time), 0.0), 3)
    state = paint.state(word(IncidentState, mark.state))
    who = "" if mark.actor in {"", "loop"} else f"{mark.actor}: "
    # Numbers after the first clause stand in the canary's own lines.
    told = plain(f"{who}{mark.why}").split("; ", maxsplit=1)[0]
    start = f"{'+' + span(passed):>9}  "
    room = width - len(start) - 21 if width else None
    return f"{start}{paint.paint(f'{state:<19}', paint.colour_of(state))}  {cut(told, room) if room else told}".rstrip()


def report_lines(report: Report, width: int | None) -> Iterator[str]:
    """A report: cause, fix, evidence, whys, readings and proof."""
    cause = report.cause
    yield from sheet(
        (
            ("report", report.report_id),
            ("decision", paint.state(word(Decision, report.decision))),
            ("cause", cause.sentence),
            ("stage", cause.stage),
            ("field", cause.path),
            ("confidence", f"{share(report.confidence)}, {method_of(report.method)}"),
            ("fix", report.fix),
            ("looked at", f"{count(report.baseline_count)} healthy and {count(report.drifted_count)} drifted events"),
            ("took", span(seconds(report.duration))),
            ("asks", report.question),
        ),
        width,
    )
    if report.symptoms:
        yield section("Seen")
        for symptom in report.symptoms:
            told = f"{symptom.path} {symptom.message} ({count(symptom.event_count)} events, {share(symptom.share)})"
            yield from item_lines(symptom.symptom_id, told, width)
    if report.proposals:
        yield section("Field by field")
        for proposal in report.proposals:
            told = f"{proposal.target}: {proposal.words} ({share(proposal.confidence)})"
            yield from item_lines("→", told, width)
            if proposal.runner_up:
                yield from item_lines("", f"second best: {proposal.runner_up}", width)
            for veto in proposal.vetoes:
                yield from item_lines("", f"capped: {veto}", width)
    if report.evidence:
        yield section("Evidence")
        for fact in report.evidence:
            yield from item_lines(fact.evidence_id, f"{fact.text} ({fact.weight:+.1f})", width)
    if report.whys:
        yield section("Why")
        for number, why in enumerate(report.whys, 1):
            yield from item_lines(f"{number}.", why, width)
    yield from reading_lines(report, width)
    if report.test_case.before:
        yield section("One event (masked)")
        yield from change_lines(report.test_case.before, report.test_case.after, width)
    if report.proof:
        yield section("Proof")
        for check in report.proof:
            sign = paint.paint("✓", GOOD) if check.passed else paint.paint("×", BAD)
            yield from item_lines(sign, f"{check.name}: {check.text}", width, cells=1)
    if report.HasField("rerun"):
        yield section("Run again")
        yield from item_lines(rerun_sign(word(RerunResult, report.rerun.result)), report.rerun.why, width, cells=1)


def rerun_sign(result: str) -> str:
    """Whether the failure vanished: yes, no, or nobody tried."""
    if result == "CLEAN":
        return paint.paint("✓", GOOD)
    return paint.paint("×", BAD) if result == "FAILED" else "–"


def reading_lines(report: Report, width: int | None) -> Iterator[str]:
    """The competing readings, by the number that chooses one."""
    if not report.readings:
        return
    yield section("Readings: `cta incidents fix --reading N` chooses one")
    for number, reading in enumerate(report.readings, 1):
        yield from item_lines(f"{number}.", f"{reading.label} ({share(reading.confidence)})", width)
        if reading.example_before:
            yield from item_lines("", f"{reading.example_before} → {reading.example_after}", width)


def cause_lines(report: Report, width: int | None) -> Iterator[str]:
    """The cause in a sentence, and how sure the analysis is."""
    if report.cause.sentence:
        yield from item_lines("cause", report.cause.sentence, width)
    if report.confidence:
        yield from item_lines("sure", f"{share(report.confidence)}, {method_of(report.method)}", width)


def adapter_lines(adapter: Adapter, now: float, width: int | None) -> Iterator[str]:
    """An adapter as a sheet: what it does, for which events, and where it stands."""
    yield from sheet(
        (
            ("adapter", adapter.adapter_id),
            ("stream", adapter.stream_id),
            ("state", paint.state(word(AdapterState, adapter.state))),
            ("made by", adapter.author),
            ("for incident", adapter.incident_id),
            ("comment", adapter.comment),
            ("created", f"{clock(adapter.create_time)} ({ago(adapter.create_time, now)})"),
            ("healed", f"{count(adapter.healed_count)} events since the server started"),
            ("loses", adapter.loss or "nothing"),
            ("revision", str(adapter.revision)),
        ),
        width,
    )
    yield section("Steps")
    for number, step in enumerate(adapter.words, 1):
        yield from item_lines(f"{number}.", step, width)


def step_lines(adapter: Adapter, width: int | None) -> Iterator[str]:
    """What an adapter does, one line a step."""
    for step in adapter.words:
        yield from item_lines("fix", step, width)


def change_lines(before: str, after: str, width: int | None) -> Iterator[str]:
    """An event before and after: the fields that differ, each with - and +."""
    old, new = _leaves(before), _leaves(after)
    changed = [path for path in old if path not in new or new[path] != old[path]]
    added = [path for path in new if path not in old]
    room = width or 10**9
    if not changed and not added:
        yield f"{INDENT}(nothing differs)"
    for path in changed:
        yield paint.paint(cut(f"{INDENT}- {path}: {plain(old[path])}", room), BAD)
        if path in new:
            yield paint.paint(cut(f"{INDENT}+ {path}: {plain(new[path])}", room), GOOD)
    for path in added:
        yield paint.paint(cut(f"{INDENT}+ {path}: {plain(new[path])}", room), GOOD)
    same = len(old) - len(changed)
    if same and (changed or added):
        yield paint.paint(f"{INDENT}  {same} other fields stay as they are", QUIET)


def needs(canary: Canary) -> str:
    """How many drifted events a PASS takes: each failure raises that. More events do not mend a fix that is refuted."""
    if canary.verdict == Verdict.VERDICT_FAIL:
        return ""
    failed = f", with {count(canary.failed_count)} failed" if canary.failed_count else ""
    return f"{count(canary.needed_count)} drifted events to pass{failed}"


def canary_lines(canary: Canary, width: int | None) -> Iterator[str]:
    """A canary's verdict with its numbers and what decided it."""
    verdict = word(Verdict, canary.verdict)
    healed = canary.drifted_count - canary.failed_count
    yield from item_lines(
        "canary", f"{paint.state(verdict) or '▶ running'} after {span(seconds(canary.duration))}", width
    )
    yield from item_lines(
        "",
        f"{count(healed)} of {count(canary.drifted_count)} drifted events pass "
        f"(failing: {share(canary.error_rate)}, at most {share(canary.error_bound)})",
        width,
    )
    yield from item_lines(
        "", f"{count(canary.harmed_count)} of {count(canary.healthy_count)} healthy events harmed", width
    )
    if canary.drifted_count:
        belongs = "belong to the healthy profile" if canary.parity else "do not belong to the healthy profile"
        # What differs is a reason already, and told below.
        told = f": {canary.parity_text}" if canary.parity_text and canary.parity else ""
        yield from item_lines("", f"p95 {span(seconds(canary.p95))}; healed values {belongs}{told}", width)
    for prover in canary.proved_by:
        name = f"{prover.consumer} {prover.version}".strip()
        ran = f"{count(prover.event_count)} events, {count(prover.failed_count)} failed"
        yield from item_lines("", f"ran in {prover.worker_id}, {name}: {ran}", width)
    if verdict != "PASS":
        for reason in canary.reasons or [canary.parity_text]:
            yield from item_lines("why", reason, width)
        for failure in canary.failures[:3]:
            yield from item_lines("", f"{failure.stage}: {failure.message} ({count(failure.count)} events)", width)


def item_lines(
    name: str, text: str, width: int | None, *, cells: int | None = None, colour: str = paint.PLAIN, column: int = 8
) -> Iterator[str]:
    """A short name and a text that is wrapped below itself; `cells` is the name's width when it has colours."""
    size = len(name) if cells is None else cells
    start = f"{INDENT}{name}{' ' * max(column - size, 1)}"
    room = width - len(INDENT) - column if width else None
    first, *more = list(wrap(plain(text), room)) if room else [plain(text)]
    yield f"{start}{paint.paint(first, colour)}"
    for line in more:
        yield f"{' ' * (len(INDENT) + column)}{paint.paint(line, colour)}"


def method_of(method: int) -> str:
    """How an adapter was found, as a phrase."""
    return {
        "SIGNATURE": "remembered by its signature",
        "HEURISTIC": "found from names, types, values and relations",
        "LLM": "proposed by a language model and carried by the evidence",
    }.get(word(Method, method), "")


def _found_by(incident: Incident) -> str:
    phrase = method_of(incident.method)
    return f"{phrase}, {share(incident.confidence)} sure" if phrase else ""


def _leaves(text: str) -> dict[str, str]:
    """Pointer and JSON text of each leaf; the whole text when it is no JSON."""
    try:
        root: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {"": text} if text else {}
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        inner = [(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", each) for key, each in _members(value)]
        if inner:
            waiting.extend(reversed(inner))
        else:
            found[path] = json.dumps(value, ensure_ascii=False)
    return found


def _members(value: Any) -> list[tuple[str, Any]]:
    """What an object or array holds, by key; nothing for other values."""
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).items())
    if isinstance(value, list):
        return [(str(number), each) for number, each in enumerate(cast("Sequence[Any]", value))]
    return []
