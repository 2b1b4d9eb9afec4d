"""What a verb of the loop comes to: an act at once, a question first, a menu, or a line to write. Pure.

An act is confirmed where nothing takes it back, and only there. The question says the thing, the effect and the count;
Enter never means yes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from cta_tui import acts, facts, signs
from cta_tui.acts import Act
from cta_tui.letters import letters
from cta_tui.model import Model
from cta_tui.ready import adapter_of, source_of, stream_of
from cta_tui.words import count, rate, share, short

NEW_RATE: Final = 100.0
"""Events a second of a new source: lively to look at, and nothing to a server."""
MOST_RATE: Final = 20_000.0
"""Doubling ends here: about what one generator can send."""
SLOWEST_RATE: Final = 1.0


class Do(msgspec.Struct, frozen=True, kw_only=True):
    """Done at once: it can be taken back, or changes nothing."""

    act: Act


class Confirm(msgspec.Struct, frozen=True, kw_only=True):
    """Asked first."""

    title: str
    lines: tuple[str, ...]
    act: Act
    rehearsal: Act | None = None
    """Performed before the question; its words belong to it."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a menu."""

    letter: str
    text: str
    plan: Plan


class Choose(msgspec.Struct, frozen=True, kw_only=True):
    """A menu."""

    title: str
    options: tuple[Option, ...]


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A line of text first."""

    title: str
    hint: str
    make: Callable[[str], Act]


Plan = Do | Confirm | Choose | Write


def plan(name: str, model: Model) -> Plan | None:
    """What the verb comes to; None when it is none of the loop's. Call it only for a verb that is ready."""
    maker = _PLANS.get(name)
    return maker(model) if maker is not None else None


def _approve(model: Model) -> Plan | None:
    incident = model.incident
    if incident is None:
        return None
    adapter = model.adapters.get(incident.adapter_id)
    canary = model.canaries.get(incident.adapter_id) if incident.canary_id else None
    act = acts.Approve(incident_id=incident.incident_id, revision=incident.revision)
    waiting = f"{count(incident.held - incident.redriven)} held events"
    if canary is None:
        lines = (
            *_steps(adapter),
            "Its canary runs first, and must pass.",
            f"Then {waiting} are redriven and delivered.",
        )
    else:
        bound = f"{count(canary.failed)} of {count(canary.drifted)} failed, at most {share(canary.error_bound)}"
        lines = (
            *_steps(adapter),
            f"Canary: {canary.verdict.lower()}; {bound}; {count(canary.harmed)} harmed.",
            f"It goes into force, and {waiting} are redriven and delivered: that cannot be taken back.",
        )
    return Confirm(title=f"Approve the fix for {incident.stream_id}?", lines=lines, act=act)


def _reject(model: Model) -> Plan | None:
    incident = model.incident
    if incident is None:
        return None
    return Write(
        title=f"Reject the fix for {incident.stream_id}",
        hint="why (may stay empty)",
        make=lambda reason: acts.Reject(
            incident_id=incident.incident_id,
            revision=incident.revision,
            reason=reason,
        ),
    )


def _apply(model: Model) -> Plan | None:
    incident = model.incident
    if incident is None:
        return None
    report = model.reports.get(incident.incident_id)
    key, revision = incident.incident_id, incident.revision
    options: list[Option] = []
    for number, reading in enumerate(report.readings if report else (), 1):
        act = acts.ApplyFix(incident_id=key, revision=revision, reading=number)
        words = f"reading {number}: {reading.label}"
        options.append(Option(letter=str(number), text=words, plan=_tried(incident, words, act)))
    made = [each for each in model.adapters.values() if each.stream_id == incident.stream_id and each.state != "ACTIVE"]
    mine = [each for each in made if each.incident_id == key or each.adapter_id == incident.adapter_id]
    for letter, adapter in zip("abcdefgh", mine, strict=False):
        act = acts.ApplyFix(incident_id=key, revision=revision, adapter_id=adapter.adapter_id)
        words = f"{short(adapter.adapter_id)} ({signs.sign_of(adapter.state).word}): {'; '.join(adapter.words)}"
        options.append(Option(letter=letter, text=words, plan=_tried(incident, words, act)))
    if incident.state != "AWAITING APPROVAL":
        again = acts.ApplyFix(incident_id=key, revision=revision)
        options.append(Option(letter="r", text="analyse again, and go on from there", plan=Do(act=again)))
    return Choose(title=f"Which fix for {incident.stream_id}?", options=tuple(options))


