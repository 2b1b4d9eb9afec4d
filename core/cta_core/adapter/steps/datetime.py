"""`datetime`: a date or time in another format, of another zone, or counted in another unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cta_core.adapter.access import rewriter
from cta_core.adapter.step import Action, StepBase, pointer_problems
from cta_core.adapter.times import EPOCHS, SECOND, Form, Zone, form_of, reader, writer, zone_of
from cta_core.errors import EventRefused, Violation
from cta_core.path import parse

MAX_DIGITS: Final = 9
"""Digits of a fraction: nanoseconds, the finest that clocks send."""


class DateTime(StepBase, tag="datetime", frozen=True, kw_only=True):
    """Convert a date or time exactly.

    Formats are `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `rfc3339`, `rfc2822`, `date`, or a pattern of the
    directives %Y %y %m %d %H %I %M %S %f %p %b %B %a %A %z (and %-m %-d %-H %-I without leading zeros). What does not
    parse to the letter refuses, and so does a time of which the target cannot hold every part: fractions are cut only
    when they are zeros.
    """

    path: str
    """The field."""
    source: str
    """Format of the value that arrives."""
    target: str
    """Format by the contract."""
    source_zone: str = ""
    """Zone of a source that names none: `+05:30`, `UTC`, `Europe/Berlin`. Empty: the zone of the target, the clock
    stays."""
    target_zone: str = "UTC"
    """Zone that the target shows."""
    digits: int = 0
    """Digits of the target's fraction; 0 means none (six for %f). `epoch_s` with digits is a number, every other epoch
    an integer."""
    zulu: bool = True
    """Whether UTC is written `Z`, and not `+00:00`."""

    def problems(self) -> Iterator[Violation]:
        """See `Step.problems`."""
        yield from pointer_problems("path", self.path)
        forms: dict[str, Form] = {}
        for field, text in (("source", self.source), ("target", self.target)):
            try:
                forms[field] = form_of(text)
            except ValueError as error:
                yield Violation(field, str(error))
        for field, text in (("source_zone", self.source_zone or "UTC"), ("target_zone", self.target_zone)):
            try:
                zone_of(text)
            except ValueError:
                yield Violation(field, "must be UTC, an offset like +05:30, or a name like Europe/Berlin")
        if not 0 <= self.digits <= MAX_DIGITS:
            yield Violation("digits", f"must be between 0 and {MAX_DIGITS}")
        if len(forms) == 2:
            yield from self._form_problems(forms["source"], forms["target"])

    def _form_problems(self, source: Form, target: Form) -> Iterator[Violation]:
        if self.digits and not target.has_fraction:
            yield Violation("digits", f"{self.target} has no fraction of a second")
        if source.has_zone and self.source_zone:
            yield Violation("source_zone", f"{self.source} carries its zone; leave it out")
        if source.has_date != target.has_date:
            less, more = ("source", "target") if target.has_date else ("target", "source")
            yield Violation(less, f"has no date and the {more} has one")
        if not source.has_date and (self.source_zone or self.target_zone != "UTC"):
            yield Violation("target_zone", "a time of day without a date has no zone")

    def reads(self) -> tuple[str, ...]:
        """See `Step.reads`."""
        return (self.path,)

    def writes(self) -> tuple[str, ...]:
        """See `Step.writes`."""
        return (self.path,)

    def compile(self) -> Action:
        """See `Step.compile`."""
        return rewriter(parse(self.path), self.change())

    def change(self) -> Callable[[Any], Any]:
        """The change of one value."""
        path, source = self.path, self.source
        read, write = reader(source), writer(self.target, self.digits, zulu=self.zulu)
        to_wall = self._to_wall()

        def convert(value: Any) -> Any:
            if value is None:
                return None
            try:
                ns, offset = to_wall(read(value))
            except ValueError:
                raise EventRefused(f"is not a single time in the format {source}", path) from None
            try:
                return write(ns, offset)
            except ValueError:
                raise EventRefused("is a time that the target format cannot hold exactly", path) from None

        return convert

    def _to_wall(self) -> Callable[[int], tuple[int, int]]:
        """From what the source reads to the wall clock of the target zone and its offset."""
        source, target = form_of(self.source), form_of(self.target)
        zone = zone_of(self.target_zone)
        if not source.has_zone and not self.source_zone:
            if not target.has_zone or zone.fixed == 0:
                return lambda ns: (ns, 0)
            return lambda ns: (ns, zone.at_wall(ns))
        to_instant = _identity if source.has_zone else _from_wall(zone_of(self.source_zone))
        return _in_zone(to_instant, zone)

    def inverse(self) -> DateTime | None:
        """See `Step.inverse`; none where a value of the source format can be written in several ways or zones."""
        source, target = form_of(self.source), form_of(self.target)
        one_zone = not source.has_zone and not target.has_zone and not self.source_zone
        if self.source in EPOCHS and self.source != "epoch_s":
            if target.has_zone:
                return DateTime(path=self.path, source=self.target, target=self.source)
            if zone_of(self.target_zone).fixed is not None:
                return DateTime(path=self.path, source=self.target, target=self.source, source_zone=self.target_zone)
        if one_zone and "%f" not in self.source and "%p" not in self.source:
            return DateTime(path=self.path, source=self.target, target=self.source)
        return None

    def loses(self) -> str:
        """See `Step.loses`."""
        return (
            ""
            if self.source in EPOCHS or not form_of(self.source).has_zone
            else f"the zone in which {self.path} was written"
        )

    def words(self) -> str:
        """See `Step.words`."""
        zone = f" ({self.source_zone})" if self.source_zone else ""
        shown = "" if self.target in EPOCHS else f" ({self.target_zone})"
        digits = f" with {self.digits} fraction digits" if self.digits else ""
        return f"convert the time {self.path} from {self.source}{zone} to {self.target}{shown}{digits}"


def _identity(ns: int) -> int:
    return ns


def _from_wall(zone: Zone) -> Callable[[int], int]:
    return lambda ns: ns - zone.at_wall(ns) * SECOND


def _in_zone(to_instant: Callable[[int], int], zone: Zone) -> Callable[[int], tuple[int, int]]:
    if zone.fixed == 0:
        return lambda ns: (to_instant(ns), 0)

    def in_zone(ns: int) -> tuple[int, int]:
        instant = to_instant(ns)
        offset = zone.at_instant(instant)
        return instant + offset * SECOND, offset

    return in_zone
