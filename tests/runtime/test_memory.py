"""The memory of the loop: what it heals on another stream, and what became of its fixes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.adapter.steps import Drop, Rename
from cta_core.diagnosis.report import Decision, Report
from cta_core.incident import Incident, State
from cta_core.look import Form, Look, Trait
from cta_core.stream import Policy, Stream
from cta_server.runtime.errors import NotFound, SignaturesDiffer
from cta_server.runtime.ids import Ids
from cta_server.runtime.memory import Memory
from cta_server.runtime.ports import StoredReport
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from helpers.loop import delivered, incident_in, running, send, stream
from helpers.payments import CONTRACT, healthy, raw, renamed

FIX = Program(steps=(Rename(source="/amt", target="/amount"),))
NUMBER = Form(types="number", size=1.5)
LOOK = Look(
    fingerprint="sig1:a",
    embedding=(1.0, 0.0),
    traits=(Trait(path="/amount", before=NUMBER), Trait(path="/amt", after=NUMBER)),
)
LIKE = Look(
    fingerprint="sig1:b",
    embedding=(0.8, 0.6),
    traits=(Trait(path="/fee_total", before=NUMBER), Trait(path="/feeTotal", after=NUMBER)),
)


def other(events: list[bytes], old: str, new: str) -> list[bytes]:
    """The events with another name for a field."""
    return [raw({(new if key == old else key): value for key, value in json.loads(each).items()}) for each in events]


async def test_another_streams_like_drift_is_healed_from_memory(tmp_path: Path) -> None:
    """A rename learned on payments heals other names on another stream by way of the signature and a canary."""
    contract = json.loads(json.dumps(CONTRACT).replace('"amount"', '"order_total"'))
    async with running(tmp_path) as runtime:
        await stream(runtime)
        await send(runtime, renamed(400))
        await incident_in(runtime, State.RESOLVED)
        made = Stream(
            stream_id="orders",
            contract=json.dumps(contract).encode(),
            policy=msgspec.convert({"bake_seconds": 0.05}, Policy),
        )
        await runtime.streams.create(made)
        await runtime.streams.learn("orders", other(healthy(400), "amount", "order_total"))
        await send(runtime, other(healthy(400, 10_000), "amount", "orderTotal"), "orders")
        incident = await incident_in(runtime, State.RESOLVED, stream_id="orders")
        assert (incident.method, bool(incident.canary_id)) == ("SIGNATURE", True)
        right = [json.loads(each) for each in other(healthy(400, 10_000), "amount", "order_total")]
        assert await delivered(runtime, "orders") == right
        archive = runtime.storage.archive
        (origin,) = await runtime.storage.archived(archive.list_signatures, stream_id="payments")
        assert (origin.hits, origin.confirmed) == (1, 2)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """A store of its own."""
    made = Storage(open_journal(tmp_path / "journal.db"), open_archive(tmp_path / "archive.db"))
    made.start()
    yield made
    await made.close()


def memory_over(storage: Storage) -> Memory:
    return Memory(storage=storage, ids=Ids(time.time), clock=lambda: 5.0)


async def healed(
    storage: Storage, stream_id: str, adapter_id: str, look: Look = LOOK
) -> tuple[Incident, AdapterRevision]:
    """An incident with its report, and its adapter."""
    report = StoredReport(
        report_id=f"rep_{adapter_id}", stream_id=stream_id, incident_id="inc_1", create_time=1.0, duration_ms=1.0,
        report=Report(decision=Decision.HEAL), look=look,
    )  # fmt: skip
    await storage.archived(storage.archive.put_report, report)
    incident = Incident(
        incident_id="inc_1", stream_id=stream_id, fingerprint=look.fingerprint, report_id=report.report_id
    )
    return incident, AdapterRevision(adapter_id=adapter_id, stream_id=stream_id, program=FIX)


async def test_outcomes_are_counted_once(storage: Storage) -> None:
    """An effect that is performed twice counts once; another adapter's outcome counts again."""
    memory = memory_over(storage)
    for adapter_id in ("adp_1", "adp_1", "adp_2", "adp_2"):
        await memory.learn(*await healed(storage, "a", adapter_id))
    await memory.blame(*await healed(storage, "a", "adp_3"), "worse")
    await memory.blame(*await healed(storage, "a", "adp_3"), "worse")
    (record,) = await memory.export()
    assert (record.confirmed, record.refused, record.refused_why) == (2, 1, "worse")
    assert record.traits == LOOK.traits
    assert record.embedding == LOOK.embedding


async def test_a_refusal_blocks_on_its_stream_only(storage: Storage) -> None:
    """Elsewhere a fix that was confirmed more often is still offered; its own stream takes it back by keeping it."""
    memory = memory_over(storage)
    await memory.learn(*await healed(storage, "a", "adp_1"))
    await memory.learn(*await healed(storage, "b", "adp_2"))
    await memory.blame(*await healed(storage, "a", "adp_3"), "wrong unit")
    (record,) = await memory.recall(LOOK.fingerprint)
    assert not record.trusted_on("a")
    assert record.trusted_on("b")
    refusal = record.refused_on("a")
    assert refusal is not None
    assert refusal.why == "wrong unit"
    assert record.refused_on("b") is None
    assert not await memory.alike(LIKE, "a")
    assert [each.program for each in await memory.alike(LIKE, "b")] == [
        Program(steps=(Rename(source="/feeTotal", target="/fee_total"),))
    ]
    await memory.learn(*await healed(storage, "a", "adp_4"))
    (record,) = await memory.recall(LOOK.fingerprint)
    assert record.trusted_on("a")


