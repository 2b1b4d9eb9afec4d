"""Masked events under analysis: the copies that are compared, and which of the programs found they can carry.

Both sides are compared in disguise. A member that is new in the drifted events is read as it is, in the memory of the
analysis only, unless it may hold what a masked field held: then it is in disguise as the field itself is, and the two
can be told to be the same. A disguise keeps types, patterns and equality. It does not keep magnitudes within their
digits, dates, labels or what a text says, so a program that rests on those is never proposed: a person decides.

Called by the runtime around the diagnosis; pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.adapter.steps import AnyStep
from cta_core.contract import Contract
from cta_core.diagnosis.report import Decision, Evidence, Report, TestCase
from cta_core.errors import EventRefused
from cta_core.event import decode, encode
from cta_core.path import parse
from cta_core.privacy.mask import Mask, Method, covers
from cta_core.privacy.masker import Masker
from cta_core.privacy.newcomers import Seen, is_masked, revealed

IDENTIFIER: Final = 8
"""Digits from which numbers of one length are identifiers and no quantities: nobody scales a card number, and amounts
of eight digits and more do not all have the same number of them."""

DROPPED: Final = 0.5
"""Confidence at most where a stream drops fields: below every policy that wants evidence, so that a person is asked."""

FORMS: Final = 16
"""Forms of a healthy field beyond which it is free text, where a new form says nothing."""

STRANGE: Final = 0.02
"""Share of values of a new form that a masked field may have: one stray event of a sample of some dozen is more, and a
form that few healthy values have is among the 400 of a baseline's sample."""

_PROVABLE: Final = frozenset({"rename", "move", "copy", "cast", "letter_case", "wrap", "unwrap", "drop"})
"""Steps that move values or change their type or case. They do in disguise what they do to the values themselves."""

_NUMBER: Final = re.compile(r"-?[0-9]+(?:[.,][0-9]+)*(?:[eE][-+]?[0-9]+)?")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_DIGITS: Final = re.compile(r"\d+")
_DATE: Final = re.compile(r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}.*|[0-9]{1,2}:[0-9]{2}.*")


