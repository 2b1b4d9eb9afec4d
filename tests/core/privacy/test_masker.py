"""The masker: an event's copy as it may be stored and shown."""

from __future__ import annotations

from typing import Any

import pytest

from cta_core.contract import compile_contract
from cta_core.event import EventLimits, decode, encode
from cta_core.privacy import Mask, Masker, Method
from cta_core.privacy.mask import problems_of
from cta_core.privacy.masker import HIDDEN
from cta_core.privacy.relax import relaxed

KEY = b"k" * 32
CONTRACT = compile_contract(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "card": {"type": "string", "pattern": "^[0-9]{16}$"},
            "state": {"enum": ["OPEN", "PAID"]},
            "born": {"type": "string", "format": "date"},
            "customer": {"$ref": "#/$defs/customer"},
            "items": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "properties": {"sku": {"type": "string"}, "to": {"type": "string"}}},
            },
            "free": {"type": "object"},
        },
        "required": ["id", "card", "customer"],
        "$defs": {
            "customer": {
                "type": "object",
                "properties": {"name": {"type": "string", "minLength": 3}, "age": {"type": "integer", "maximum": 150}},
                "required": ["name"],
            }
        },
    }
)
EVENT: dict[str, Any] = {
    "id": "o-1",
    "card": "4111111111111111",
    "state": "PAID",
    "born": "1815-12-10",
    "customer": {"name": "Ada", "age": 36},
    "items": [{"sku": "A-1", "to": "London"}, {"sku": "B-2", "to": "Paris"}],
}


def _masker(*masks: Mask) -> Masker:
    return Masker(masks, CONTRACT, KEY)


def test_a_masked_field_is_in_disguise_and_the_others_stay() -> None:
    """HASH hides the field, and what the contract knows besides stays byte for byte."""
    copy = _masker(Mask(path="/card")).event(EVENT)
    assert copy == {**EVENT, "card": copy["card"]}
    assert copy["card"] != EVENT["card"]
    assert copy["card"].isdigit()


def test_a_dropped_field_is_not_there() -> None:
    """DROP leaves the member out, in arrays of every member."""
    copy = _masker(Mask(path="/items/*/to", method=Method.DROP), Mask(path="/born", method=Method.DROP)).event(EVENT)
    assert "born" not in copy
    assert copy["items"] == [{"sku": "A-1"}, {"sku": "B-2"}]


def test_a_mask_hides_what_is_below() -> None:
    """A masked object has all its values hidden, under whatever names."""
    copy = _masker(Mask(path="/customer")).event({**EVENT, "customer": {"name": "Ada", "more": {"phone": "555-1234"}}})
    assert "Ada" not in str(copy)
    assert "555-1234" not in str(copy)


@pytest.mark.parametrize(
    "change",
    [
        {"cc": "4111111111111111"},
        {"pay": {"card": "4111111111111111"}},
        {"cards": ["4111111111111111"]},
        {"customer": {"name": "x", "card": "4111111111111111"}},
        {"free": {"card": "4111111111111111"}},
        {"items": [{"sku": "A-1", "card": "4111111111111111"}]},
        {"items": ["4111111111111111"]},
        {"items": "4111111111111111"},
        {"customer": "4111111111111111"},
        {"id": {"card": "4111111111111111"}},
        {"id": ["4111111111111111"]},
    ],
)
def test_what_the_contract_does_not_know_is_hidden_too(change: dict[str, Any]) -> None:
    """A value that came under a new name, into a new place or in the place of an object is in disguise."""
    masker = _masker(Mask(path="/card"))
    event = {**{key: value for key, value in EVENT.items() if key != "card"}, **change}
    assert b"4111111111111111" not in masker.raw(encode(event))


def test_without_a_contract_only_the_named_fields_are_hidden() -> None:
    """Nothing says which members are new: they stay."""
    masker = Masker((Mask(path="/card"),), None, KEY)
    copy = masker.event({"card": "4111111111111111", "cc": "4111111111111111", "list": [1, 2]})
    assert copy["cc"] == "4111111111111111"
    assert copy["list"] == [1, 2]
    assert copy["card"] != copy["cc"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[4111]", b'{"a":{"a":{"a":4111}}}', b'{"card":"\xff4111"}', b"4111" * 50])
def test_what_is_no_event_has_no_copy(raw: bytes) -> None:
    """Bytes that cannot be read within the limits may hold anything: nothing of them is kept."""
    assert Masker((Mask(path="/card"),), CONTRACT, KEY, EventLimits(max_bytes=100, max_depth=2)).raw(raw) == b""


def test_the_event_itself_is_not_changed() -> None:
    """A copy is another event; the event goes on as it came."""
    event = decode(encode(EVENT))
    _masker(Mask(path="/card"), Mask(path="/customer/name", method=Method.DROP)).event(event)
    assert event == EVENT


def test_a_copy_satisfies_the_relaxed_contract_and_not_the_real_one() -> None:
    """Patterns, formats and bounds of hidden fields and the presence of dropped ones are not asked of a copy."""
    masks = (
        Mask(path="/card", method=Method.DROP),
        Mask(path="/born"),
        Mask(path="/customer"),
        Mask(path="/items/*", method=Method.DROP),
    )
    copy = Masker(masks, CONTRACT, KEY).event({**EVENT, "born": "1815-12-10", "customer": {"name": "Ada", "age": 136}})
    assert not CONTRACT.holds(copy)
    assert compile_contract(relaxed(CONTRACT.schema, masks)).holds(copy)


def test_the_relaxed_contract_still_asks_for_everything_else() -> None:
    """What is not masked is asked of a copy as it is of an event, and a hidden field still has its type."""
    contract = compile_contract(relaxed(CONTRACT.schema, (Mask(path="/customer/age"), Mask(path="/card"))))
    assert contract.holds(EVENT)
    assert not contract.holds({**EVENT, "state": "LOST"})
    assert not contract.holds({**EVENT, "card": 1})
    assert not contract.holds({**EVENT, "customer": {"age": 1}})
    assert not contract.holds({**EVENT, "customer": {"name": "Ada", "age": "36"}})
    assert contract.holds({**EVENT, "customer": {"name": "Ada", "age": 999}})


def test_messages_are_hidden_unless_they_name_a_field() -> None:
    """A missing key names a field; any other sentence may quote a value."""
    masker = _masker(Mask(path="/card"))
    assert masker.message("'card'") == "'card'"
    assert masker.message("card 4111 is not valid") == HIDDEN
    assert masker.message("4111111111111111") == HIDDEN
    assert masker.message("") == ""


def test_masks_that_cannot_be_kept_to_are_refused_by_name() -> None:
    """A listed value cannot be hidden by a hash, a pointer has to name a field, and a field is masked once."""
    masks = (
        Mask(path="/state"),
        Mask(path="/state", method=Method.DROP),
        Mask(path=""),
        Mask(path="card"),
        Mask(path="/card"),
    )
    found = {violation.field: violation.remedy for violation in problems_of(masks, CONTRACT)}
    assert set(found) == {"masks[0].method", "masks[1].path", "masks[2].path", "masks[3].path"}
    assert "/state" in found["masks[0].method"]
    assert "DROP" in found["masks[0].method"]
