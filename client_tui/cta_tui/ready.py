"""Whom a verb is about, and why it cannot be done now. Pure; `verbs` names these, `plans` asks for the subject.

A verb that cannot be done stays on the screen, dimmed, and says why when it is pressed. Nothing is sent on the strength
of an old picture.
"""

from __future__ import annotations

from collections.abc import Callable

from cta_tui import facts
from cta_tui.messages import View
from cta_tui.model import WAITING, Link, Model

Ready = Callable[[Model], str]
"""Empty when the verb can be done; otherwise one sentence why not."""


def always(_model: Model) -> str:
    """Nothing stands against it."""
    return ""


def adapter_of(model: Model) -> facts.AdapterFact | None:
    """The adapter that is meant: the selected one among adapters, the incident's elsewhere."""
    if model.view is View.ADAPTERS:
        return model.adapter
    incident = model.incident
    found = model.adapters.get(incident.adapter_id) if incident is not None else None
    if found is not None:
        return found
    stream = model.stream
    return model.adapters.get(stream.active[0]) if stream is not None and stream.active else None


def source_of(model: Model) -> facts.SourceFact | None:
    """The source that is meant: the selected one among sources, the selected stream's elsewhere."""
    if model.view is View.SOURCES:
        return model.source
    stream = stream_of(model)
    of_stream = [each for each in model.sources.values() if stream is None or each.stream_id == stream.stream_id]
    running = [each for each in of_stream if each.state == "RUNNING"]
    return next(iter([*running, *of_stream]), None)


def stream_of(model: Model) -> facts.StreamFact | None:
    """The stream that is meant: the incident's in its view, the selected one elsewhere."""
    if model.view is View.INCIDENT and model.incident is not None:
        return model.streams.get(model.incident.stream_id) or model.stream
    if model.view is View.SOURCES and model.source is not None:
        return model.streams.get(model.source.stream_id) or model.stream
    return model.stream


def online(model: Model) -> str:
    """Nothing is sent on the strength of an old picture."""
    if model.live:
        return ""
    return (
        "The server refuses us." if model.link is Link.REFUSED else "Offline: nothing is sent while the picture is old."
    )


def incident_in(*states: str, verb: str, done: str = "") -> Ready:
    """The incident in view is in one of the states; any state when none is named."""

    def ready(model: Model) -> str:
        incident = model.incident
        if refusal := online(model):
            return refusal
        if incident is None:
            return f"There is no incident to {verb}."
        if states and incident.state not in states:
            return f"An incident that is {incident.state.lower()} cannot be {done or verb}."
        return ""

    return ready


def approve(model: Model) -> str:
    """A fix waits for a word, and nothing is halted."""
    if refusal := incident_in("AWAITING APPROVAL", verb="approve", done="approved")(model):
        return refusal
    return "Halted: ! releases the kill switch." if model.stats.halted else ""


def apply(model: Model) -> str:
    """The loop waits for a person, and nothing is halted."""
    if refusal := incident_in(*WAITING, verb="heal", done="driven by hand: the loop does it")(model):
        return refusal
    return "Halted: ! releases the kill switch." if model.stats.halted else ""


def canary(model: Model) -> str:
    """There is an adapter to try."""
    return online(model) or ("" if adapter_of(model) else "There is no candidate yet.")


def roll_back(model: Model) -> str:
    """The adapter is in force."""
    adapter = adapter_of(model)
    if refusal := online(model):
        return refusal
    if adapter is None:
        return "There is no adapter to take back."
    return "" if adapter.state == "ACTIVE" else f"The adapter is {adapter.state.lower()}, not in force."


def promote(model: Model) -> str:
    """The adapter is not in force, and nothing is halted."""
    adapter = adapter_of(model)
    if refusal := online(model):
        return refusal
    if adapter is None:
        return "There is no adapter."
    if model.stats.halted:
        return "Halted: ! releases the kill switch."
    return "The adapter is in force." if adapter.state == "ACTIVE" else ""


def stream(model: Model) -> str:
    """There is a stream."""
    return online(model) or ("" if stream_of(model) else "There is no stream yet.")


def redrive(model: Model) -> str:
    """Something is held, and nothing is halted."""
    if refusal := stream(model):
        return refusal
    found = stream_of(model)
    if model.stats.halted:
        return "Halted: ! releases the kill switch."
    return "" if found is not None and found.held else "Nothing is held."


def clear_adapters(model: Model) -> str:
    """An adapter is in force."""
    found = stream_of(model)
    return stream(model) or ("" if found is not None and found.active else "No adapter is in force.")


def source(model: Model) -> str:
    """There is a source."""
    return online(model) or ("" if source_of(model) else "There is no source; n starts one.")


def running(model: Model) -> str:
    """The source runs."""
    found = source_of(model)
    return source(model) or ("" if found is not None and found.state == "RUNNING" else "The source does not run.")


def clear(model: Model) -> str:
    """A fault is in force."""
    found = source_of(model)
    standing = found is not None and any(each.source_id == found.source_id for each in model.faults)
    return source(model) or ("" if standing else "No fault is in force.")


def new_source(model: Model) -> str:
    """There is a stream, and a population to send."""
    return stream(model) or ("" if model.info.populations else "The server knows no population.")


def signature(model: Model) -> str:
    """There is a signature."""
    return online(model) or ("" if model.signature else "There is no signature.")


def export(model: Model) -> str:
    """There is an adapter."""
    return online(model) or ("" if adapter_of(model) else "There is no adapter.")
