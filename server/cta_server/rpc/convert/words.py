"""Enums of the API and of the core that have the same words: `ADAPTER_STATE_ACTIVE` and `AdapterState.ACTIVE`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Generic, TypeVar

from cta_server.rpc.convert.problems import Problems

Word = TypeVar("Word", bound=StrEnum)


class Words(Generic[Word]):
    """Translates between the two enums of one noun. Raises `ValueError` when it is made of enums whose words differ."""

    def __init__(self, api: Any, core: type[Word]) -> None:
        """`api` is the wrapper of the enum in the generated code."""
        zero: str = api.Name(0)
        self._prefix = zero.removesuffix("UNSPECIFIED")
        names = {name.removeprefix(self._prefix) for name, _ in api.items()} - {"UNSPECIFIED"}
        if names != {word.value for word in core}:
            raise ValueError(f"{core.__name__} and {self._prefix}* differ in {names ^ {word.value for word in core}}")
        self.numbers: dict[Word, Any] = {word: api.Value(self._prefix + word.value) for word in core}
        """Number in messages of each word."""
        self._words: dict[int, Word] = {number: word for word, number in self.numbers.items()}

    def number(self, word: Word | None) -> Any:
        """The number of a word; unspecified for none."""
        return 0 if word is None else self.numbers[word]

    def word(self, number: int, field: str, problems: Problems, default: Word | None = None) -> Word | None:
        """The word of a number. Unspecified is the default; without a default it is refused, as unknown numbers are."""
        if number == 0 and default is not None:
            return default
        found = self._words.get(number)
        if found is None:
            problems.add(field, f"must be one of {', '.join(self._prefix + word.value for word in self.numbers)}")
        return found

    def optional(self, number: int, field: str, problems: Problems) -> Word | None:
        """The word of a number; None where it is unspecified."""
        return self.word(number, field, problems) if number else None

    def all_of(self, numbers: Iterable[int], field: str, problems: Problems) -> tuple[Word, ...]:
        """The words of a filter."""
        found = [self.word(number, f"{field}[{index}]", problems) for index, number in enumerate(numbers)]
        return tuple(word for word in found if word is not None)