def _tried(incident: facts.IncidentFact, words: str, act: Act) -> Confirm:
    """A fix that a person chose counts as approved: when its canary passes, it goes into force."""
    held = count(incident.held - incident.redriven)
    return Confirm(
        title=f"Try this fix on {incident.stream_id}?",
        lines=(
            words,
            "Its canary runs first. When that passes, the fix goes into force by your word,",
            f"and {held} held events are redriven and delivered: that cannot be taken back.",
        ),
        act=act,
    )


def _analyse(model: Model) -> Plan | None:
    return Do(act=acts.Analyse(incident_id=model.incident.incident_id)) if model.incident else None


def _close(model: Model) -> Plan | None:
    incident = model.incident
    if incident is None:
        return None
    held = count(incident.held - incident.redriven)
    return Confirm(
        title=f"Close the incident of {incident.stream_id}?",
        lines=(incident.headline, f"Its {held} held events stay in the quarantine.", "The same drift opens a new one."),
        act=acts.Close(incident_id=incident.incident_id, revision=incident.revision),
    )


def _canary(model: Model) -> Plan | None:
    adapter = adapter_of(model)
    return Do(act=acts.RunCanary(adapter_id=adapter.adapter_id)) if adapter else None


def _roll_back(model: Model) -> Plan | None:
    adapter = adapter_of(model)
    if adapter is None:
        return None
    stream = model.streams.get(adapter.stream_id)
    rest = len(stream.active) - 1 if stream else 0
    back = f"{rest} other adapters stay in force." if rest > 0 else "The stream is as it came: no adapter."
    return Confirm(
        title=f"Roll {short(adapter.adapter_id)} back?",
        lines=(
            *_steps(adapter),
            f"It healed {count(adapter.healed)} events, which stay delivered.",
            back,
            "Events that need it are held again; its signature is blamed.",
        ),
        act=acts.RollBack(adapter_id=adapter.adapter_id, revision=adapter.revision),
    )


def _promote(model: Model) -> Plan | None:
    adapter = adapter_of(model)
    if adapter is None:
        return None
    return Confirm(
        title=f"Put {short(adapter.adapter_id)} in force on {adapter.stream_id}?",
        lines=(
            *_steps(adapter),
            "The server refuses it unless a canary of it has passed.",
            "Held events are redriven.",
        ),
        act=acts.Promote(adapter_id=adapter.adapter_id, revision=adapter.revision),
    )


def _clear_adapters(model: Model) -> Plan | None:
    stream = stream_of(model)
    if stream is None:
        return None
    return Confirm(
        title=f"Take all {len(stream.active)} adapters of {stream.stream_id} out of force?",
        lines=("Events that need them are held again.", "What was learned stays: the same drift is healed by memory."),
        act=acts.ClearAdapters(stream_id=stream.stream_id),
    )


def _export(model: Model) -> Plan | None:
    adapter = adapter_of(model)
    return Do(act=acts.ExportAdapter(adapter_id=adapter.adapter_id)) if adapter else None


def _redrive(model: Model) -> Plan | None:
    stream = stream_of(model)
    if stream is None:
        return None
    return Confirm(
        title=f"Redrive the {count(stream.held)} held events of {stream.stream_id}?",
        lines=("Those that pass the gate now are delivered: that cannot be taken back.",),
        act=acts.Redrive(stream_id=stream.stream_id),
        rehearsal=acts.Redrive(stream_id=stream.stream_id, dry_run=True),
    )


_MODES: Final = {
    "OBSERVE": "detects, holds and analyses; proposes nothing",
    "SUGGEST": "proposes a fix; its canary waits for your word",
    "APPROVE": "proves the fix by a canary, then asks you",
    "AUTONOMOUS": "promotes by itself what is sure enough and passed its canary",
}


