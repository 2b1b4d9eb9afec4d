"""Faults of names and places: a field is called otherwise, lies elsewhere, or is gone."""

from __future__ import annotations

import re
from random import Random
from typing import Final

from cta_core.adapter.steps import Drop, Move, Rename
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.kinds.kind import Kind, Made, by_steps, is_scalar, parent
from cta_server.runtime.faults.survey import Seen

_SHORT: Final = {
    "amount": "amt",
    "currency": "ccy",
    "customer": "cust",
    "quantity": "qty",
    "number": "no",
    "temperature": "temp",
    "humidity": "hum",
    "pressure": "press",
    "address": "addr",
    "created": "cre",
    "merchant": "shop",
    "method": "mthd",
    "country": "ctry",
    "postcode": "zip",
    "price": "prc",
    "duration": "dur",
    "weight": "wgt",
    "status": "state",
    "total": "sum",
}
"""How producers shorten or rephrase words; what is not here loses its vowels."""

_HOLDERS: Final = ("details", "data", "attributes", "payload")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def new_name(name: str, rng: Random) -> str:
    """Another name for a field, such as a producer would choose: shortened, in the other case, or with a word more."""
    words = _WORD.findall(name) or [name]
    small = [word.lower() for word in words]
    shortened = "_".join(_SHORT.get(word) or _without_vowels(word) for word in small)
    other_case = small[0] + "".join(word.title() for word in small[1:]) if "_" in name else "_".join(small)
    choices = [shortened, other_case, f"{name}_value"]
    return rng.choice([choice for choice in choices if choice != name])


def _without_vowels(word: str) -> str:
    return word[:1] + re.sub("[aeiou]", "", word[1:]) if len(word) > 3 else word


def _any(_seen: Seen) -> bool:
    return True


def _rename(draft: Draft) -> Made:
    seen = draft.field(_any, "a field")
    target = draft.key("to", seen.pointer, new_name(seen.name, draft.rng))
    return by_steps(Rename(source=seen.pointer, target=target))


def _move(draft: Draft) -> Made:
    seen = draft.field(lambda seen: is_scalar(seen) or seen.only(dict), "a field with a value or an object")
    last = seen.pointer.rpartition("/")[2]
    above = parent(seen.pointer)
    nested = f"{above}/{draft.rng.choice(_HOLDERS)}/{last}"
    lifted = f"{parent(above)}/{last}"
    can_lift = above and not above.endswith("/*") and lifted not in draft.fields
    return by_steps(Move(source=seen.pointer, target=draft.pointer("to", lifted if can_lift else nested)))


def _drop(draft: Draft) -> Made:
    seen = draft.field(_any, "a field")
    return by_steps(Drop(path=seen.pointer))


def _omit_constant(draft: Draft) -> Made:
    seen = draft.field(
        lambda seen: seen.in_all and is_scalar(seen) and not seen.nulls and len(seen.distinct()) == 1,
        "the same in every event",
    )
    return Made(Drop(path=seen.pointer).compile(), f"no longer send {seen.pointer}, which is always the same")


NAMES: Final = (
    Kind(
        name="rename",
        description="a field gets another name; healed by a rename",
        parameters={"to": "the new name; left out: shortened or written in another way"},
        make=_rename,
    ),
    Kind(
        name="move",
        description="a field goes into an object of its own, or up a level; healed by a move",
        parameters={"to": "JSON Pointer of the new place"},
        make=_move,
    ),
    Kind(name="drop", description="a field is no longer sent; nothing heals that", make=_drop),
    Kind(
        name="omit_constant",
        description="a field that never changes is no longer sent; healed by a default where the contract knows it",
        make=_omit_constant,
    ),
)
