"""Faults: every kind does what it says, the same each time, and says what it cannot do."""

from __future__ import annotations

import copy
from functools import cache
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.compile import compile_program
from cta_core.adapter.program import Program
from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import (
    AnyStep,
    Cast,
    DateTime,
    Default,
    EnumEntry,
    EnumMap,
    LetterCase,
    Letters,
    Merge,
    MergeRule,
    Move,
    NullAction,
    NullForm,
    NumberFormat,
    Parse,
    Rename,
    Scale,
    ScaleRow,
    Split,
    Swap,
    Unwrap,
    Wrap,
    WrapForm,
)
from cta_core.contract import compile_contract
from cta_core.errors import InvalidInput
from cta_server.consumers.payments import auditor, intake, retriever
from cta_server.runtime.faults import Fault, FaultSpec, compile_fault, fault_kinds
from cta_server.runtime.sources.populations import POPULATIONS

Event = dict[str, Any]


@cache
def encoded(population: str, count: int) -> tuple[bytes, ...]:
    """Events of a population as bytes, some days apart so that dates differ."""
    starts = (0, 50_000, 100_000, 150_000)
    made = (islice(POPULATIONS[population].events(3, start), count // 4) for start in starts)
    return tuple(msgspec.json.encode(event) for part in made for event in part)


def events(population: str, count: int = 200) -> list[Event]:
    """Fresh events of a population."""
    return [msgspec.json.decode(raw) for raw in encoded(population, count)]


def fault(population: str, kind: str, path: str = "", *, share: float = 0.0, seed: int = 0, **parameters: Any) -> Fault:
    """A fault made for a population."""
    spec = FaultSpec(kind=kind, path=path, parameters=parameters, share=share, seed=seed)
    return compile_fault(spec, events(population))


HEALED: list[tuple[str, str, str, dict[str, Any], list[AnyStep]]] = [
    ("payments", "rename", "/amount", {"to": "amt"}, [Rename(source="/amt", target="/amount")]),
    ("orders", "rename", "/items/*/sku", {"to": "id"}, [Rename(source="/items/*/id", target="/items/*/sku")]),
    ("payments", "move", "/amount", {"to": "/money/value"}, [Move(source="/money/value", target="/amount")]),
    ("payments", "move", "/customer", {"to": "/who"}, [Move(source="/who", target="/customer")]),
    ("payments", "cast", "/amount", {}, [Cast(path="/amount", to=JsonType.NUMBER)]),
    ("payments", "cast", "/recurring", {"to": "text"}, [Cast(path="/recurring", to=JsonType.BOOLEAN)]),
    (
        "orders",
        "number_format",
        "/items/*/unit_price",
        {"style": "german", "suffix": " €"},
        [NumberFormat(path="/items/*/unit_price", decimal=",", group=".", suffix=" €")],
    ),
    ("payments", "scale", "/amount", {"factor": 100}, [Scale(path="/amount", denominator=100, to=JsonType.NUMBER)]),
    (
        "telemetry",
        "scale",
        "/readings/temperature",
        {"factor": 1.8, "offset": 32},
        [Scale(path="/readings/temperature", offset=-32), Scale(path="/readings/temperature", denominator=1.8)],
    ),
    (
        "payments",
        "datetime",
        "/created_at",
        {"to": "epoch_ms"},
        [DateTime(path="/created_at", source="epoch_ms", target="rfc3339")],
    ),
    (
        "payments",
        "datetime",
        "/created_at",
        {"to": "%Y-%m-%dT%H:%M:%S", "zone": "+05:30"},
        [DateTime(path="/created_at", source="%Y-%m-%dT%H:%M:%S", target="rfc3339", source_zone="+05:30")],
    ),
    ("telemetry", "datetime", "/ts", {"to": "rfc3339"}, [DateTime(path="/ts", source="rfc3339", target="epoch_s")]),
    (
        "orders",
        "enum_recode",
        "/channel",
        {"style": "letters"},
        [EnumMap(path="/channel", entries=(EnumEntry(source="W", target="web"), EnumEntry(source="A", target="app")))],
    ),
    (
        "payments",
        "enum_recode",
        "/recurring",
        {"entries": {"true": 1.0, "false": 0.0}},
        [EnumMap(path="/recurring", entries=(EnumEntry(source=1, target=True), EnumEntry(source=0, target=False)))],
    ),
    ("telemetry", "omit_constant", "/unit", {}, [Default(path="/unit", value="C")]),
    (
        "payments",
        "join",
        "/customer/name",
        {"with": "/customer/email", "separator": "|", "to": "who"},
        [Split(source="/customer/who", separator="|", targets=("/customer/name", "/customer/email"))],
    ),
    (
        "payments",
        "split",
        "/created_at",
        {"separator": "T", "first": "day", "second": "hour"},
        [Merge(sources=("/day", "/hour"), target="/created_at", rule=MergeRule.JOIN, separator="T")],
    ),
    ("payments", "wrap", "/method", {}, [Unwrap(path="/method", form=WrapForm.ONE_ELEMENT)]),
    (
        "orders",
        "wrap",
        "/shipping",
        {"form": "one_element", "inner_key": "it"},
        [Unwrap(path="/shipping", form=WrapForm.ONE_ELEMENT, inner_key="it")],
    ),
    ("orders", "wrap", "/shipping", {"form": "pairs"}, [Unwrap(path="/shipping", form=WrapForm.PAIRS)]),
    ("shipments", "unwrap", "/depots", {}, [Wrap(path="/depots", form=WrapForm.ONE_ELEMENT)]),
    ("orders", "json_text", "/items", {}, [Parse(path="/items")]),
    (
        "telemetry",
        "null_words",
        "/readings/soil",
        {"word": "N/A"},
        [NullForm(path="/readings/soil", forms=("N/A",), action=NullAction.NULL)],
    ),
    ("sessions", "swap", "/status", {"with": "/bytes_out"}, [Swap(left="/status", right="/bytes_out")]),
    ("payments", "letter_case", "/status", {}, [LetterCase(path="/status", to=Letters.LOWER)]),
    (
        "payments",
        "schema_drift",
        "/amount",
        {"to": "amt"},
        [Rename(source="/amt", target="/amount"), Cast(path="/amount", to=JsonType.NUMBER)],
    ),
    (
        "orders",
        "currency_mix",
        "/total",
        {"currency": "CHF", "by": "/currency"},
        [
            Scale(
                path="/total",
                by="/currency",
                to=JsonType.NUMBER,
                table=(ScaleRow(label="CHF", denominator=100), ScaleRow(label="EUR")),
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("population", "kind", "path", "parameters", "healing"), HEALED, ids=[f"{h[1]}-{h[2]}" for h in HEALED]
)
def test_a_fault_is_what_its_step_heals(
    population: str, kind: str, path: str, parameters: dict[str, Any], healing: list[AnyStep]
) -> None:
    """Every event changes, and the adapter that the kind's description names brings every event back."""
    made = fault(population, kind, path, **parameters)
    adapter = compile_program(Program(steps=tuple(healing)))
    changed = 0
    for before, event in zip(events(population), events(population), strict=True):
        drifted = made.apply(event)
        changed += msgspec.json.encode(drifted) != msgspec.json.encode(before)  # 1 and true are equal in Python
        assert adapter.apply(msgspec.json.decode(msgspec.json.encode(drifted))) == before
    assert changed > 10


def test_dropped_fields_are_gone() -> None:
    """Drop takes the field out of every event, and out of every member of an array."""
    gifts, customers = fault("orders", "drop", "/items/*/gift"), fault("payments", "drop", "/customer")
    assert all("gift" not in item for event in events("orders") for item in gifts.apply(event)["items"])
    assert all("customer" not in customers.apply(event) for event in events("payments"))


def test_schema_drift_stops_intake() -> None:
    """With the amount renamed and retyped, the first stage of the payments consumer raises on every event."""
    made = fault("payments", "schema_drift", "/amount", seed=4)
    for event in events("payments"):
        with pytest.raises(KeyError):
            intake(made.apply(event))


def test_tool_ambiguity_fails_some_look_ups() -> None:
    """About half of the merchants arrive in a spelling that the Retriever's table does not know; the others pass."""
    made = fault("payments", "tool_ambiguity", "/merchant")
    failed = 0
    for event in events("payments", 800):
        try:
            retriever(intake(made.apply(event)))
        except LookupError:
            failed += 1
    assert 300 < failed < 500


def test_currency_mix_is_silent() -> None:
    """Amounts of one currency are a hundred times too large, and neither the contract nor the consumer sees it."""
    made = fault("payments", "currency_mix", seed=2)
    contract = compile_contract(dict(POPULATIONS["payments"].contract))
    currency = made.spec.parameters["currency"]
    hit = 0
    for before, event in zip(events("payments"), events("payments"), strict=True):
        after = made.apply(event)
        assert contract.violations(after) == ()
        auditor(retriever(intake(after)))
        if before["currency"] == currency:
            hit += 1
            assert after["amount"] == round(before["amount"] * 100)
            assert type(after["amount"]) is int
        else:
            assert after == before
    assert 0 < hit < 100


@pytest.mark.parametrize("kind", [kind.kind for kind in fault_kinds()])
def test_the_seed_chooses_and_chooses_the_same(kind: str) -> None:
    """Without path and parameters every kind fits some population; the same seed gives the same bytes, and its choice,
    given back as a spec, gives them again.
    """
    fitted, refusals = 0, []
    for population in POPULATIONS:
        for seed in range(2):
            try:
                one = fault(population, kind, seed=seed)
            except InvalidInput as error:
                refusals.append(str(error))
                break
            fitted += 1
            two = compile_fault(one.spec, events(population))
            assert two.words == one.words
            sent = [msgspec.json.encode(one.apply(event)) for event in events(population)]
            assert [msgspec.json.encode(two.apply(event)) for event in events(population)] == sent
            again = fault(population, kind, seed=seed)
            assert [msgspec.json.encode(again.apply(event)) for event in events(population)] == sent
            assert sent != [msgspec.json.encode(event) for event in events(population)]
            assert again.words
            assert again.spec.path
    assert fitted >= 4
    assert all("choose another kind" in refusal for refusal in refusals)


def test_another_seed_chooses_otherwise() -> None:
    """Twenty seeds do not all choose the same field."""
    assert len({fault("payments", "rename", seed=seed).spec.path for seed in range(20)}) > 5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_hits_that_share_of_the_events(share: float) -> None:
    """The share is kept to within chance, an event is always treated the same, and two seeds choose independently."""
    one, two = (fault("payments", "drop", "/method", share=share, seed=seed) for seed in (1, 2))
    sample = [e for e, _ in zip(POPULATIONS["payments"].events(8), range(4000), strict=False)]
    hit_one, hit_two = (["method" not in made.apply(copy.deepcopy(event)) for event in sample] for made in (one, two))
    assert hit_one == ["method" not in one.apply(copy.deepcopy(event)) for event in sample]
    assert abs(sum(hit_one) / 4000 - share) < 0.03
    both = sum(a and b for a, b in zip(hit_one, hit_two, strict=True)) / 4000
    assert abs(both - share * share) < 0.03
    assert f"in {share:.3g} of the events" in one.words


def test_an_event_that_does_not_fit_is_sent_as_it_was() -> None:
    """Where a value is not what the fault was made for, the event passes unchanged, in part and in whole."""
    made = fault("orders", "cast", "/items/*/quantity")
    odd = {"items": [{"quantity": 1}, {"quantity": {"of": 2}}, {"quantity": 3}]}
    assert made.apply(copy.deepcopy(odd)) == odd
    assert made.apply({"something": "else"}) == {"something": "else"}
    assert made.apply({"items": [{"quantity": 1}]}) == {"items": [{"quantity": "1"}]}


def test_the_sample_stays_as_it_is() -> None:
    """Making a fault changes nothing of the events it looks at."""
    sample = events("orders")
    compile_fault(FaultSpec(kind="rename", seed=1), sample)
    assert sample == events("orders")


def test_faults_compose() -> None:
    """A fault made for events that another one changed finds the fields as they are then."""
    one = fault("payments", "move", "/amount", to="/money/value")
    moved = [one.apply(event) for event in events("payments")]
    two = compile_fault(FaultSpec(kind="number_format", path="/money/value", parameters={"style": "german"}), moved)
    event = two.apply(one.apply(events("payments")[1]))
    assert isinstance(event["money"]["value"], str)


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        (FaultSpec(kind="explode"), "kind", "must be one of rename, move"),
        (FaultSpec(kind="rename", path="/nothing"), "path", "no event of the source has /nothing; there are /id"),
        (FaultSpec(kind="rename", path="amount"), "path", "starts with /"),
        (FaultSpec(kind="scale", path="/merchant"), "path", "/merchant is not a number; /amount"),
        (FaultSpec(kind="rename", path="/amount", parameters={"two": 1}), "parameters.two", "it takes to"),
        (FaultSpec(kind="drop", parameters={"to": "x"}), "parameters.to", "no parameters"),
        (FaultSpec(kind="rename", path="/amount", parameters={"to": "status"}), "parameters.to", "not taken"),
        (FaultSpec(kind="rename", path="/amount", parameters={"to": 5}), "parameters.to", "must be text"),
        (FaultSpec(kind="rename", path="/amount", parameters={"to": ""}), "parameters.to", "a name"),
        (FaultSpec(kind="move", path="/amount", parameters={"to": "/status"}), "parameters.to", "free"),
        (FaultSpec(kind="move", path="/amount", parameters={"to": "money"}), "parameters.to", "starts with /"),
        (FaultSpec(kind="scale", path="/amount", parameters={"factor": "x"}), "parameters.factor", "a number"),
        (FaultSpec(kind="scale", path="/amount", parameters={"factor": 1}), "path", "change none"),
        (FaultSpec(kind="cast", path="/amount", parameters={"to": "number"}), "parameters.to", "already"),
        (FaultSpec(kind="cast", path="/amount", parameters={"to": "soup"}), "parameters.to", "one of text, number"),
        (
            FaultSpec(kind="number_format", path="/amount", parameters={"decimals": 2.5}),
            "parameters.decimals",
            "integer",
        ),
        (FaultSpec(kind="datetime", path="/created_at", parameters={"to": "soup"}), "parameters.to", ""),
        (FaultSpec(kind="datetime", path="/created_at", parameters={"to": "date"}), "parameters.to", "lose"),
        (FaultSpec(kind="datetime", path="/created_at", parameters={"zone": "Mars"}), "parameters.zone", "offset"),
        (FaultSpec(kind="enum_recode", path="/status", parameters={"entries": [1]}), "parameters.entries", "object"),
        (FaultSpec(kind="join", path="/customer/name", parameters={"with": "/method"}), "parameters.with", "/customer"),
        (FaultSpec(kind="split", path="/method", parameters={"separator": "T"}), "path", "divides"),
        (FaultSpec(kind="null_words", path="/amount"), "path", "null now and then"),
        (FaultSpec(kind="unwrap"), "path", "choose another kind"),
        (FaultSpec(kind="tool_ambiguity", parameters={"part": 0}), "parameters.part", "above 0"),
        (FaultSpec(kind="currency_mix", parameters={"currency": "ZZZ"}), "parameters.currency", "one of CHF, EUR"),
        (FaultSpec(kind="currency_mix", parameters={"by": "/id"}), "parameters.by", "/currency"),
        (FaultSpec(kind="rename", share=1.5), "share", "between 0 and 1"),
        (FaultSpec(kind="rename", share=float("nan")), "share", "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(spec: FaultSpec, field: str, words: str) -> None:
    """An unknown kind, path or parameter is named, and what would fit is said."""
    with pytest.raises(InvalidInput) as caught:
        compile_fault(spec, events("payments"))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert words in caught.value.violations[0].remedy


def test_a_source_without_events_takes_no_fault() -> None:
    """Nothing can be fitted to no events."""
    with pytest.raises(InvalidInput, match="no events"):
        compile_fault(FaultSpec(kind="rename"), [])


def test_all_kinds_describe_themselves() -> None:
    """Every kind has a description, and every parameter a meaning; the three of the reference system are there."""
    kinds = {kind.kind: kind for kind in fault_kinds()}
    assert {"schema_drift", "tool_ambiguity", "currency_mix"} < kinds.keys()
    assert len(kinds) == 20
    assert all(kind.description and all(kind.parameters.values()) for kind in kinds.values())


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), _json, max_size=4), min_size=1, max_size=5),
    st.sampled_from([kind.kind for kind in fault_kinds()]),
    st.integers(-(2**63), 2**63 - 1),
)
def test_any_events_and_any_seed(sample: list[Event], kind: str, seed: int) -> None:
    """On events of any shape a fault either is refused in words, or gives JSON, the same each time."""
    try:
        made = compile_fault(FaultSpec(kind=kind, seed=seed), sample)
    except InvalidInput:
        return
    for event in sample:
        one, two = (msgspec.json.encode(made.apply(copy.deepcopy(event))) for _ in range(2))
        assert one == two
