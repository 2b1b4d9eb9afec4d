"""The datetime step: exact formats, zones, and refusal of what cannot be held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.adapter.steps import DateTime
from helpers.healing import after, faults, refusal, strict


def step(source: str, target: str, **rest: Any) -> DateTime:
    """A step on the field `t`."""
    return DateTime(path="/t", source=source, target=target, **rest)


DMY = "%d/%m/%Y %H:%M:%S"
CLF = "%d/%b/%Y:%H:%M:%S %z"


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (step("epoch_s", "rfc3339"), 1709626320, "2024-03-05T08:12:00Z"),
        (step("epoch_s", "rfc3339", zulu=False), 0, "1970-01-01T00:00:00+00:00"),
        (step("epoch_s", "rfc3339"), -1, "1969-12-31T23:59:59Z"),
        (step("epoch_s", "rfc3339", digits=3), 1709626320.25, "2024-03-05T08:12:00.250Z"),
        (step("epoch_s", "rfc3339"), 1709626320.0, "2024-03-05T08:12:00Z"),
        (step("epoch_ms", "rfc3339", digits=3), 1709626320123, "2024-03-05T08:12:00.123Z"),
        (step("epoch_ms", "rfc3339"), 1709626320000, "2024-03-05T08:12:00Z"),
        (step("epoch_us", "rfc3339", digits=3), 1709626320123000, "2024-03-05T08:12:00.123Z"),
        (step("epoch_ns", "rfc3339", digits=9), 1709626320123456789, "2024-03-05T08:12:00.123456789Z"),
        (step("epoch_ms", "epoch_s"), 1709626320000, 1709626320),
        (step("epoch_ms", "epoch_s"), 1709626320000.0, 1709626320),
        (step("epoch_ms", "epoch_s", digits=3), 1709626320123, 1709626320.123),
        (step("epoch_s", "epoch_ms"), 1709626320.123, 1709626320123),
        (step("rfc3339", "epoch_ms"), "2024-03-05T08:12:00.123Z", 1709626320123),
        (step("rfc3339", "epoch_s"), "2024-03-05T09:12:00+01:00", 1709626320),
        (step("rfc3339", "epoch_s"), "2024-03-05t08:12:00z", 1709626320),
        (step("rfc3339", "epoch_s"), "2024-03-05 02:42:00-05:30", 1709626320),
        (step("rfc3339", "rfc3339"), "2024-03-05T08:12:00.000Z", "2024-03-05T08:12:00Z"),
        (step("rfc3339", "rfc3339", target_zone="+05:30"), "2024-03-05T08:12:00Z", "2024-03-05T13:42:00+05:30"),
        (
            step("rfc3339", "rfc3339", target_zone="Europe/Berlin"),
            "2024-07-05T08:12:00Z",
            "2024-07-05T10:12:00+02:00",
        ),
        (step("rfc3339", "date"), "2024-03-05T00:00:00Z", "2024-03-05"),
        (step("date", "%d/%m/%Y"), "2024-03-05", "05/03/2024"),
        (step("%d/%m/%Y", "date"), "05/03/2024", "2024-03-05"),
        (step("%m/%d/%Y", "date"), "03/05/2024", "2024-03-05"),
        (step("%Y%m%d", "date"), "20240229", "2024-02-29"),
        (step("%d.%m.%y", "date"), "05.03.24", "2024-03-05"),
        (step("%d.%m.%y", "date"), "05.03.69", "1969-03-05"),
        (step("%-d/%-m/%Y", "date"), "5/3/2024", "2024-03-05"),
        (step("date", "%-d/%-m/%Y"), "2024-03-05", "5/3/2024"),
        (step(DMY, "rfc3339"), "05/03/2024 08:12:00", "2024-03-05T08:12:00Z"),
        (step(DMY, "rfc3339", source_zone="+05:30"), "05/03/2024 13:42:00", "2024-03-05T08:12:00Z"),
        (step(DMY, "rfc3339", source_zone="Europe/Berlin"), "05/07/2024 10:12:00", "2024-07-05T08:12:00Z"),
        (step(DMY, "epoch_s", source_zone="UTC"), "05/03/2024 08:12:00", 1709626320),
        (step(DMY, "epoch_s"), "05/03/2024 08:12:00", 1709626320),
        (step(DMY, "rfc3339", target_zone="+05:30"), "05/03/2024 13:42:00", "2024-03-05T13:42:00+05:30"),
        (
            step("%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S.%f", digits=3),
            "2024-03-05 08:12:00,5",
            "2024-03-05 08:12:00.500",
        ),
        (step("%H:%M:%S,%f", "%H:%M:%S.%f", digits=3), "08:12:00,250", "08:12:00.250"),
        (step("%H:%M:%S.%f", "%H:%M:%S.%f"), "08:12:00.25", "08:12:00.250000"),
        (step("%I:%M %p", "%H:%M"), "12:05 AM", "00:05"),
        (step("%I:%M %p", "%H:%M"), "12:05 PM", "12:05"),
        (step("%H:%M", "%I:%M %p"), "13:05", "01:05 PM"),
        (step("%H:%M", "%-I:%M %p"), "00:05", "12:05 AM"),
        (step(CLF, "rfc3339"), "05/Mar/2024:09:12:00 +0100", "2024-03-05T08:12:00Z"),
        (step("rfc3339", CLF), "2024-03-05T08:12:00Z", "05/Mar/2024:08:12:00 Z"),
        (step("rfc3339", CLF, zulu=False), "2024-03-05T08:12:00Z", "05/Mar/2024:08:12:00 +0000"),
        (step("%A, %d %B %Y", "date"), "Tuesday, 05 March 2024", "2024-03-05"),
        (step("date", "%a %-d %b %Y"), "2024-03-05", "Tue 5 Mar 2024"),
        (step("rfc2822", "rfc3339"), "Tue, 05 Mar 2024 09:12:00 +0100", "2024-03-05T08:12:00Z"),
        (step("rfc2822", "rfc3339"), "5 Mar 2024 08:12 GMT", "2024-03-05T08:12:00Z"),
        (step("rfc3339", "rfc2822"), "2024-03-05T08:12:00Z", "Tue, 05 Mar 2024 08:12:00 +0000"),
        (step("%Y-%m-%dT%H:%M:%SZ", "rfc3339"), "2024-03-05T08:12:00Z", "2024-03-05T08:12:00Z"),
        (step("%d%%%m%%%Y", "date"), "05%03%2024", "2024-03-05"),
    ],
)
def test_converts(convert: DateTime, value: Any, expected: Any) -> None:
    """The time is the same one, in the target's format."""
    assert strict(after(convert, {"t": value})) == strict({"t": expected})


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (step("epoch_s", "rfc3339"), "1709626320"),
        (step("epoch_s", "rfc3339"), True),
        (step("epoch_s", "rfc3339"), 1709626320.5),
        (step("epoch_s", "rfc3339"), 10**12),
        (step("epoch_s", "rfc3339"), -(10**12)),
        (step("epoch_s", "rfc3339"), 10**400),
        (step("epoch_ms", "epoch_s"), 1709626320123),
        (step("epoch_ms", "epoch_us"), 19.99),
        (step("epoch_s", "epoch_ns"), 1.00000000001),
        (step("epoch_us", "rfc3339", digits=3), 1709626320123456),
        (step("epoch_ns", "epoch_s", digits=9), 1709626320123456789),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:12:00"),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:12Z"),
        (step("rfc3339", "epoch_s"), "2024-3-5T08:12:00Z"),
        (step("rfc3339", "epoch_s"), "2024-02-30T08:12:00Z"),
        (step("rfc3339", "epoch_s"), "2024-03-05T24:00:00Z"),
        (step("rfc3339", "epoch_s"), "2024-03-05T23:59:60Z"),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:61:00Z"),
        (step("rfc3339", "epoch_s"), "2024-W10-2T08:12:00Z"),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:12:00+25:00"),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:12:00.1234567890Z"),
        (step("rfc3339", "epoch_s"), "２０２４-03-05T08:12:00Z"),
        (step("rfc3339", "epoch_s"), "2024-03-05T08:12:00Z\n"),
        (step("rfc3339", "epoch_s"), ""),
        (step("rfc3339", "epoch_s"), 1709626320),
        (step("rfc3339", "date"), "2024-03-05T08:12:00Z"),
        (step("rfc3339", "rfc3339", target_zone="-05:30"), "0001-01-01T00:00:00Z"),
        (step("date", "%d/%m/%Y"), "2024-03-05T00:00:00Z"),
        (step("date", "%d.%m.%y"), "1968-03-05"),
        (step("%d/%m/%Y", "date"), "5/3/2024"),
        (step("%d/%m/%Y", "date"), "31/02/2024"),
        (step("%d/%m/%Y", "date"), "05/13/2024"),
        (step("%-d/%-m/%Y", "date"), "05/03/2024"),
        (step("%A, %d %B %Y", "date"), "Monday, 05 March 2024"),
        (step("%I:%M %p", "%H:%M"), "13:05 PM"),
        (step("%I:%M %p", "%H:%M"), "00:05 AM"),
        (step("%H:%M", "%H:%M"), "24:00"),
        (step("%H:%M:%S", "%H:%M"), "08:12:30"),
        (step(DMY, "rfc3339", source_zone="Europe/Berlin"), "27/10/2024 02:30:00"),
        (step(DMY, "rfc3339", source_zone="Europe/Berlin"), "31/03/2024 02:30:00"),
        (step("rfc2822", "rfc3339"), "Mon, 05 Mar 2024 09:12:00 +0100"),
        (step("rfc2822", "rfc3339"), "Tue, 05 Mrz 2024 09:12:00 +0100"),
        (step("rfc2822", "rfc3339"), "Tue, 05 Mar 2024 09:12:00 PST"),
        (step("rfc2822", "rfc3339"), "31 Feb 2024 09:12:00 GMT"),
        (step(CLF, "rfc3339"), "05/Mar/2024:09:12:00 +9900"),
    ],
)
def test_refuses_what_is_not_exact(convert: DateTime, value: Any) -> None:
    """A text that is not in the format to the letter, a clock that is shown twice, and a part that would be lost
    refuse.
    """
    assert refusal(convert, {"t": value}).path == "/t"


