"""Faults of shape: a value in an array, an array without its brackets, an object as text; and times in another form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cta_core.adapter.steps import DateTime, Serialise, Unwrap, Wrap, WrapForm
from cta_core.errors import InvalidInput
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.kinds.kind import Kind, Made, accepts_all, by_steps, is_scalar
from cta_server.runtime.faults.survey import Seen

_TIME_FORMS: Final = ("rfc3339", "date", "epoch_s", "epoch_ms", "rfc2822", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S")
"""What the seed chooses from; every format of a datetime step can be asked for."""

_EPOCHS: Final = {"epoch_s": (10**9, 4 * 10**9), "epoch_ms": (10**12, 4 * 10**12)}
"""Integers that are read as times: the years 2001 to 2096."""


def _wrap(draft: Draft) -> Made:
    pairs_asked = draft.asked("form", "pairs")
    seen = draft.field(
        lambda seen: seen.only(dict) or (is_scalar(seen) and not pairs_asked),
        "an object" if pairs_asked else "a value or an object",
    )
    forms = ("one_element", "pairs") if seen.only(dict) else ("one_element",)
    form = draft.choice("form", forms)
    if form == "pairs":
        return by_steps(Wrap(path=seen.pointer, form=WrapForm.PAIRS))
    return by_steps(
        Wrap(path=seen.pointer, form=WrapForm.ONE_ELEMENT, inner_key=draft.text("inner_key", "")),
    )


def _unwrap(draft: Draft) -> Made:
    seen = draft.field(
        lambda seen: seen.only(list) and all(len(value) == 1 for value in seen.values), "an array of one element"
    )
    return by_steps(Unwrap(path=seen.pointer, form=WrapForm.ONE_ELEMENT))


def _json_text(draft: Draft) -> Made:
    seen = draft.field(lambda seen: seen.only(dict) or seen.only(list), "an object or an array")
    return by_steps(Serialise(path=seen.pointer))


def _time_form(seen: Seen) -> str:
    """The format of a field that holds times; empty if it holds none."""
    if seen.only(str):
        return next((form for form in ("rfc3339", "date", "rfc2822") if _reads(seen, form, "epoch_us")), "")
    for form, (least, most) in _EPOCHS.items():
        if seen.only(int) and all(least <= value < most for value in seen.values):
            return form
    return ""


def _reads(seen: Seen, source: str, target: str) -> Callable[[Any], Any] | None:
    """The change from one format to the other if every value of the sample bears it."""
    step = DateTime(path=seen.pointer, source=source, target=target)
    if list(step.problems()):
        return None
    change = step.change()
    return change if accepts_all(change, seen.values) else None


def _datetime(draft: Draft) -> Made:
    seen = draft.field(lambda seen: bool(_time_form(seen)), "a date or a time")
    source = _time_form(seen)
    possible = [form for form in _TIME_FORMS if form != source and _reads(seen, source, form)]
    to = draft.text("to", draft.rng.choice(possible) if possible else "")
    zone = draft.text("zone", "UTC")
    step = DateTime(path=seen.pointer, source=source, target=to, target_zone=zone)
    for problem in step.problems():
        names = {"target": "parameters.to", "target_zone": "parameters.zone"}
        raise InvalidInput.of(names.get(problem.field, "path"), problem.remedy)
    if not accepts_all(step.change(), seen.values):
        raise InvalidInput.of(
            "parameters.to", f"{seen.pointer} would lose a part of its time; {', '.join(possible)} fit"
        )
    return by_steps(step)


SHAPES: Final = (
    Kind(
        name="wrap",
        description="a value arrives in an array, or an object as a list of pairs; healed by an unwrap",
        parameters={
            "form": "one_element, or pairs for objects; left out: the seed chooses",
            "inner_key": "key that holds the value in the one element; left out: the element is the value",
        },
        make=_wrap,
    ),
    Kind(name="unwrap", description="an array of one element arrives as that element; healed by a wrap", make=_unwrap),
    Kind(name="json_text", description="an object or array arrives as JSON text; healed by a parse", make=_json_text),
    Kind(
        name="datetime",
        description="a date or time arrives in another format; healed by a datetime",
        parameters={
            "to": "format of the datetime step: epoch_s, epoch_ms, rfc3339, rfc2822, date, or a pattern %d.%m.%Y",
            "zone": "zone that it shows, +05:30; left out: UTC",
        },
        make=_datetime,
    ),
)
