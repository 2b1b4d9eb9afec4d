"""Forms of text and time."""

from __future__ import annotations

import pytest

from cta_core.diagnosis.formats import date_formats, epoch_format, family_of, mask_of, seconds_of


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("7f8b2c1e-0d4a-4a7e-9f0a-3b2c1d0e9f8a", "uuid"),
        ("ana@example.org", "email"),
        ("https://example.org/x", "url"),
        ("10.0.0.7", "ipv4"),
        ("2024-05-01T10:00:00Z", "rfc3339"),
        ("12", "integer"),
        ("1.50", "decimal"),
        ('{"a":1}', "json"),
        ("", "empty"),
        ("two words", "text"),
    ],
)
def test_families(text: str, family: str) -> None:
    """Each text is of the family that its form says."""
    assert family_of(text) == family


def test_masks_keep_the_form_and_drop_the_content() -> None:
    """Runs of digits and letters become one sign each."""
    assert mask_of("AB-1234 xy") == "A-9 a"


def test_a_day_above_twelve_settles_the_order() -> None:
    """Of day and month the order that reads every value is kept; without such a value both are."""
    assert date_formats(["25/12/2023", "01/02/2023"]) == ["%d/%m/%Y"]
    assert date_formats(["05/12/2023", "01/02/2023"]) == ["%d/%m/%Y", "%m/%d/%Y"]


def test_junk_among_times_is_forgiven_and_text_is_not_a_time() -> None:
    """One stray text in a hundred leaves the format; texts that are none have none."""
    assert date_formats([*["2024-05-01T10:00:00Z"] * 99, "n/a"]) == ["rfc3339"]
    assert date_formats(["alpha", "beta"]) == []


def test_epochs_are_told_by_their_size() -> None:
    """Seconds, milliseconds, microseconds and nanoseconds of our time are told apart; other numbers are no times."""
    assert [epoch_format([1.7e9 * unit]) for unit in (1, 1e3, 1e6, 1e9)] == [
        "epoch_s",
        "epoch_ms",
        "epoch_us",
        "epoch_ns",
    ]
    assert epoch_format([42.0]) == ""


def test_a_time_that_does_not_parse_is_none() -> None:
    """A thirteenth month has no instant."""
    assert seconds_of("2024-13-01", "date") is None
    assert seconds_of("1970-01-02T00:00:00Z", "rfc3339") == 86400.0
