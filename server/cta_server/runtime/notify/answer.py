"""What a receiver's answer means, and when to try again. Pure but for the chance that the caller brings."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

FIRST_DELAY: Final = 1.0
"""Seconds before the second attempt: a receiver that restarts is back in about that."""
LONGEST_DELAY: Final = 300.0
"""Seconds. A receiver that is mended gets what waits within five minutes; 3 days of it are under 900 attempts."""
LONGEST_ASKED: Final = 3600.0
"""Seconds that a `Retry-After` may ask for. One that asks for more is asked again every hour: a wrong header must not
silence an alarm for days."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt."""

    status: int = 0
    """The HTTP status; 0 where there was no answer."""
    retry_after: float = 0.0
    """Seconds that the receiver asks to wait."""
    error: str = ""
    """Why there was no answer, without anything of the address or the request."""
    seconds: float = 0.0
    """How long it took."""

    @property
    def taken(self) -> bool:
        """The receiver has the event."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """The receiver wants no more events."""
        return self.status == HTTPStatus.GONE

    @property
    def words(self) -> str:
        """What went wrong, for people; empty for an event that was taken."""
        if self.taken:
            return ""
        if not self.status:
            return self.error
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return f"answered {self.status}; redirects are not followed"
        return f"answered {self.status}"


def delay(failures: int, answer: Answer, chance: Callable[[], float]) -> float:
    """Seconds to wait after so many failures in a row, the last one with this answer.

    Between half and the whole of a doubling time, by chance, so that receivers which came down together are not all
    asked in the same moment; never less than the receiver asks for.
    """
    # The exponent is bounded too: a receiver that is down for days must not make numbers without end.
    whole = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))
    return max(whole * (0.5 + chance() / 2), min(answer.retry_after, LONGEST_ASKED))


def retry_after(header: str, now: float) -> float:
    """Seconds that a `Retry-After` asks for, as a number or as a date; 0 for none and for nonsense."""
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
