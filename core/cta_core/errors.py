"""The errors of the core, by what the caller can do about them.

CtaError
+-- InvalidInput           the caller's value breaks a rule: names every field and its remedy
|   +-- InvalidPointer     a JSON Pointer that does not parse
|   +-- InvalidContract    a JSON Schema that cannot be used
|   +-- InvalidProgram     an adapter whose steps do not fit together
+-- EventRefused           one event cannot be decoded or healed: hold it, never guess
    +-- EventUnreadable    its bytes are no event within the limits
"""

from __future__ import annotations

import msgspec


class Violation(msgspec.Struct, frozen=True):
    """One broken rule of an input: where it is, and what would mend it."""

    field: str
    """Path of the field in the input, `steps[2].source`."""
    remedy: str
    """What is wrong and what would be right, one sentence."""


class CtaError(Exception):
    """The root of all errors that CTA-ACT raises on purpose."""


class InvalidInput(CtaError):
    """The caller's value breaks a rule; `violations` lists all of them at once."""

    def __init__(self, violations: tuple[Violation, ...] | list[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.remedy}" for v in self.violations))

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[tuple[Violation, ...]]]:
        """Pickled by its violations, not by its text: it crosses from worker processes."""
        return type(self), (self.violations,)

    @classmethod
    def of(cls, field: str, remedy: str) -> InvalidInput:
        """The error for a single violation."""
        return cls((Violation(field, remedy),))


class InvalidPointer(InvalidInput):
    """A text that is not a JSON Pointer (RFC 6901)."""


class InvalidContract(InvalidInput):
    """A JSON Schema that is not valid, or that this implementation cannot use."""


class InvalidProgram(InvalidInput):
    """An adapter program whose guard or steps cannot work."""


class EventRefused(CtaError):
    """One event cannot be decoded or healed. It is held with this reason; nothing is guessed for it."""

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        """What is missing or does not fit, one sentence without payload values."""
        self.path = path
        """JSON Pointer of the field that decided it; empty for the whole event."""
        super().__init__(f"{path}: {reason}" if path else reason)

    def __reduce__(self) -> tuple[type[EventRefused], tuple[str, str]]:
        """Pickled by its parts, not by its text."""
        return type(self), (self.reason, self.path)


class EventUnreadable(EventRefused):
    """The bytes are no event within the limits: not JSON, not an object, too large or too deep."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        """MALFORMED, NOT_AN_OBJECT, TOO_LARGE or TOO_DEEP: the names of `HeldReason`."""
        super().__init__(reason)

    def __reduce__(self) -> tuple[type[EventUnreadable], tuple[str, str]]:
        """Pickled by its parts, not by its text."""
        return type(self), (self.code, self.reason)
