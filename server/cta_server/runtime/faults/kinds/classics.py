"""The three failures of the reference system, on any population: schema drift, tool ambiguity, currency mix."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from cta_core.adapter.access import rewriter
from cta_core.adapter.steps import Rename
from cta_core.errors import EventRefused, InvalidInput
from cta_core.event import encode
from cta_core.path import get, parse
from cta_server.runtime.faults.chance import fraction
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.fault import Event
from cta_server.runtime.faults.kinds.kind import Kind, Made, by_steps, is_number, is_text
from cta_server.runtime.faults.kinds.names import new_name
from cta_server.runtime.faults.kinds.numbers import cast_of, castable, scaled
from cta_server.runtime.faults.survey import Seen

_ID: Final = re.compile(r"([A-Za-z]+)([-_ ]?)([0-9]+)")
_CODE: Final = re.compile(r"[A-Z]{3}")
_MONEY: Final = ("amount", "total", "price", "cost", "fee", "sum")

_OTHER_DICE: Final = 0x5EED
"""Keeps the choice of the spelling independent of the fault's share, which is decided by the seed alone."""

_SPELLINGS: Final[dict[str, Callable[[re.Match[str]], str]]] = {
    "upper": lambda id_: id_[0].upper() if id_[0] != id_[0].upper() else id_[0].lower(),
    "compact": lambda id_: id_[1] + id_[3] if id_[2] else f"{id_[1]}-{id_[3]}",
    "bare": lambda id_: id_[3],
}


def _schema_drift(draft: Draft) -> Made:
    seen = draft.field(castable, "a number, a boolean, or text that is a number")
    target = draft.key("to", seen.pointer, new_name(seen.name, draft.rng))
    return by_steps(Rename(source=seen.pointer, target=target), cast_of(seen, target))


def _is_key(seen: Seen) -> bool:
    """Ids that come again and again: what a tool looks up."""
    if not is_text(seen) or seen.nested or not all(_ID.fullmatch(value) for value in seen.values):
        return False
    # Of 200 events some must share their id; a field that is new in every event names the event itself.
    return 1 < len(seen.distinct()) <= 0.9 * len(seen.values)


def _tool_ambiguity(draft: Draft) -> Made:
    seen = draft.field(_is_key, "an id such as m-0042 that occurs in many events")
    spelling = draft.choice("spelling", tuple(_SPELLINGS))
    part = draft.number("part", 0.5)
    if not 0 < part <= 1:
        raise InvalidInput.of("parameters.part", "must be above 0 and at most 1")
    respell = rewriter(parse(seen.pointer), _respelled(seen.pointer, spelling))
    seed = draft.seed ^ _OTHER_DICE

    def change(event: Event) -> None:
        if fraction(encode(event), seed) < part:
            respell(event)

    example = _ID.fullmatch(seen.distinct()[0])
    also = f" ({seen.distinct()[0]} also as {_SPELLINGS[spelling](example)})" if example else ""
    return Made(change, f"spell {seen.pointer} in two ways{also}")


def _respelled(path: str, spelling: str) -> Callable[[Any], Any]:
    spell = _SPELLINGS[spelling]

    def respell(value: Any) -> Any:
        match = _ID.fullmatch(value) if type(value) is str else None
        if match is None:
            raise EventRefused("is no id that has a second spelling", path)
        return spell(match)

    return respell


def _is_currency(seen: Seen) -> bool:
    codes = is_text(seen) and not seen.nested and all(_CODE.fullmatch(value) for value in seen.values)
    return codes and 2 <= len(seen.distinct()) <= 50


def _is_money(seen: Seen) -> bool:
    return is_number(seen) and not seen.only(int) and any(word in seen.name.lower() for word in _MONEY)


def _currency_mix(draft: Draft) -> Made:
    labels = draft.other("parameters.by", draft.text("by", ""), _is_currency, "a currency code of several currencies")
    draft.settle("by", labels.pointer)
    fits = is_number if draft.path else _is_money
    seen = draft.field(fits, "a number" if draft.path else "an amount of money")
    codes = labels.distinct()
    # By default not the most frequent one: most events stay right, which is what makes the mix hard to see.
    currency = draft.choice("currency", sorted(codes), draft.rng.choice(codes[1:]))
    factor = draft.number("factor", 100)
    action = scaled(seen, factor).compile()
    by = parse(labels.pointer)

    def change(event: Event) -> None:
        if get(event, by) == currency:
            action(event)

    return Made(change, f"send {seen.pointer} of {currency} times {factor:g}, unmarked")


CLASSICS: Final = (
    Kind(
        name="schema_drift",
        description="a field gets another name and another type at once",
        parameters={"to": "the new name; left out: shortened or written in another way"},
        make=_schema_drift,
    ),
    Kind(
        name="tool_ambiguity",
        description="an id that a tool looks up comes in two spellings, so that the look-up fails for some events",
        parameters={
            "spelling": f"{', '.join(_SPELLINGS)}; left out: the seed chooses",
            "part": "share of the events with the second spelling; left out: 0.5",
        },
        make=_tool_ambiguity,
    ),
    Kind(
        name="currency_mix",
        description="amounts of one currency arrive in minor units, and nothing says so",
        parameters={
            "currency": "which one; left out: the seed chooses, not the most frequent",
            "by": "JSON Pointer of the currency code; left out: the seed chooses",
            "factor": "minor units in a unit; left out: 100",
        },
        make=_currency_mix,
    ),
)