@pytest.mark.parametrize(
    ("convert", "fields"),
    [
        (step("epoch", "rfc3339"), ["source"]),
        (step("%Q", "rfc3339"), ["source"]),
        (step("%Y-%m", "date"), ["source"]),
        (step("%d/%m/%Y %M", "rfc3339"), ["source"]),
        (step("%d/%d/%m/%Y", "date"), ["source"]),
        (step("%H:%I", "%H:%M"), ["source"]),
        (step("%I:%M", "%H:%M"), ["source"]),
        (step("%-d%-m%Y", "date"), ["source"]),
        (step("%H:%M", "rfc3339"), ["source"]),
        (step("rfc3339", "%H:%M"), ["target"]),
        (step("rfc3339", "epoch_s", source_zone="UTC"), ["source_zone"]),
        (step(DMY, "epoch_s", source_zone="Mars/Base"), ["source_zone"]),
        (step(DMY, "epoch_s", source_zone="../etc/passwd"), ["source_zone"]),
        (step(DMY, "rfc3339", target_zone=""), ["target_zone"]),
        (step("rfc3339", "epoch_ms", digits=3), ["digits"]),
        (step("rfc3339", "date", digits=3), ["digits"]),
        (step("epoch_ms", "rfc3339", digits=10), ["digits"]),
        (step("%H:%M", "%H.%M", target_zone="+01:00"), ["target_zone"]),
    ],
)
def test_names_what_is_wrong(convert: DateTime, fields: list[str]) -> None:
    """A format, a zone or a combination that cannot work is reported by its field."""
    assert faults(convert) == fields


times = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001 - wall clocks


@given(times)
def test_agrees_with_the_standard_library(when: datetime) -> None:
    """Microseconds since 1970 are written as the standard library writes them, and read back."""
    count = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    written = after(step("epoch_us", "rfc3339", digits=6), {"t": count})["t"]
    assert written == when.isoformat(timespec="microseconds") + "Z"
    assert after(step("rfc3339", "epoch_us"), {"t": written})["t"] == count


@given(
    times,
    st.sampled_from([DMY, "%Y-%m-%dT%H:%M:%S.%f", "%a %b %d %H:%M:%S %Y", "%m-%d-%Y %I:%M:%S %p", "%Y%m%d%H%M%S"]),
)
def test_patterns_mean_what_strftime_means(when: datetime, pattern: str) -> None:
    """What strftime writes in a pattern is read as the same time, and written the same way."""
    if "%f" not in pattern:
        when = when.replace(microsecond=0)
    # strftime of this platform leaves the zeros of early years out, which is no four-digit year.
    if when.year < 1000:
        when = when.replace(year=when.year + 1000, day=1)
    text = when.strftime(pattern)
    count = after(step(pattern, "epoch_us"), {"t": text})["t"]
    assert count == (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert after(step("epoch_us", pattern), {"t": count})["t"] == text


@given(
    st.text(max_size=30)
    | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{0,10})?(Z|[+-]\d\d:\d\d)?", fullmatch=True)
)
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Whatever the text is, it becomes an integer or is refused."""
    for source in ("rfc3339", "rfc2822", "date", DMY, "%I:%M %p %b %d %Y"):
        convert = step(source, "epoch_ns")
        try:
            assert type(convert.change()(text)) is int
        except Exception as error:  # noqa: BLE001 - the point is which class it is
            assert type(error).__name__ == "EventRefused"  # noqa: PT017


def test_absent_and_null_stay() -> None:
    """An absent time stays absent and null stays null."""
    assert after(step("rfc3339", "epoch_s"), {"t": None, "u": 1}) == {"t": None, "u": 1}
    assert after(step("rfc3339", "epoch_s"), {"u": 1}) == {"u": 1}


def test_reads_as_a_sentence() -> None:
    """A step tells people what it does."""
    assert step("epoch_ms", "rfc3339", digits=3).words() == (
        "convert the time /t from epoch_ms to rfc3339 (UTC) with 3 fraction digits"
    )
    assert step(DMY, "epoch_s", source_zone="+05:30").words() == (
        "convert the time /t from %d/%m/%Y %H:%M:%S (+05:30) to epoch_s"
    )
