"""The kinds of steps: parameters from their docstrings, and an example of each that is run through the engine here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args, get_type_hints

import msgspec

from cta_core.adapter.compile import compile_program
from cta_core.adapter.guard import Condition, Test, compile_guard
from cta_core.adapter.program import Program
from cta_core.adapter.step import StepBase
from cta_core.adapter.steps import KINDS
from cta_core.errors import EventRefused
from pages import text
from pages.examples import EXAMPLES, Example
from pages.text import code

CONDITION_EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "PRESENT": ({"path": "/amt", "test": "PRESENT"}, {"amt": None}, {"amount": 1}),
    "ABSENT": ({"path": "/amount", "test": "ABSENT"}, {"amt": 1}, {"amount": None}),
    "TYPE": ({"path": "/id", "test": "TYPE", "types": ["integer"]}, {"id": 7}, {"id": 7.0}),
    "EQUALS": ({"path": "/v", "test": "EQUALS", "values": [2, "2"]}, {"v": "2"}, {"v": 2.0}),
    "BETWEEN": ({"path": "/amount", "test": "BETWEEN", "minimum": 1000}, {"amount": 1999}, {"amount": "1999"}),
    "MATCHES": ({"path": "/day", "test": "MATCHES", "pattern": "[0-9]{8}"}, {"day": "20260301"}, {"day": "202603011"}),
}
"""A condition of each kind, an event for which it holds and one for which it does not."""


def overview() -> str:
    """All kinds in one table."""
    return text.table(
        ("kind", "what it does", "inverse", "loses"),
        (
            (f"[`{kind}`](#{kind})", _first_sentence(cls.__doc__), _inverse(step), step.loses() or "nothing")
            for kind, cls in KINDS.items()
            for step in [EXAMPLES[kind].made()]
        ),
    )


def sections() -> str:
    """One section per kind."""
    return "\n".join(_section(kind) for kind in KINDS)


def conditions() -> str:
    """The tests of a condition, each with an event that holds and one that does not."""
    meanings = text.below(Test)
    rows = []
    for test in Test:
        condition, holds, fails = CONDITION_EXAMPLES[test.name]
        asks = compile_guard([msgspec.convert(condition, Condition)])
        if not asks(holds) or asks(fails):
            raise AssertionError(f"the example of {test.name} is wrong")
        rows.append((code(test.name), meanings[test.name], _json(condition), _json(holds), _json(fails)))
    return text.table(("test", "asks", "written", "holds for", "does not hold for"), rows)


def _section(kind: str) -> str:
    cls, example = KINDS[kind], EXAMPLES[kind]
    step = example.made()
    facts = [
        f"- in words: {step.words()}",
        f"- inverse: {_inverse(step)}",
        f"- loses: {step.loses() or 'nothing'}",
    ]
    parts = [
        f"### {kind}\n",
        " ".join((cls.__doc__ or "").split()) + "\n",
        _parameters(cls),
        f"```json\n{msgspec.json.format(msgspec.json.encode(step), indent=2).decode()}\n```\n",
        text.table(("event", "becomes"), _rows(example)),
        "\n".join(facts) + "\n",
    ]
    return "\n".join(parts)


def _rows(example: Example) -> list[tuple[str, str]]:
    apply = compile_program(Program(steps=(example.made(),))).apply
    rows = []
    for event in example.events:
        shown = _json(event)
        try:
            rows.append((shown, _json(apply(msgspec.json.decode(msgspec.json.encode(event))))))
        except EventRefused as refused:
            rows.append((shown, f"refused: {refused}"))
    return rows


def _parameters(cls: type[msgspec.Struct]) -> str:
    rows = list(_parameter_rows(cls, ""))
    return text.table(("parameter", "type", "default", "meaning"), rows)


def _parameter_rows(cls: type[msgspec.Struct], prefix: str) -> Any:
    meanings, hints = text.below(cls), get_type_hints(cls)
    inherited = set(StepBase.__struct_fields__)
    for field in msgspec.structs.fields(cls):
        if field.name in inherited:
            continue
        hint = hints[field.name]
        default = "" if field.default is msgspec.NODEFAULT else code(msgspec.json.encode(field.default).decode())
        meaning = meanings.get(field.name, "")
        for member in _enums(hint):
            if any(m.value in meaning for m in member):
                continue  # the field's own words say which of them it takes
            said = text.below(member)
            choices = "; ".join(f"{code(m.value)} {said.get(m.name, '')}".strip() for m in member)
            meaning = f"{meaning} {choices}"
        yield code(prefix + field.name), _type(hint), default or "must be given", meaning
        for inner in _structs(hint):
            yield from _parameter_rows(inner, f"{prefix}{field.name}[].")


def _parts(hint: Any) -> tuple[Any, ...]:
    return tuple(part for arg in get_args(hint) for part in (arg, *_parts(arg))) or (hint,)


def _enums(hint: Any) -> list[type[StrEnum]]:
    return [part for part in dict.fromkeys(_parts(hint)) if isinstance(part, type) and issubclass(part, StrEnum)]


def _structs(hint: Any) -> list[type[msgspec.Struct]]:
    return [part for part in dict.fromkeys(_parts(hint)) if isinstance(part, type) and issubclass(part, msgspec.Struct)]


def _type(hint: Any) -> str:
    parts = _parts(hint)
    listed = "list of " if any(part is Ellipsis for part in parts) else ""
    if _structs(hint):
        return f"{listed}objects"
    if _enums(hint):
        return f"{listed}name"
    if bool in parts and str in parts:
        return f"{listed}JSON scalar" + ("s" if listed else "")
    word = next(
        {str: "text", int: "integer", float: "number", bool: "true or false"}[part]
        for part in parts
        if part in (str, int, float, bool)
    )
    return listed + word


def _inverse(step: Any) -> str:
    inverse = step.inverse()
    return inverse.words() if inverse is not None else "none"


def _first_sentence(doc: str | None) -> str:
    words = " ".join((doc or "").split())
    return words.split(". ", maxsplit=1)[0].rstrip(".") + "."


def _json(value: Any) -> str:
    return code(msgspec.json.encode(value).decode())
