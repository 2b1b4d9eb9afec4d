"""What is wrong with a request: collects every broken rule, so that the caller learns all of them from one answer.

Converters add to it and go on with a harmless value; the servicer calls `check` before anything happens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Final

from cta_core.errors import InvalidInput, Violation

MAX_REQUEST_ID: Final = 64
"""Characters of a request id: a UUID has 36; room for a prefix."""
MAX_NAME: Final = 200
"""Characters of a name of a person, a stage or a class of errors."""
MAX_TEXT: Final = 2000
"""Characters of a comment or of an error's message: a screen full; the log of decisions is read by people."""


class Problems:
    """The broken rules of one request."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    @property
    def count(self) -> int:
        """How many were found so far."""
        return len(self._found)

    def add(self, field: str, remedy: str) -> None:
        """Notes a broken rule; `remedy` says what would be right."""
        self._found.append(Violation(field, remedy))

    def extend(self, prefix: str, found: Sequence[Violation]) -> None:
        """Notes what the core found wrong with a part of the request."""
        self._found.extend(Violation(f"{prefix}.{violation.field}", violation.remedy) for violation in found)

    def text(self, field: str, value: str, limit: int, *, required: bool = False) -> str:
        """The text, if it is not too long."""
        if len(value) > limit:
            self.add(field, f"must have at most {limit} characters, it has {len(value)}")
        elif required and not value:
            self.add(field, "must not be empty")
        return value

    def request_id(self, value: str) -> str:
        """The request id, if it is one."""
        return self.text("request_id", value, MAX_REQUEST_ID)

    def audit(self, actor: str, comment: str = "") -> tuple[str, str]:
        """Who asks and why, for the audit trail. Nobody named is `anonymous`, so that it never reads like the loop."""
        self.text("actor", actor, MAX_NAME)
        if actor == "loop":
            self.add("actor", "is the name of the server's own decisions; give the name of a person or a program")
        self.text("comment", comment, MAX_TEXT)
        return actor or "anonymous", comment

    def number(self, field: str, value: float, *, least: float, most: float) -> float:
        """The number, if it lies in its range."""
        if not least <= value <= most:  # also refuses what is no number
            self.add(field, f"must lie between {least:g} and {most:g}")
            return least
        return value

    def check(self) -> None:
        """Raises `InvalidInput` with everything that was found."""
        if self._found:
            raise InvalidInput(self._found)


@contextlib.contextmanager
def within(prefix: str) -> Generator[None]:
    """Says of every violation raised inside that it sits below the field `prefix` of the request."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([Violation(f"{prefix}.{v.field}", v.remedy) for v in error.violations]) from error