class Study:
    """The copies for one analysis."""

    def __init__(
        self,
        masker: Masker,
        contract: Contract | None,
        healthy: Sequence[bytes],
        drifted: Sequence[bytes],
        *,
        copied: bool = False,
    ) -> None:
        """`healthy` are copies; `drifted` are the events themselves, or, with `copied`, copies as well."""
        self._masks = masker.masks
        events = list(_decoded(drifted))
        here, there = Seen(events), Seen(_decoded(healthy))
        known = {field.path for field in contract.fields()} if contract is not None else set[str]()
        fresh = {path for path in here.values if path not in known and path not in there.values}
        fresh = {path for path in fresh if not is_masked(path, masker.masks)}
        # Without a contract the masker hides no new member; and a copy has none to reveal.
        shown = fresh if contract is None else set[str]()
        if contract is not None and not copied:
            shown = revealed(fresh, here, there, masker.masks, contract, events)
        copier = masker.knowing(shown) if shown else masker
        self.healthy = list(healthy)
        self.drifted = list(drifted) if copied else [encode(copier.event(event)) for event in events]
        self._disguised = [
            *(parse(mask.path) for mask in masker.masks),
            *(parse(path) for path in fresh - shown),
        ]
        if contract is not None:
            self._disguised += [parse(path) for path in there.values if path not in known]
        copies = Seen(_decoded(self.drifted))
        self._strange = dict(_strange(masker.masks, there, copies))
        self._values = {path: [*there.values.get(path, ()), *copies.values.get(path, ())]
                        for path in {*there.values, *copies.values}}  # fmt: skip

    def judged(self, report: Report) -> Report:
        """The report, as far as events in disguise can carry it."""
        readings = tuple(reading for reading in report.readings if not self.objection(reading.program))
        why = self.objection(report.program) if report.program is not None else ""
        if not why and report.decision is Decision.HEAL:
            why = self._left_alone(report.program)
        if not why:
            return self._asked(msgspec.structs.replace(report, readings=readings))
        return msgspec.structs.replace(
            report,
            decision=Decision.ESCALATE,
            confidence=0.0,
            program=None,
            fix="",
            readings=readings,
            test_case=TestCase(),
            question=f"{why}. Which adapter is right? Write one, or look at held events with the right to see them.",
        )

    def objection(self, program: Program) -> str:
        """Why events in disguise do not carry a program; empty if they do."""
        for condition in program.guard:
            if self._reads_values(condition):
                return f"The guard asks for values of {condition.path}, which the stream masks"
        for step in program.steps:
            why = self._objection_to(step)
            if why:
                return why
        return ""

    def _asked(self, report: Report) -> Report:
        """The report of a stream that drops fields: nothing compared them, so a person is asked before a heal."""
        dropped = [mask.path for mask in self._masks if mask.method is Method.DROP]
        if not dropped or report.decision is not Decision.HEAL:
            return report
        fact = Evidence(
            evidence_id=f"E{len(report.evidence) + 1}",
            kind="masks",
            path=dropped[0],
            text=f"the stream drops {', '.join(dropped)} from its copies, so that nothing says whether they changed",
        )
        return msgspec.structs.replace(
            report, confidence=min(report.confidence, DROPPED), evidence=(*report.evidence, fact)
        )

    def _left_alone(self, program: Program | None) -> str:
        """Why events are not healed by a program that leaves a masked field as it is; empty if they may be."""
        written = [parse(path) for step in (program.steps if program is not None else ()) for path in step.writes()]
        for path, strange in self._strange.items():
            parts = parse(path)
            if not any(covers(one, parts) or covers(parts, one) for one in written):
                return f"{strange} of the values of {path}, which the stream masks, have a form that was never healthy"
        return ""

    def _objection_to(self, step: AnyStep) -> str:
        paths = {*step.reads(), *step.writes()}
        touched = sorted(path for path in paths if self._is_disguised(path))
        if any(self._reads_values(condition) for condition in step.when):
            return f"A step ({step.words()}) asks for values that the stream masks"
        if not touched:
            return ""
        kind = str(step.__struct_config__.tag)
        if kind not in _PROVABLE:
            return f"The stream masks {touched[0]}, and masked values cannot prove a {kind} step"
        if kind == "drop":
            return ""
        for path in touched:
            if is_quantity(self._below(path)):
                return (
                    f"The stream masks {path}, and masked numbers and dates keep their digits only: "
                    "whether the values are the same cannot be proved"
                )
        return ""

    def _reads_values(self, condition: Condition) -> bool:
        asks = condition.test in (Test.EQUALS, Test.BETWEEN, Test.MATCHES)
        return asks and self._is_disguised(condition.path)

    def _is_disguised(self, path: str) -> bool:
        parts = parse(path)
        return any(covers(parts, one) or covers(one, parts) for one in self._disguised)

    def _below(self, path: str) -> Iterator[Any]:
        above = parse(path)
        for place, found in self._values.items():
            parts = parse(place)
            if covers(above, parts) and self._is_disguised(place):
                yield from found


def _strange(masks: Sequence[Mask], there: Seen, copies: Seen) -> Iterator[tuple[str, str]]:
    """Masked fields whose values have another form than healthy ones, and how many."""
    for path, found in copies.values.items():
        known = there.values.get(path, ())
        if not known or not is_masked(path, masks):
            continue
        forms = {_form(value) for value in known}
        if len(forms) > FORMS:
            continue
        strange = sum(_form(value) not in forms for value in found)
        if strange > STRANGE * len(found):
            yield path, f"{strange} of {len(found)}"


def _form(value: Any) -> str:
    """Type and pattern of a value, however long its words and numbers are."""
    if isinstance(value, str):
        return "text " + _DIGITS.sub("9", _LETTERS.sub("a", value))
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def is_quantity(found: Iterable[Any]) -> bool:
    """Whether values are numbers or dates, whose digits mean something, and not names or identifiers."""
    digits: set[int] = set()
    numbers = fractions = dates = total = 0
    for value in found:
        if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
            continue
        total += 1
        text = value if isinstance(value, str) else repr(value)
        if _DATE.fullmatch(text):
            dates += 1
        elif _NUMBER.fullmatch(text):
            numbers += 1
            digits.add(sum(letter.isdigit() for letter in text))
            fractions += not text.isdigit()
    # A tenth is more than a free text has of them by chance.
    if dates * 10 > total:
        return True
    identifier = len(digits) == 1 and min(digits) >= IDENTIFIER and not fractions
    return numbers * 10 > total and not identifier


def _decoded(raws: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for raw in raws:
        try:
            yield decode(raw)
        except EventRefused:
            continue
