"""Forms of text: which family a text belongs to, which mask it has, and which date formats read it.

Pure recognisers over single values or whole columns. They propose; the adapter engine's own steps do the conversion and
have the last word on what parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")),
    ("ulid", re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")),
    ("url", re.compile(r"[a-z][a-z0-9+.-]{1,15}://\S+")),
    ("ipv4", re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")),
    ("rfc3339", re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("clock", re.compile(r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?")),
    ("iban", re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")),
    ("integer", re.compile(r"[+-]?\d+")),
    ("decimal", re.compile(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?")),
    ("hex", re.compile(r"(?=.*\d)(?=.*[a-fA-F])[0-9a-fA-F]{8,}")),
    ("path", re.compile(r"/\S*")),
    ("phone", re.compile(r"\+\d[\d ()/-]{6,}")),
    ("json", re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)),
    ("word", re.compile(r"[A-Za-z]+")),
)
"""Families of text, the special ones first; a text is of the first that matches as a whole, else `text`."""

SPECIFIC: frozenset[str] = frozenset({"uuid", "ulid", "email", "url", "ipv4", "iban", "phone", "hex"})
"""Families that few fields of an event share, so that alike families support a match."""

OPAQUE: frozenset[str] = frozenset({"uuid", "ulid", "hex", "integer"})
"""Families of made-up identifiers: nobody reads them, so one may take another's place without a loss of meaning."""


@lru_cache(maxsize=65536)
def family_of(text: str) -> str:
    """The family of one text."""
    if not text:
        return "empty"
    for name, pattern in FAMILIES:
        if pattern.fullmatch(text):
            return name
    return "text"


_CLASSES = str.maketrans(
    {
        **{chr(c): "9" for c in range(48, 58)},
        **{chr(c): "a" for c in range(97, 123)},
        **{chr(c): "A" for c in range(65, 91)},
    }
)
_RUNS = re.compile(r"(.)\1+")


@lru_cache(maxsize=65536)
def mask_of(text: str) -> str:
    """The shape of a text: runs of digits, of small and of capital letters become one `9`, `a`, `A`; the rest stays."""
    return _RUNS.sub(r"\1", text[:120].translate(_CLASSES))


def masks_of(texts: Iterable[str]) -> set[str]:
    """The masks that occur; texts of one form cost little more than the first of them."""
    return {_RUNS.sub(r"\1", classes) for classes in {text[:120].translate(_CLASSES) for text in texts}}


