"""Decoding and encoding of one event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta_core.errors import EventRefused, EventUnreadable
from cta_core.event import EventLimits, decode, depth_exceeds, encode
from helpers.healing import events, strict


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "MALFORMED"),
        (b"{", "MALFORMED"),
        (b'{"a":1} x', "MALFORMED"),
        (b'{"a":01}', "MALFORMED"),
        (b'{"a":NaN}', "MALFORMED"),
        (b'{"a":Infinity}', "MALFORMED"),
        (b'{"a":1e999}', "MALFORMED"),
        (b'{"a":' + b"1" * 5000 + b"}", "MALFORMED"),
        (b'{"a":"\xff"}', "MALFORMED"),
        (b'{"\xff":1}', "MALFORMED"),
        (b'{"a":"\xed\xa0\x80"}', "MALFORMED"),
        (b'{"a":"\\ud800"}', "MALFORMED"),
        (b'{"a":"\\udc00x"}', "MALFORMED"),
        (b"\xef\xbb\xbf{}", "MALFORMED"),
        (b'{"a":"\x00"}', "MALFORMED"),
        (b"[]", "NOT_AN_OBJECT"),
        (b"null", "NOT_AN_OBJECT"),
        (b'"a"', "NOT_AN_OBJECT"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "TOO_DEEP"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "TOO_DEEP"),
        (b'{"a":"' + b"x" * (5 * 1024 * 1024) + b'"}', "TOO_LARGE"),
    ],
)
def test_refuses_hostile_bytes(raw: bytes, code: str) -> None:
    """Bytes that are no event within the limits are refused with the reason's code, never with another error."""
    with pytest.raises(EventUnreadable) as caught:
        decode(raw)
    assert caught.value.code == code
    assert isinstance(caught.value, EventRefused)


def test_keeps_integers_of_any_size() -> None:
    """An integer beyond 64 bits keeps every digit through decoding and encoding."""
    raw = b'{"id":123456789012345678901234567890,"small":-9223372036854775809}'
    assert encode(decode(raw)) == raw


def test_the_last_of_duplicate_keys_counts() -> None:
    """Duplicate keys are JSON; the last one is taken."""
    assert decode(b'{"a":1,"a":2}') == {"a": 2}


def test_depth_is_counted_and_not_brackets() -> None:
    """Many brackets side by side, or inside text, are no depth; the limit itself is allowed."""
    limits = EventLimits(max_depth=3)
    assert decode(b'{"a":[[],[],[],[],[]],"t":"[[[[[[[[{{{{"}', limits)
    with pytest.raises(EventUnreadable, match="deeper than 3"):
        decode(b'{"a":[[[]]]}', limits)


def test_size_limit_is_inclusive() -> None:
    """An event of exactly the allowed size passes."""
    raw = b'{"a":1}'
    assert decode(raw, EventLimits(max_bytes=len(raw))) == {"a": 1}
    with pytest.raises(EventUnreadable, match="7 bytes, 6 are allowed"):
        decode(raw, EventLimits(max_bytes=6))


def test_reasons_hold_no_values() -> None:
    """The reason of a refusal shows nothing of the payload."""
    with pytest.raises(EventUnreadable) as caught:
        decode(b'{"card":"4111111111111111","x":tru}')
    assert "4111" not in str(caught.value)


@given(events)
def test_events_survive(event: dict[str, Any]) -> None:
    """What is encoded decodes to the same event, in the types of its numbers too."""
    assert strict(decode(encode(event))) == strict(event)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789eE.-+tfn\\u ', max_size=40).map(str.encode))
def test_any_bytes_decode_or_refuse(raw: bytes) -> None:
    """Whatever the bytes are, the answer is an event or a refusal."""
    try:
        event = decode(raw)
    except EventUnreadable:
        return
    assert type(event) is dict


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    """A text that is no Unicode is refused and not written."""
    with pytest.raises(EventRefused, match="surrogate"):
        encode({"a": "\ud800"})


def test_a_number_of_too_many_digits_cannot_be_written() -> None:
    """An integer beyond what Python writes is refused."""
    with pytest.raises(EventRefused, match="digits"):
        encode({"a": 10**5000})


def test_endless_nesting_cannot_be_written() -> None:
    """A value that is nested too deeply is refused instead of ending the process."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EventRefused, match="too deeply"):
        encode({"a": deep})
    assert depth_exceeds(deep, 99_999)
    assert not depth_exceeds(deep, 100_000)