def _autonomy(model: Model) -> Plan | None:
    stream = stream_of(model)
    if stream is None:
        return None
    options: list[Option] = []
    for number, (mode, told) in enumerate(_MODES.items(), 1):
        act = acts.SetAutonomy(
            stream_id=stream.stream_id, revision=stream.revision, autonomy=mode, former=stream.autonomy
        )
        done: Plan = Do(act=act)
        if mode == "AUTONOMOUS" and stream.autonomy != mode:
            # What it promotes meanwhile is delivered; no undo brings that back.
            done = Confirm(
                title=f"Let the loop promote on {stream.stream_id} by itself?",
                lines=(
                    "A fix goes into force when it is sure enough and its canary passed.",
                    "Its bake still watches it.",
                ),
                act=act,
            )
        now = "   now" if stream.autonomy == mode else ""
        options.append(Option(letter=str(number), text=f"{signs.METERS[mode]} {mode:<10}  {told}{now}", plan=done))
    return Choose(title=f"How far may the loop go on {stream.stream_id}?", options=tuple(options))


def _learn(model: Model) -> Plan | None:
    stream = stream_of(model)
    if stream is None:
        return None
    return Confirm(
        title=f"Learn the baseline of {stream.stream_id} anew?",
        lines=("What is healthy is then told by the recent healthy events.", "The former baseline is replaced."),
        act=acts.Learn(stream_id=stream.stream_id),
    )


def _forget(model: Model) -> Plan | None:
    signature = model.signature
    if signature is None:
        return None
    return Confirm(
        title=f"Forget {short(signature.signature_id)}?",
        lines=(
            signature.headline,
            f"It was found {count(signature.hits)} times. A drift like it is analysed from nothing.",
        ),
        act=acts.DeleteSignature(signature_id=signature.signature_id),
    )


def _halt(model: Model) -> Plan | None:
    if not model.stats.halted:
        # Stopping never asks.
        return Do(act=acts.SetKillSwitch(engaged=True))
    return Confirm(
        title="Release the kill switch?",
        lines=("The loop may promote and redrive again, as far as each stream's autonomy goes.",),
        act=acts.SetKillSwitch(engaged=False),
    )


def _source(model: Model) -> Plan | None:
    source = source_of(model)
    if source is None:
        return None
    if source.state == "RUNNING":
        return Do(act=acts.StopSource(source_id=source.source_id))
    return Do(act=acts.StartSource(source_id=source.source_id))


def _new_source(model: Model) -> Plan | None:
    stream = stream_of(model)
    if stream is None:
        return None
    options = tuple(
        Option(
            letter=str(number),
            text=f"{population}, {rate(NEW_RATE)}",
            plan=Do(act=acts.StartSource(stream_id=stream.stream_id, population=population, rate=NEW_RATE)),
        )
        for number, population in enumerate(model.info.populations, 1)
    )
    return Choose(title=f"What should be sent to {stream.stream_id}?", options=options)


def _faster(model: Model) -> Plan | None:
    source = source_of(model)
    return _rate(source, min((source.rate or MOST_RATE) * 2, MOST_RATE)) if source else None


def _slower(model: Model) -> Plan | None:
    source = source_of(model)
    return _rate(source, max((source.rate or MOST_RATE) / 2, SLOWEST_RATE)) if source else None


def _rate(source: facts.SourceFact, wanted: float) -> Plan:
    return Do(act=acts.SetRate(source_id=source.source_id, rate=wanted))


def _inject(model: Model) -> Plan | None:
    source = source_of(model)
    if source is None:
        return None
    options = tuple(
        Option(
            letter=letter,
            text=f"{kind.kind}: {kind.description}",
            plan=Do(act=acts.Inject(source_id=source.source_id, kind=kind.kind)),
        )
        for letter, kind in letters(model.kinds)
    )
    return Choose(title=f"Which change should the producer of {source.stream_id} make?", options=options)


def _clear_faults(model: Model) -> Plan | None:
    source = source_of(model)
    return Do(act=acts.ClearFaults(source_id=source.source_id)) if source else None


def _steps(adapter: facts.AdapterFact | None) -> tuple[str, ...]:
    return tuple(f"{number}. {words}" for number, words in enumerate(adapter.words if adapter else (), 1))


_PLANS: Final[dict[str, Callable[[Model], Plan | None]]] = {
    "approve": _approve,
    "reject": _reject,
    "apply": _apply,
    "analyse": _analyse,
    "close": _close,
    "canary": _canary,
    "roll_back": _roll_back,
    "promote": _promote,
    "clear_adapters": _clear_adapters,
    "export": _export,
    "redrive": _redrive,
    "autonomy": _autonomy,
    "learn": _learn,
    "forget": _forget,
    "halt": _halt,
    "source": _source,
    "new_source": _new_source,
    "faster": _faster,
    "slower": _slower,
    "inject": _inject,
    "clear_faults": _clear_faults,
}
