"""Bodies of events in their three forms."""

from __future__ import annotations

import msgspec
import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from cta.v1.event_pb2 import Payload
from cta_core.errors import InvalidInput
from cta_server.rpc.convert.payload import bodies_of, body_of, payload, preview
from cta_server.rpc.convert.problems import Problems


@given(raw=st.binary(max_size=64))
def test_any_bytes_come_back_byte_for_byte(raw: bytes) -> None:
    """A body of any bytes is the same after message and back, as text where it is text."""
    message = Payload.FromString(payload(raw).SerializeToString())
    problems = Problems()
    assert body_of(message, "payload", problems) == raw
    problems.check()
    try:
        raw.decode()
    except UnicodeDecodeError:
        assert message.WhichOneof("body") == "data"
    else:
        assert message.WhichOneof("body") == "json"


def test_a_value_is_written_as_json_with_whole_numbers_as_integers() -> None:
    """A value written by hand becomes JSON text; 12 stays 12 and does not become 12.0."""
    value = Value(struct_value=Struct())
    value.struct_value.update({"amount": 12, "rate": 0.5, "tags": ["a", None, True], "nested": {"n": 3}})
    problems = Problems()
    raw = body_of(Payload(value=value), "payload", problems)
    problems.check()
    decoded = msgspec.json.decode(raw)
    assert decoded == {"amount": 12, "rate": 0.5, "tags": ["a", None, True], "nested": {"n": 3}}
    assert type(decoded["amount"]) is int
    assert type(decoded["nested"]["n"]) is int


def test_bodies_that_are_not_set_are_all_named() -> None:
    """An empty payload, a Value without a kind and a number that JSON cannot write are three violations."""
    problems = Problems()
    bodies_of(
        [
            Payload(),
            Payload(value=Value(list_value=ListValue(values=[Value()]))),
            Payload(value=Value(number_value=float("nan"))),
            Payload(json="{}"),
        ],
        "events",
        problems,
    )
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert [v.field for v in raised.value.violations] == ["events[0]", "events[1].value", "events[2].value"]


@given(text=st.text(max_size=40), limit=st.integers(1, 20))
def test_a_preview_is_the_beginning_of_the_body(text: str, limit: int) -> None:
    """A cut body is text that the whole one begins with, and not longer than was asked for."""
    raw = text.encode()
    message = preview(raw, limit)
    assert message.WhichOneof("body") == "json"
    assert len(message.json.encode()) <= limit
    assert text.startswith(message.json)


def test_a_preview_of_bytes_that_are_no_text_stays_bytes() -> None:
    """A cut does not turn poison into text."""
    assert preview(b"abc\xff\xfe", 3).data == b"abc"
    assert preview(b"abc", 0).json == "abc"