async def test_the_origin_of_a_bound_fix_shares_its_outcome(storage: Storage) -> None:
    """A fix that was bound elsewhere and refused there makes the signature that it came from less trusted."""
    memory = memory_over(storage)
    await memory.learn(*await healed(storage, "a", "adp_1"))
    (origin,) = await memory.export()
    incident, adapter = await healed(storage, "b", "adp_2", LIKE)
    await memory.blame(incident, msgspec.structs.replace(adapter, signature_id=origin.signature_id), "no")
    counts = {record.stream_id: (record.confirmed, record.refused) for record in await memory.export()}
    assert counts == {"a": (1, 1), "b": (0, 1)}
    assert not await memory.alike(LIKE, "c")


async def test_unlike_and_retired_signatures_are_not_offered(storage: Storage) -> None:
    """Likeness below its bar offers nothing, and neither does what a person took out of use."""
    memory = memory_over(storage)
    await memory.learn(*await healed(storage, "a", "adp_1"))
    unlike = msgspec.structs.replace(LIKE, embedding=(0.0, 1.0))
    assert await memory.alike(LIKE, "b")
    assert not await memory.alike(unlike, "b")
    (record,) = await memory.export()
    await memory.edit(record, retired=True)
    assert not await memory.alike(LIKE, "b")


FIX_B = Program(steps=(Rename(source="/feeTotal", target="/fee_total"),))


async def two(storage: Storage) -> tuple[Memory, str, str]:
    """A memory of the same fix on two streams, and the ids of its signatures."""
    memory = memory_over(storage)
    await memory.learn(*await healed(storage, "a", "adp_1"))
    incident, adapter = await healed(storage, "b", "adp_2", LIKE)
    await memory.learn(incident, msgspec.structs.replace(adapter, program=FIX_B))
    one, other = await memory.export()
    return memory, one.signature_id, other.signature_id


async def test_merged_signatures_share_one_standing_and_are_found_by_either_key(storage: Storage) -> None:
    """After a merge each key finds its own program, outcomes count for both, and a repeat adds nothing."""
    memory, one, other = await two(storage)
    for _ in range(2):
        kept = await memory.merge(one, [other])
        assert (kept.confirmed, kept.merged) == (2, (other,))
    (first,), (second,) = await memory.recall("sig1:a"), await memory.recall("sig1:b")
    assert [(each.signature_id, each.program, each.confirmed) for each in (first, second)] == [
        (one, FIX, 2),
        (one, FIX_B, 2),
    ]
    assert len(await memory.similar(LIKE, 10)) == 1
    incident, adapter = await healed(storage, "b", "adp_3", LIKE)
    await memory.blame(incident, msgspec.structs.replace(adapter, program=FIX_B), "worse")
    counts = {record.signature_id: (record.confirmed, record.refused) for record in await memory.export()}
    assert counts == {one: (2, 1), other: (0, 0)}
    assert not (await memory.recall("sig1:a"))[0].trusted_on("b")
    await memory.edit((await memory.export())[0], retired=True)
    assert not await memory.recall("sig1:b")
    assert not await memory.alike(LIKE, "c")


async def test_a_merge_that_was_cut_off_is_completed_by_asking_again(storage: Storage) -> None:
    """With the one that stays written and the other not yet, a repeat gives the sum once and no standing twice."""
    memory, one, other = await two(storage)
    before = await storage.archived(storage.archive.get_signature, other)
    await memory.merge(one, [other])
    await storage.archived(storage.archive.put_signature, before)
    kept = await memory.merge(one, [other])
    assert kept.confirmed == 2
    gone = await storage.archived(storage.archive.get_signature, other)
    assert gone is not None
    assert (gone.merged_into, gone.confirmed) == (one, 0)


async def test_only_signatures_that_heal_alike_are_merged(storage: Storage) -> None:
    """Another fix, a retired one, a merged one and itself are refused with the reason, and nothing changes."""
    memory, one, other = await two(storage)
    incident, adapter = await healed(storage, "c", "adp_4", msgspec.structs.replace(LOOK, fingerprint="sig1:c"))
    await memory.learn(incident, msgspec.structs.replace(adapter, program=Program(steps=(Drop(path="/amt"),))))
    third = (await memory.export())[-1].signature_id
    for signature_id, merged, why in (
        (one, third, "its fix is another one"),
        (one, one, "into itself"),
    ):
        with pytest.raises(SignaturesDiffer, match=why):
            await memory.merge(signature_id, [merged])
    with pytest.raises(NotFound):
        await memory.merge(one, ["sig_none"])
    await memory.merge(one, [other])
    with pytest.raises(SignaturesDiffer, match="merged into"):
        await memory.merge(other, [third])
    record = await storage.archived(storage.archive.get_signature, third)
    assert record is not None
    await memory.edit(record, retired=True)
    with pytest.raises(SignaturesDiffer, match="retired"):
        await memory.merge(one, [third])
    await memory.forget((await memory.export())[0])
    assert [record.signature_id for record in await memory.export()] == [third]


async def test_a_merged_signature_is_carried_with_the_one_it_is_in(storage: Storage, tmp_path: Path) -> None:
    """An export by the merged one's stream brings the other along; where that is missing it stands by itself."""
    memory, one, other = await two(storage)
    await memory.merge(one, [other])
    carried = await memory.export("b")
    assert [record.signature_id for record in carried] == [one, other]
    elsewhere = Storage(open_journal(tmp_path / "j2.db"), open_archive(tmp_path / "a2.db"))
    elsewhere.start()
    try:
        there = memory_over(elsewhere)
        assert await there.take(carried[1:]) == 1
        assert not (await there.export())[0].merged_into
        assert await there.take(carried) == 1
    finally:
        await elsewhere.close()
