"""What the store forgets, and that nothing of it stays in its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cta_core.canary import Canary
from cta_core.privacy import Mask, Method
from cta_core.quarantine import HeldState
from cta_core.run import Run
from cta_server.runtime.ids import Ids, bound_of
from cta_server.runtime.ports import Archive, Journal
from cta_server.store import open_archive, open_journal
from helpers.stores import delivery, held, recorded, stream

SECRET = b"4111-1111-1111-1111"


def _delivered(journal: Journal, count: int, *, stream_id: str = "orders", start: float = 0.0) -> None:
    """Held events that were redriven, one a second."""
    names = [f"{stream_id}-{number}" for number in range(count)]
    journal.hold([held(name, stream_id=stream_id, raw=SECRET + name.encode()) for name in names])
    journal.deliver(
        [delivery(n, stream_id=stream_id, raw=SECRET + n.encode(), time=start + i) for i, n in enumerate(names)]
    )


def test_old_deliveries_are_emptied_and_stay_counted(journal: Journal) -> None:
    """Payloads go, the oldest first and so many at once; rows, positions, states and counts stay."""
    _delivered(journal, 10)
    last = journal.delivery_position()
    assert journal.erase_delivered("orders", before=6, limit=4) == 4
    assert journal.erase_delivered("orders", before=6, limit=4) == 2
    assert journal.erase_delivered("orders", before=6, limit=4) == 0
    assert [each.event_id for each in journal.list_deliveries(stream_id="orders")] == [
        f"orders-{n}" for n in range(6, 10)
    ]
    assert journal.erased_to(stream_id="orders") == journal.erased_to() == last - 4
    assert journal.delivery_position() == last
    assert journal.count_held(stream_id="orders", state=HeldState.REDRIVEN) == 10
    bodies = [event.raw for event in journal.list_held(stream_id="orders", state=HeldState.REDRIVEN, limit=100)]
    assert [bool(raw) for raw in bodies] == [False] * 6 + [True] * 4


def test_held_events_are_never_erased(journal: Journal) -> None:
    """An event that still waits keeps its payload, however old it is."""
    journal.hold([held("old", raw=SECRET, arrive_time=1.0)])
    _delivered(journal, 2)
    assert journal.erase_delivered("orders", before=1e12, limit=100) == 2
    assert journal.held_bodies(stream_id="orders", limit=10) == [SECRET]


def test_an_erased_event_is_still_known(journal: Journal) -> None:
    """Its id is held once for ever: a retry of it is no new event."""
    _delivered(journal, 1)
    journal.erase_delivered("orders", before=1e12, limit=100)
    assert journal.hold([held("orders-0")]).new == 0
    assert journal.known_events("orders", ["orders-0"])["orders-0"].raw == b""


def test_streams_are_erased_each_by_itself(journal: Journal) -> None:
    """One stream's age does not empty another's deliveries, and ends with the stream."""
    _delivered(journal, 3)
    _delivered(journal, 3, stream_id="refunds")
    assert journal.erase_delivered("orders", before=1e12, limit=100) == 3
    assert {each.stream_id for each in journal.list_deliveries()} == {"refunds"}
    assert journal.erased_to(stream_id="refunds") == 0
    assert journal.erased_to() == journal.erased_to(stream_id="orders") > 0


def test_a_baseline_is_masked_with_its_profile_and_the_stream_at_once(journal: Journal) -> None:
    """Copies take the place of the events, or none is written when the baseline changed meanwhile."""
    journal.put_stream(stream(masks=(Mask(path="/a"),)), expected=0)
    journal.put_baseline("orders", [b"1", b"2"], append=False)
    journal.put_profile("orders", b"before")
    masks = (Mask(path="/a"),)
    assert not journal.mask_baseline("orders", [b"x"], profile=b"after", masks=masks)
    assert journal.get_baseline("orders", limit=10) == [b"1", b"2"]
    assert journal.mask_baseline("orders", [b"x", b"y"], profile=b"after", masks=masks)
    assert journal.get_baseline("orders", limit=10) == [b"x", b"y"]
    assert journal.get_profile("orders") == b"after"
    kept = journal.get_stream("orders")
    assert kept is not None
    assert kept.masked == masks
    assert journal.mask_baseline("orders", [], profile=b"", masks=())
    assert journal.get_baseline("orders", limit=10) == []
    assert journal.get_profile("orders") is None


def test_masks_of_a_stream_come_back(journal: Journal) -> None:
    """A stream keeps its masks, in their order."""
    masks = (Mask(path="/b", method=Method.DROP), Mask(path="/a"))
    journal.put_stream(stream(masks=masks, masked=masks[:1]), expected=0)
    kept = journal.get_stream("orders")
    assert kept is not None
    assert (kept.masks, kept.masked) == (masks, masks[:1])


def test_recent_events_go_up_to_a_position(archive: Archive) -> None:
    """Whole blocks up to it go, and later events get greater positions all the same."""
    for block in range(3):
        archive.append_events("orders", [recorded(f"e{block}{n}") for n in range(4)])
    archive.erase_events("orders", up_to=8)
    assert [event.position for event in archive.recent_events("orders")] == [12, 11, 10, 9]
    archive.erase_events("orders", up_to=12)
    assert archive.recent_events("orders") == []
    archive.append_events("orders", [recorded("new")])
    assert [(event.event_id, event.position) for event in archive.recent_events("orders")] == [("new", 13)]


def test_history_goes_by_the_time_in_its_ids(archive: Archive) -> None:
    """Runs and canaries that were made before a time go; those made at it or later, and other streams', stay."""
    now = [1000.0]
    ids = Ids(lambda: now[0])
    old, other = ids.new("run"), ids.new("run")
    canary = ids.new("can")
    now[0] = 2000.0
    new = ids.new("run")
    for run_id, stream_id in ((old, "orders"), (new, "orders"), (other, "refunds")):
        archive.put_run(Run(run_id=run_id, stream_id=stream_id))
    archive.put_canary(Canary(canary_id=canary, stream_id="orders", adapter_id="adp_1"))
    archive.erase_history("orders", before=bound_of(2000.0))
    assert [run.run_id for run in archive.list_runs(stream_id="orders")] == [new]
    assert [run.run_id for run in archive.list_runs(stream_id="refunds")] == [other]
    assert archive.get_canary(canary) is None


def _journal_erases(folder: Path) -> None:
    journal = open_journal(folder / "journal.db")
    _delivered(journal, 600)
    journal.erase_delivered("orders", before=1e12, limit=1000)
    journal.close()


def _journal_drops_baseline(folder: Path) -> None:
    journal = open_journal(folder / "journal.db")
    journal.put_stream(stream(), expected=0)
    journal.put_baseline("orders", [SECRET * 50] * 500, append=False)
    journal.mask_baseline("orders", [], profile=b"", masks=())
    journal.close()


def _archive_erases(folder: Path) -> None:
    archive = open_archive(folder / "archive.db")
    event = recorded("e1")
    archive.append_events("orders", [type(event)(**{**_fields(event), "raw": SECRET * 20}) for _ in range(500)])
    archive.erase_events("orders", up_to=500)
    archive.close()


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("forget", [_journal_erases, _journal_drops_baseline, _archive_erases])
def test_what_is_forgotten_is_not_left_in_the_files(tmp_path: Path, forget: Callable[[Path], None]) -> None:
    """Neither free pages nor the write-ahead log have a byte of it."""
    forget(tmp_path)
    for file in tmp_path.iterdir():
        assert SECRET not in file.read_bytes(), file.name
