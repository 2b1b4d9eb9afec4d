"""Faults of text and labels: other letters, other codes, words for nothing, two fields in one, one in two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any, Final

from cta_core.adapter.access import rewriter
from cta_core.adapter.scalar import Scalar
from cta_core.adapter.steps import EnumEntry, EnumMap, LetterCase, Letters, Merge, MergeRule, Split, Swap, Unmapped
from cta_core.path import parse
from cta_server.runtime.faults.draft import Draft
from cta_server.runtime.faults.kinds.kind import Kind, Made, by_steps, is_number, is_text, parent
from cta_server.runtime.faults.survey import Seen

_SEPARATORS: Final = (" ", "@", "T", "-", "/", ":", ".", "_", ",")
_JOINERS: Final = (" ", "|", "/", ";")
_NULL_WORDS: Final = ("N/A", "null", "-", "none", "unknown")
_MOST_LABELS: Final = 12
"""A field with more different values is a name or a number, not a code."""


def _letter_case(draft: Draft) -> Made:
    seen = draft.field(lambda seen: is_text(seen) and any(_has_letters(v) for v in seen.values), "text with letters")
    small = sum(value == value.lower() for value in seen.values) * 2 >= len(seen.values)
    to = draft.choice("to", ("upper", "lower"), "upper" if small else "lower")
    return by_steps(LetterCase(path=seen.pointer, to=Letters.UPPER if to == "upper" else Letters.LOWER))


def _has_letters(text: str) -> bool:
    return text.lower() != text.upper()


def _is_code(seen: Seen) -> bool:
    """A few labels, each of them often; what has digits is a date or a number."""
    if not seen.only(bool) and not (seen.only(str) and not any(letter.isdigit() for v in seen.values for letter in v)):
        return False
    count = len(seen.distinct())
    return 2 <= count <= _MOST_LABELS and len(seen.values) >= 5 * count


def _enum_recode(draft: Draft) -> Made:
    seen = draft.field(_is_code, "a field with a few labels")
    labels = sorted(seen.distinct(), key=str)
    given = draft.scalars("entries")
    if given is None:
        codes = _codes(labels, draft)
        draft.settle("entries", {_key(label): code for label, code in codes.items()})
    else:
        named: dict[str, Scalar] = {_key(label): label for label in labels}
        codes = {named.get(key, key): _whole(value) for key, value in given.items()}
    entries = tuple(EnumEntry(source=label, target=code) for label, code in codes.items())
    return by_steps(EnumMap(path=seen.pointer, entries=entries, unmapped=Unmapped.KEEP))


def _codes(labels: list[Any], draft: Draft) -> dict[Any, Scalar]:
    style = draft.choice("style", ("letters", "numbers"))
    if type(labels[0]) is bool:
        return {False: "N", True: "Y"} if style == "letters" else {False: 0, True: 1}
    if style == "numbers":
        numbers = list(range(1, len(labels) + 1))
        draft.rng.shuffle(numbers)
        return dict(zip(labels, numbers, strict=True))
    # As few letters as tell them apart.
    length = next(n for n in range(1, 200) if len({label[:n].upper() for label in labels}) == len(labels) or n == 199)
    return {label: label[:length].upper() for label in labels}


def _key(label: Any) -> str:
    """A label as the key of an object."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _whole(value: str | float | bool) -> Scalar:
    """Numbers of a JSON struct are doubles; a code is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _null_words(draft: Draft) -> Made:
    seen = draft.field(lambda seen: seen.nulls > 0, "null now and then")
    word = draft.text("word", draft.rng.choice(_NULL_WORDS))
    return Made(rewriter(parse(seen.pointer), _worded(word)), f'send "{word}" where {seen.pointer} is null')


def _worded(word: str) -> Callable[[Any], Any]:
    return lambda value: word if value is None else value


def _split_marks(seen: Seen, marks: Sequence[str]) -> list[str]:
    """Those of the marks that divide every value into two parts."""
    if not is_text(seen) or seen.nulls or len(seen.distinct()) < 2:
        return []
    return [mark for mark in marks if all(_parts(value, mark) for value in seen.values)]


def _parts(text: str, mark: str) -> bool:
    parts = text.split(mark)
    return len(parts) == 2 and all(parts)


def _split(draft: Draft) -> Made:
    separator = draft.text("separator", "")
    marks = (separator,) if separator else _SEPARATORS
    seen = draft.field(lambda seen: bool(_split_marks(seen, marks)), "text that a separator divides into two parts")
    separator = draft.rng.choice(_split_marks(seen, marks))
    draft.settle("separator", separator)
    first = draft.key("first", seen.pointer, f"{seen.name}_first")
    second = draft.key("second", seen.pointer, f"{seen.name}_second")
    return by_steps(Split(source=seen.pointer, separator=separator, targets=(first, second)))


def _partner(draft: Draft, like: Callable[[Seen], bool], what: str) -> tuple[Seen, Seen]:
    """Two fields of one object that go together: the one asked for and its partner, or a pair that the seed chooses."""
    always = [seen for seen in draft.fields.values() if seen.in_all and not seen.nulls and like(seen)]
    pairs = [
        (a.pointer, b.pointer)
        for a, b in permutations(always, 2)
        if parent(a.pointer) == parent(b.pointer) and type(a.values[0]) is type(b.values[0])
    ]
    seen = draft.field(lambda seen: any(seen.pointer == a for a, _ in pairs), what)
    partners = {b for a, b in pairs if a == seen.pointer}
    other = draft.other("parameters.with", draft.text("with", ""), lambda seen: seen.pointer in partners, what)
    draft.settle("with", other.pointer)
    return seen, other


def _join(draft: Draft) -> Made:
    seen, other = _partner(draft, is_text, "text, with another text beside it")
    free = [mark for mark in _JOINERS if not any(mark in value for value in (*seen.values, *other.values))]
    separator = draft.text("separator", free[0] if free else _JOINERS[0])
    target = draft.key("to", seen.pointer, f"{seen.name}_{other.name}")
    sources = (seen.pointer, other.pointer)
    return by_steps(Merge(sources=sources, target=target, rule=MergeRule.JOIN, separator=separator))


def _swap(draft: Draft) -> Made:
    seen, other = _partner(
        draft, lambda seen: is_text(seen) or is_number(seen), "a value, with one of its type beside it"
    )
    return by_steps(Swap(left=seen.pointer, right=other.pointer))


TEXTS: Final = (
    Kind(
        name="letter_case",
        description="text arrives in capitals, or in small letters; healed by a letter_case or an enum_map",
        parameters={"to": "upper or lower; left out: what most values are not"},
        make=_letter_case,
    ),
    Kind(
        name="enum_recode",
        description="the labels of a field are replaced by codes; healed by an enum_map",
        parameters={
            "entries": "object of old labels and new ones; left out: codes by `style`",
            "style": "letters (the first of each label) or numbers; left out: the seed chooses",
        },
        make=_enum_recode,
    ),
    Kind(
        name="null_words",
        description="null arrives as a word; healed by a null_form",
        parameters={"word": f"the word; left out: the seed chooses {', '.join(_NULL_WORDS)}"},
        make=_null_words,
    ),
    Kind(
        name="split",
        description="a text arrives in two fields; healed by a merge",
        parameters={
            "separator": "where it is divided; left out: what divides every value in two",
            "first": "name of the first part",
            "second": "name of the second part",
        },
        make=_split,
    ),
    Kind(
        name="join",
        description="two texts arrive in one field; healed by a split",
        parameters={
            "with": "JSON Pointer of the second text; left out: the seed chooses",
            "separator": "what stands between; left out: something that is in neither",
            "to": "name of the field",
        },
        make=_join,
    ),
    Kind(
        name="swap",
        description="two fields exchange their values; healed by a swap",
        parameters={"with": "JSON Pointer of the other field; left out: the seed chooses"},
        make=_swap,
    ),
)
