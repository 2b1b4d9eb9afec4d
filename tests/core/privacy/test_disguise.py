"""Values in disguise."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.event import decode, encode
from cta_core.privacy.disguise import Disguise

DISGUISE = Disguise(b"k" * 32)
OTHER = Disguise(b"o" * 32)

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)


def _pattern(text: str) -> str:
    return "".join(
        "A" if letter.isupper() else "a" if letter.isalpha() else "9" if letter.isdigit() else letter for letter in text
    )


@given(TEXTS)
def test_a_text_keeps_its_pattern(text: str) -> None:
    """Letters stay letters of their case, digits digits, everything else stays as and where it is."""
    hidden = DISGUISE.text(text)
    assert len(hidden) == len(text)
    assert _pattern(hidden) == _pattern(text)


@given(NUMBERS)
def test_a_number_keeps_type_sign_and_digits(value: float) -> None:
    """A number stays of its type and sign, with as many digits before the point and after it."""
    hidden = DISGUISE.number(value)
    assert type(hidden) is type(value)
    if value and "e" not in repr(value):
        assert repr(hidden).startswith("-") == repr(value).startswith("-")
        whole, _, fraction = repr(value).lstrip("-").partition(".")
        now, _, after = repr(hidden).lstrip("-").partition(".")
        if len(whole) + len(fraction) <= 15:  # as many as a double holds for certain
            assert (len(now), len(after)) == (len(whole), len(fraction))
        assert (now[0] == "0") == (whole[0] == "0")


@given(NUMBERS | TEXTS | st.booleans() | st.none())
def test_a_disguise_is_the_same_for_the_same_value_and_can_be_written(value: Any) -> None:
    """Equal values have equal disguises, and a disguise is JSON as the value was."""
    assert DISGUISE.value(value) == Disguise(b"k" * 32).value(value)
    assert decode(encode({"v": DISGUISE.value(value)}))["v"] == DISGUISE.value(value)


@given(st.integers(-(10**15), 10**15), st.integers(0, 5), st.integers(0, 3))
def test_a_number_has_the_same_digits_whatever_form_it_has(number: int, places: int, zeros: int) -> None:
    """A number as text, with zeros behind or as a whole double is disguised as the number itself."""
    text = f"{number / 10**places:.{places}f}" if places else str(number)
    value = float(text) if places else number
    hidden = DISGUISE.number(value)
    if len(text.lstrip("-").replace(".", "")) <= 15 and "e" not in repr(value) and value:
        padded = text + ("0" * zeros if places else "")
        assert float(DISGUISE.text(padded)) == float(hidden)
        assert float(DISGUISE.number(float(text))) == float(hidden)


@given(TEXTS)
def test_letter_case_comes_through(text: str) -> None:
    """A text in capitals is disguised as the disguise in capitals, so that a change of case can be told and undone."""
    if text.isascii():
        assert DISGUISE.text(text.upper()) == DISGUISE.text(text).upper()


@pytest.mark.parametrize("value", ["Ada Lovelace", "ada@example.org", "4111111111111111", 4111111111111111, 1815.1852])
def test_nothing_of_a_value_is_left_and_another_key_gives_another(value: Any) -> None:
    """A disguise is not the value, and depends on the key."""
    assert DISGUISE.value(value) != value
    assert DISGUISE.value(value) != OTHER.value(value)


def test_disguises_of_long_texts_do_not_repeat() -> None:
    """A text of many blocks is hidden by as many different bytes."""
    hidden = DISGUISE.text("a" * 640)
    assert len({hidden[start : start + 64] for start in range(0, 640, 64)}) == 10


def test_different_values_hardly_ever_share_a_disguise() -> None:
    """Ten thousand sixteen-digit numbers have ten thousand disguises."""
    assert len({DISGUISE.text(f"{4111111111110000 + number}") for number in range(10_000)}) == 10_000


def test_what_says_a_magnitude_only_stays() -> None:
    """Zero, the zeros before a small number, and those behind a text that is one."""
    assert DISGUISE.number(0) == 0
    assert re.fullmatch(r"0\.00[1-9][1-9]", repr(DISGUISE.number(0.0012)))
    assert re.fullmatch(r"[1-9]\d\.[1-9]00", DISGUISE.text("12.500"))
