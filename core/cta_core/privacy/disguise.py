"""Values in disguise: others of the same type and pattern, the same for the same value and key.

A letter becomes a letter of the same case, a digit a digit, everything else stays. A number keeps its sign and its
digits before and after the point, and so does a text that is a number. Two things follow on purpose, so that what is
compared in disguise compares as the values do: a text has the same letters in disguise whatever their case, and `12`,
`12.0` and `"12"` have the same digits. It does not decide what is hidden; the masker calls it.

This is no encryption: nothing turns a disguise back. Whoever has the key can try values, and whoever sees many
disguises learns which are equal, how long they are and where their separators stand.
"""

from __future__ import annotations

import re
import sys
from hashlib import blake2b
from typing import Any, Final

KEY_BYTES: Final = 32
"""Bytes of a key: as many as a guess can never find."""

_BLOCK: Final = 64
"""Bytes that one hash gives, and so characters that it hides."""

_NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?((?:[eE][-+]?[0-9]+)?)")
_LETTERS: Final = tuple("abcdefghijklmnopqrstuvwxyz"[number % 26] for number in range(256))
_CAPITALS: Final = tuple(letter.upper() for letter in _LETTERS)
_DIGITS: Final = tuple("0123456789"[number % 10] for number in range(256))
_FIRST: Final = tuple("123456789"[number % 9] for number in range(256))


class Disguise:
    """The disguises of one key. Safe to share between threads: it keeps no state."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def value(self, value: Any) -> Any:
        """A scalar in disguise; truth values and null as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool) or value is None:
            return value
        return self.number(value)

    def text(self, text: str) -> str:
        """A text in disguise."""
        found = _NUMBER.fullmatch(text)
        if found is not None:
            return self._digits(*found.groups())
        if not text:
            return text
        made: list[str] = []
        for letter, number in zip(text, self._stream(text.lower(), len(text)), strict=False):
            if letter.isalpha():
                made.append(_CAPITALS[number] if letter.isupper() else _LETTERS[number])
            elif letter.isdigit():
                made.append(_DIGITS[number])
            else:
                made.append(letter)
        return "".join(made)

    def number(self, value: float) -> float:
        """A number in disguise."""
        found = _NUMBER.fullmatch(repr(value))
        if found is None:  # no number that JSON can write
            return 0
        text = self._digits(*found.groups())
        if isinstance(value, int):
            return int(text)
        # The largest doubles share their exponent with digits that no double has.
        return max(-sys.float_info.max, min(sys.float_info.max, float(text)))

    def _digits(self, sign: str, whole: str, fraction: str | None, exponent: str) -> str:
        """The digits of a number in disguise; zeros that only say its magnitude stay zeros."""
        end = (fraction or "").rstrip("0")
        digits = whole + end
        stream = self._stream(f"{digits if whole != '0' else end}.{len(end)}{exponent}", len(digits))
        first = len(digits) - len(digits.lstrip("0"))
        last = len(digits) - 1
        made = [
            "0" if place < first
            # Neither a first digit nor the last one of a fraction is 0: the number of digits would change.
            else _FIRST[number] if place == first or (end and place == last)
            else _DIGITS[number]
            for place, number in zip(range(len(digits)), stream, strict=False)
        ]  # fmt: skip
        hidden = "".join(made)
        point = f".{hidden[len(whole) :]}{'0' * (len(fraction) - len(end))}" if fraction is not None else ""
        return f"{sign}{hidden[: len(whole)]}{point}{exponent}"

    def _stream(self, text: str, length: int) -> bytes:
        """As many bytes as there are characters to hide, made of the text and the key."""
        raw = text.encode("utf-8", "surrogatepass")
        first = blake2b(raw, key=self._key, digest_size=_BLOCK).digest()
        if length <= _BLOCK:
            return first
        more = (
            blake2b(first, key=self._key, digest_size=_BLOCK, salt=number.to_bytes(8, "big")).digest()
            for number in range(1, -(-length // _BLOCK))
        )
        return b"".join((first, *more))