DATE_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("rfc3339", re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")),
    ("%Y-%m-%dT%H:%M:%S.%f", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}")),
    ("%Y-%m-%dT%H:%M:%S", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")),
    ("%Y-%m-%dT%H:%M", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")),
    ("%Y-%m-%d %H:%M:%S.%f", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}")),
    ("%Y-%m-%d %H:%M:%S,%f", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{1,6}")),
    ("%Y-%m-%d %H:%M:%S", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")),
    ("%Y-%m-%d %H:%M", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    (
        "rfc2822",
        re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UT|UTC)"),
    ),
    ("%Y%m%d", re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")),
    ("%Y%m%d%H%M%S", re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d")),
    ("%Y%m%dT%H%M%SZ", re.compile(r"(?:19|20)\d{6}T\d{6}Z")),
    ("%Y%m%dT%H%M%S", re.compile(r"(?:19|20)\d{6}T\d{6}")),
    ("%Y/%m/%d", re.compile(r"\d{4}/\d\d/\d\d")),
    ("%Y/%m/%d %H:%M:%S", re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")),
    ("%Y/%m/%d %H:%M", re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d")),
    *(
        (pattern.replace("/", mark), re.compile(shape.replace("/", re.escape(mark))))
        for mark in "/.-"
        for pattern, shape in (
            ("%d/%m/%Y", r"\d\d/\d\d/\d{4}"),
            ("%m/%d/%Y", r"\d\d/\d\d/\d{4}"),
            ("%d/%m/%y", r"\d\d/\d\d/\d\d"),
            ("%m/%d/%y", r"\d\d/\d\d/\d\d"),
            ("%d/%m/%Y %H:%M:%S", r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"),
            ("%m/%d/%Y %H:%M:%S", r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"),
            ("%d/%m/%Y %H:%M", r"\d\d/\d\d/\d{4} \d\d:\d\d"),
            ("%m/%d/%Y %H:%M", r"\d\d/\d\d/\d{4} \d\d:\d\d"),
            ("%m/%d/%Y %I:%M:%S %p", r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M"),
            ("%m/%d/%Y %I:%M %p", r"\d\d/\d\d/\d{4} \d\d:\d\d [AP]M"),
            ("%d/%b/%Y", r"\d\d/[A-Z][a-z]{2}/\d{4}"),
            ("%d/%b/%Y %H:%M:%S", r"\d\d/[A-Z][a-z]{2}/\d{4} \d\d:\d\d:\d\d"),
        )
    ),
    ("%d/%b/%Y:%H:%M:%S %z", re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")),
    ("%d %b %Y", re.compile(r"\d\d [A-Z][a-z]{2} \d{4}")),
    ("%d %b %Y %H:%M:%S", re.compile(r"\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d")),
    ("%d %B %Y", re.compile(r"\d\d [A-Z][a-z]{2,8} \d{4}")),
    ("%b %d, %Y", re.compile(r"[A-Z][a-z]{2} \d\d, \d{4}")),
    ("%B %d, %Y", re.compile(r"[A-Z][a-z]{2,8} \d\d, \d{4}")),
    ("%b %d %Y %H:%M:%S", re.compile(r"[A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d")),
    ("%a %b %d %H:%M:%S %Y", re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}")),
    ("%H:%M:%S.%f", re.compile(r"\d\d:\d\d:\d\d\.\d{1,6}")),
    ("%H:%M:%S,%f", re.compile(r"\d\d:\d\d:\d\d,\d{1,6}")),
    ("%H:%M:%S", re.compile(r"\d\d:\d\d:\d\d")),
    ("%H:%M", re.compile(r"\d\d:\d\d")),
)
"""Formats of dates and times by the shape of their text."""

ZONED: frozenset[str] = frozenset(
    {"rfc3339", "rfc2822", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "%Y%m%dT%H%M%SZ", "%d/%b/%Y:%H:%M:%S %z"}
)
"""Formats whose values name one instant without further knowledge."""

CLOCKS: frozenset[str] = frozenset({"%H:%M:%S.%f", "%H:%M:%S,%f", "%H:%M:%S", "%H:%M"})
"""Formats of a time of day without a date."""

DATES: frozenset[str] = frozenset(
    name for name, _ in DATE_PATTERNS if "H" not in name and "I" not in name and name not in ("rfc3339", "rfc2822")
)
"""Formats of a date without a time."""


@lru_cache(maxsize=65536)
def seconds_of(text: str, form: str) -> float | None:
    """The instant that a text names in a format, in seconds since 1970; naive times count as UTC. None where it does
    not parse.
    """
    try:
        if form in ("rfc3339", "%Y%m%dT%H%M%SZ"):
            if form != "rfc3339":
                return datetime.strptime(text[:-1] + "+0000", "%Y%m%dT%H%M%S%z").timestamp()
            return datetime.fromisoformat(text.replace("z", "Z").replace(" ", "T")).timestamp()
        if form == "date" or form.startswith("%Y-%m-%d"):
            return datetime.fromisoformat(text.replace(",", ".")).replace(tzinfo=UTC).timestamp()
        if form == "rfc2822":
            body = text.split(", ", 1)[-1].replace("GMT", "+0000").replace("UTC", "+0000").replace("UT", "+0000")
            pattern = "%d %b %Y %H:%M:%S %z" if body.count(":") == 2 else "%d %b %Y %H:%M %z"
            return datetime.strptime(body, pattern).timestamp()  # noqa: DTZ007 - both patterns end in %z
        parsed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is set below
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        if form in CLOCKS:
            return parsed.hour * 3600 + parsed.minute * 60 + parsed.second + parsed.microsecond / 1e6
        return parsed.timestamp()
    except (ValueError, OverflowError):
        return None


def date_formats(texts: Sequence[str], tolerance: float = 0.02) -> list[str]:
    """Formats that read all the texts but for a share of junk, in the order of `DATE_PATTERNS`; several where it is
    ambiguous.
    """
    if not texts or not any(letter.isdigit() for letter in texts[0]):
        sample = next((text for text in texts if any(letter.isdigit() for letter in text)), "")
        if not sample:
            return []
    step = max(1, len(texts) // 12)
    few = texts[::step][:12]
    first = few[: len(few) // 2 + 1]
    found: list[str] = []
    for form, shape in DATE_PATTERNS:
        # Where half of them fit, one of the first half and one more does.
        if not any(map(shape.fullmatch, first)):
            continue
        if sum(1 for text in few if shape.fullmatch(text)) * 2 < len(few):
            continue
        good = sum(1 for text in texts if shape.fullmatch(text) and seconds_of(text, form) is not None)
        if good >= (1 - tolerance) * len(texts):
            found.append(form)
    return found


EPOCHS: tuple[tuple[str, float], ...] = (("epoch_s", 1.0), ("epoch_ms", 1e3), ("epoch_us", 1e6), ("epoch_ns", 1e9))
"""Epoch formats and their units per second."""

EPOCH_MINIMUM = 631152000.0
"""1 January 1990 in seconds: events carry dates of our time, so that a number's size tells its unit."""

EPOCH_MAXIMUM = 2840140800.0
"""1 January 2060 in seconds."""


def epoch_format(numbers: Sequence[float]) -> str:
    """The epoch format that puts all the numbers between 1990 and 2060; empty where there is none."""
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    for form, unit in EPOCHS:
        if EPOCH_MINIMUM * unit <= low and high <= EPOCH_MAXIMUM * unit:
            return form
    return ""
