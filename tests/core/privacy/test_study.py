"""Masked events under analysis: what is healed on copies is right on the events, and the rest is left to a person.

The drifts are generated; each is analysed with masks on some of its fields, and what the adapter makes of the events
themselves is judged as it is without masks.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from cta_core import diagnosis
from cta_core.contract import compile_contract, learn
from cta_core.diagnosis.report import Decision, Report
from cta_core.event import decode, encode
from cta_core.gate import ActiveAdapter, Gate, OutcomeKind
from cta_core.path import leaves
from cta_core.privacy import Mask, Masker, Method
from cta_core.privacy.mask import problems_of
from cta_core.privacy.relax import relaxed
from cta_core.privacy.study import DROPPED, Study, is_quantity
from driftgen import Outcome, judge, make_case
from driftgen.cases import Case

KEY = b"k" * 32
BAR = 0.9
"""The policy's `min_confidence`: below it a person is asked."""


def _diagnosed(baseline: list[Any], drifted: list[Any], schema: dict[str, Any] | None) -> Report:
    contract = compile_contract(schema) if schema else None
    return diagnosis.diagnose(diagnosis.Baseline(baseline), drifted, contract)


def _outcome(case: Case, report: Report) -> Outcome:
    """What the report's adapter makes of the events themselves, under the contract itself."""
    heals = report.decision is Decision.HEAL and report.confidence >= BAR and report.program is not None
    adapters = [ActiveAdapter(adapter_id="a", revision=1, program=report.program)] if heals and report.program else []
    gate = Gate(compile_contract(case.contract) if case.contract else None, adapters)
    outcomes = gate.judge_many([encode(event) for event in case.drifted])
    lines = [decode(each.raw) if each.kind is not OutcomeKind.QUARANTINED else None for each in outcomes]
    decision = report.decision if heals or report.decision is not Decision.HEAL else Decision.ESCALATE
    return judge(case, decision.value, lines)


def _masks(case: Case, seed: int) -> tuple[Mask, ...]:
    """Some masks that the case's stream could have."""
    rng = random.Random(seed)
    contract = compile_contract(case.contract or learn(case.baseline))
    paths = sorted({path for event in case.baseline[:50] for path, _ in leaves(event)})
    methods = (Method.HASH, Method.HASH, Method.HASH, Method.DROP)
    wanted = [Mask(path=path, method=rng.choice(methods)) for path in rng.sample(paths, min(2, len(paths)))]
    refused = {violation.field for violation in problems_of(wanted, contract)}
    return tuple(mask for index, mask in enumerate(wanted) if f"masks[{index}].method" not in refused)


def _masked(case: Case, masks: tuple[Mask, ...]) -> Report:
    contract = compile_contract(case.contract or learn(case.baseline))
    masker = Masker(masks, contract, KEY)
    healthy = [masker.raw(encode(event)) for event in case.baseline]
    study = Study(masker, contract, healthy, [encode(event) for event in case.drifted])
    schema = relaxed(case.contract, masks) if case.contract else None
    baseline, drifted = [decode(raw) for raw in study.healthy], [decode(raw) for raw in study.drifted]
    return study.judged(_diagnosed(baseline, drifted, schema))


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_no_drift_is_healed_wrongly_because_fields_are_masked(first: int) -> None:
    """Over generated drifts, harmless changes and traps: with masks there is never an unsafe heal, and no other program
    heals than without them.
    """
    seen: Counter[tuple[Outcome, Outcome]] = Counter()
    for seed in range(first, first + 20):
        case = make_case(seed)
        masks = _masks(case, seed)
        if not masks:
            continue
        plain, masked = _diagnosed(case.baseline, case.drifted, case.contract), _masked(case, masks)
        before, after = _outcome(case, plain), _outcome(case, masked)
        seen[before, after] += 1
        assert after is not Outcome.UNSAFE, (seed, case.changes, masks, masked.fix)
        if after is Outcome.HEALED and before is Outcome.HEALED:
            assert masked.program is not None
            assert plain.program is not None
            assert masked.program.steps == plain.program.steps
        if after is Outcome.PARTIAL:
            assert before is not Outcome.HEALED, (seed, case.changes, masks, masked.fix)
    assert seen[Outcome.HEALED, Outcome.HEALED] > 0


def _payments(count: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "id": f"pay-{seed}-{number}",
            "card": "".join(rng.choice("0123456789") for _ in range(16)),
            "holder": f"{rng.choice(['Ada', 'Grace', 'Emmy', 'Lise'])} {rng.choice(['Byron', 'Hopper', 'Noether'])}",
            "amount": round(rng.lognormvariate(4, 1), 2),
            "points": rng.randrange(10, 900),
            "born": f"19{rng.randrange(40, 99)}-{rng.randrange(1, 12):02}-{rng.randrange(1, 28):02}",
            "state": rng.choice(["PAID", "OPEN", "VOID"]),
        }
        for number in range(count)
    ]


SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "card": {"type": "string", "pattern": "^[0-9]{16}$"},
        "holder": {"type": "string"},
        "amount": {"type": "number"},
        "points": {"type": "integer"},
        "born": {"type": "string", "format": "date"},
        "state": {"type": "string", "enum": ["PAID", "OPEN", "VOID"]},
    },
    "required": ["id", "card", "holder", "amount", "points", "born", "state"],
}


def _case(change: Any) -> Case:
    baseline, healthy = _payments(300, 1), _payments(300, 2)
    drifted = [change(dict(event)) for event in healthy]
    return Case("payments", "heal", SCHEMA, baseline, drifted, list(healthy), (), 0.0)


def _renamed(old: str, new: str) -> Any:
    return lambda event: {(new if key == old else key): value for key, value in event.items()}


def _nested(event: dict[str, Any]) -> dict[str, Any]:
    card = event.pop("card")
    return {**event, "payment": {"card": card}}


CARD = (Mask(path="/card"), Mask(path="/holder"))


@pytest.mark.parametrize(
    "change",
    [
        _renamed("card", "cardNumber"),
        _renamed("holder", "card_holder"),
        _nested,
        lambda event: {**event, "card": [event["card"]]},
        _renamed("state", "status"),
        lambda event: {**event, "amount": str(event["amount"])},
        lambda event: {**event, "state": event["state"].lower()},
        lambda event: {
            **{k: v for k, v in event.items() if k != "amount"},
            "amount_cents": round(event["amount"] * 100),
        },
    ],
    ids=["rename masked", "rename a name", "move", "wrap", "rename", "retype", "case", "scale"],
)
def test_the_usual_drifts_are_healed_with_masks_as_without(change: Any) -> None:
    """A drift of a masked identifier, or of another field of a stream with masks, gets the same steps, and they are
    right for the events themselves.
    """
    case = _case(change)
    plain, masked = _diagnosed(case.baseline, case.drifted, SCHEMA), _masked(case, CARD)
    assert _outcome(case, plain) is Outcome.HEALED
    assert _outcome(case, masked) is Outcome.HEALED
    assert masked.program is not None
    assert plain.program is not None
    assert masked.program.steps == plain.program.steps


@pytest.mark.parametrize(
    ("masks", "change"),
    [
        ((Mask(path="/amount"),), lambda event: {**event, "amount": round(event["amount"] * 100)}),
        ((Mask(path="/amount"),), _renamed("amount", "amt")),
        ((Mask(path="/points"),), _renamed("points", "point")),
        ((Mask(path="/born"),), _renamed("born", "birth")),
        ((Mask(path="/born"),), lambda event: {**event, "born": "/".join(reversed(event["born"].split("-")))}),
        ((Mask(path="/card", method=Method.DROP),), _renamed("card", "cardNumber")),
        ((Mask(path="/state", method=Method.DROP),), lambda event: {**event, "state": event["state"].lower()}),
        ((Mask(path="/card", method=Method.DROP),), _renamed("holder", "card_holder")),
    ],
    ids=["cents", "amount", "count", "date", "date form", "dropped", "labels", "beside a dropped one"],
)
def test_what_copies_cannot_prove_is_left_to_a_person(masks: tuple[Mask, ...], change: Any) -> None:
    """A masked number may have another scale, a masked date another meaning; of a dropped field nothing is known."""
    report = _masked(_case(change), masks)
    assert report.decision is not Decision.HEAL or report.confidence <= DROPPED


def test_a_program_that_rests_on_hidden_values_is_not_handed_to_a_person_either() -> None:
    """Constants that come from a disguise would be wrong for the events: no reading and no fix has any."""
    report = _masked(_case(lambda event: {**event, "amount": round(event["amount"] * 100)}), (Mask(path="/amount"),))
    assert report.program is None
    assert not report.fix
    assert report.question
    assert not any(reading.program.steps for reading in report.readings)


def test_a_report_quotes_nothing_that_is_masked() -> None:
    """Whatever a masked field became, no part of a report has one of its values."""
    for change in (_renamed("card", "cc"), _nested, lambda event: {**event, "x": f"card {event['card']}"}):
        case = _case(change)
        text = msgspec.json.encode(_masked(case, CARD)).decode()
        for event in case.drifted:
            holder = next(value for value in event.values() if isinstance(value, str) and " " in value)
            assert holder.removeprefix("card ") not in text


@pytest.mark.parametrize(
    ("values", "quantity"),
    [
        (["4111111111111111"] * 20, False),
        ([4111111111111111] * 20, False),
        (["Ada Lovelace", "Grace"] * 10, False),
        (["+49 170 1234567", "+1 555 1234"] * 10, False),
        ([1, 22, 333] * 10, True),
        ([12345678.25] * 20, True),
        (["12.50", "7"] * 10, True),
        (["2026-01-02"] * 20, True),
        (["01/02/2026 10:11"] * 20, True),
        (["1234567"] * 20, True),
        ([None, True, {}], False),
    ],
)
def test_numbers_and_dates_are_quantities_and_identifiers_are_not(values: list[Any], *, quantity: bool) -> None:
    """What is counted, measured or dated has a scale; long numbers of one length and texts have none."""
    assert is_quantity(values) is quantity
