"""Traces in the journal: pieces once each, closed for good, emptied, forgotten."""

from __future__ import annotations

from pathlib import Path

from cta_server.runtime.ports import Journal, KeptPiece, Taken
from cta_server.store.journal import open_journal
from helpers.stores import decision


def piece(span: str, *, trace: str = "t1", stream: str = "orders", part: str = "", root: bool = False) -> KeptPiece:
    """A piece whose body tells where it is from."""
    return KeptPiece(
        stream_id=stream, trace_id=trace, span_id=span, part=part, root=root, body=f"{trace}/{span}/{part}".encode()
    )


def test_a_piece_is_kept_once(journal: Journal) -> None:
    """What is sent again is known, also within one call; records of one span are told apart by their part."""
    sent = [piece("a"), piece("b"), piece("a"), piece("a", part="log")]
    assert journal.put_pieces(sent, now=1.0, most=10) == [Taken.NEW, Taken.NEW, Taken.KNOWN, Taken.NEW]
    assert journal.put_pieces(sent, now=2.0, most=10) == [Taken.KNOWN] * 4
    assert journal.close_trace("orders", "t1", run_id="run_1") == ("run_1", [b"t1/a/", b"t1/b/", b"t1/a/log"])


def test_a_trace_takes_no_more_than_it_may(journal: Journal) -> None:
    """The piece beyond the limit is refused; another trace is not touched by that."""
    assert journal.put_pieces([piece("a"), piece("b"), piece("c")], now=1.0, most=2)[2] is Taken.FULL
    assert journal.put_pieces([piece("c", trace="t2")], now=1.0, most=2) == [Taken.NEW]


def test_open_traces_tell_their_size_and_root(journal: Journal) -> None:
    """The oldest comes first; a root is remembered whatever follows it; the time is that of the last new piece."""
    journal.put_pieces([piece("a", root=True), piece("x", trace="t2", stream="other")], now=1.0, most=9)
    journal.put_pieces([piece("b"), piece("x", trace="t2", stream="other")], now=5.0, most=9)
    other, orders = journal.open_traces()
    assert (other.stream_id, other.last_time, other.root) == ("other", 1.0, False)
    assert (orders.trace_id, orders.last_time, orders.root, orders.bytes) == ("t1", 5.0, True, len(b"t1/a/t1/b/"))


def test_a_closed_trace_keeps_its_run_and_takes_nobody(journal: Journal) -> None:
    """The first id stays, so that a second try makes the same run; newcomers are late, known ones are not."""
    journal.put_pieces([piece("a")], now=1.0, most=9)
    journal.close_trace("orders", "t1", run_id="run_1")
    assert journal.close_trace("orders", "t1", run_id="run_2") == ("run_1", [b"t1/a/"])
    assert [trace.run_id for trace in journal.open_traces()] == ["run_1"]
    assert journal.put_pieces([piece("a"), piece("z")], now=2.0, most=9) == [Taken.KNOWN, Taken.LATE]


def test_an_emptied_trace_leaves_its_ids_for_a_while(journal: Journal) -> None:
    """Its bodies are gone, its ids still tell known from late; once they are old, the trace is a new one."""
    journal.put_pieces([piece("a")], now=1.0, most=9)
    journal.close_trace("orders", "t1", run_id="run_1")
    journal.empty_trace("orders", "t1", now=10.0, forget_before=5.0)
    assert journal.open_traces() == []
    assert journal.put_pieces([piece("a"), piece("z")], now=11.0, most=9) == [Taken.KNOWN, Taken.LATE]
    journal.put_pieces([piece("b", trace="t2")], now=12.0, most=9)
    journal.empty_trace("orders", "t2", now=20.0, forget_before=15.0)
    assert journal.put_pieces([piece("a")], now=21.0, most=9) == [Taken.NEW]


def test_the_end_of_a_stream_takes_its_traces(journal: Journal) -> None:
    """Those of other streams stay."""
    journal.put_pieces([piece("a"), piece("a", stream="other")], now=1.0, most=9)
    journal.delete_stream("orders", decision("delete_stream"))
    assert [trace.stream_id for trace in journal.open_traces()] == ["other"]
    assert journal.close_trace("orders", "t1", run_id="run_1") == ("run_1", [])


def test_pieces_outlive_the_process(tmp_path: Path) -> None:
    """What was taken is there when the file is opened again."""
    first = open_journal(tmp_path / "journal.db")
    first.put_pieces([piece("a", root=True)], now=1.0, most=9)
    first.close()
    second = open_journal(tmp_path / "journal.db")
    assert [(trace.trace_id, trace.root) for trace in second.open_traces()] == [("t1", True)]
    second.close()
