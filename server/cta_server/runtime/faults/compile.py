"""From the spec of a fault to the fault: checks what was asked for, lets the kind choose the rest, and tries it out.

Pure. Decides only what is common to all kinds: which spec is refused, which events are hit, and that an event which a
fault does not fit is sent as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cta_core.errors import EventRefused, InvalidInput, Violation
from cta_core.event import decode, encode
from cta_server.runtime.faults.chance import fraction
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.fault import Change, Event, Fault, FaultKind, FaultSpec
from cta_server.runtime.faults.kinds import KINDS
from cta_server.runtime.faults.survey import survey


def compile_fault(spec: FaultSpec, sample: Sequence[dict[str, Any]]) -> Fault:
    """The fault, made for events such as the sample's, which stay as they are.

    Raises `InvalidInput` that names the field of the spec and the remedy: unknown kind, path or parameter, values
    that do not fit, or a fault that would change nothing.
    """
    kind = KINDS.get(spec.kind)
    if kind is None:
        raise InvalidInput.of("kind", f"must be one of {', '.join(KINDS)}")
    known = ", ".join(kind.parameters) or "no parameters"
    problems = [
        Violation(f"parameters.{name}", f"{spec.kind} does not know it; it takes {known}")
        for name in spec.parameters
        if name not in kind.parameters
    ]
    if not 0 <= spec.share <= 1:
        problems.append(Violation("share", "must lie between 0 and 1; 0 means all events"))
    if problems:
        raise InvalidInput(problems)
    if not sample:
        raise InvalidInput.of("source_id", "the source has no events to which a fault could be fitted")
    draft = Draft(spec, survey(sample))
    made = kind.make(draft)
    settled = FaultSpec(
        source_id=spec.source_id,
        kind=spec.kind,
        path=draft.path,
        parameters=draft.settled,
        share=spec.share,
        seed=spec.seed,
    )
    always = _applier(made.change, share=0.0, seed=0)
    raws = [encode(event) for event in sample]
    if all(encode(always(decode(raw))) == raw for raw in raws):
        raise InvalidInput.of(
            "path", f"{spec.kind} would change none of the source's events there; choose another field"
        )
    some = f" in {spec.share:.3g} of the events" if 0 < spec.share < 1 else ""
    return Fault(spec=settled, words=made.words + some, apply=_applier(made.change, share=spec.share, seed=spec.seed))


def fault_kinds() -> tuple[FaultKind, ...]:
    """All kinds, described."""
    return tuple(
        FaultKind(kind=kind.name, description=kind.description, parameters=kind.parameters) for kind in KINDS.values()
    )


def _applier(change: Change, *, share: float, seed: int) -> Callable[[Event], Event]:
    """Applies a change to the events that the share hits; where it does not fit, the event stays as it was."""

    def apply(event: Event) -> Event:
        raw = encode(event)
        if 0 < share < 1 and fraction(raw, seed) >= share:
            return event
        try:
            change(event)
        except EventRefused:
            return decode(raw)  # it may be changed by half
        return event

    return apply
