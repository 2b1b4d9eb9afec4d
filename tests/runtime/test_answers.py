"""Answers to recent requests: the same request the same answer, another content a refusal, memory bounded."""

from __future__ import annotations

import pytest

from cta_server.runtime.answers import BYTES, ENTRIES, Answers
from cta_server.runtime.batch import BatchResult, Incoming
from cta_server.runtime.errors import RequestIdReused

ANSWER = BatchResult((), 7)


def test_a_repeat_gets_its_answer_and_a_reused_id_is_refused() -> None:
    """Stream, bytes, event ids and order make the content."""
    answers = Answers()
    answers.keep("r", "s", [Incoming(b"1"), Incoming(b"2", "id")], ANSWER)
    assert answers.find("r", "s", [Incoming(b"1"), Incoming(b"2", "id")]) is ANSWER
    assert answers.find("other", "s", [Incoming(b"1")]) is None
    for stream_id, events in [
        ("t", [Incoming(b"1"), Incoming(b"2", "id")]),
        ("s", [Incoming(b"2", "id"), Incoming(b"1")]),
        ("s", [Incoming(b"1"), Incoming(b"2")]),
        ("s", []),
    ]:
        with pytest.raises(RequestIdReused):
            answers.find("r", stream_id, events)


def test_the_oldest_make_room_in_number() -> None:
    """Only the newest answers are kept."""
    answers = Answers()
    for number in range(ENTRIES + 10):
        answers.keep(f"r{number}", "s", [Incoming(b"1")], ANSWER)
    assert answers.find("r9", "s", [Incoming(b"1")]) is None
    assert answers.find("r10", "s", [Incoming(b"1")]) is ANSWER


def test_the_oldest_make_room_in_bytes() -> None:
    """Large batches push earlier ones out, and a single one of any size is kept."""
    answers = Answers()
    large = [Incoming(b"x" * (BYTES // 2 + 1))]
    answers.keep("a", "s", large, ANSWER)
    answers.keep("b", "s", large, ANSWER)
    assert answers.find("a", "s", large) is None
    assert answers.find("b", "s", large) is ANSWER
