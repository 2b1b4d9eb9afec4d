"""Webhooks over a real journal and real HTTP: order, repeats, waiting, giving up, and leaving others alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cta_core.adapter.program import Program
from cta_core.adapter.revision import AdapterRevision
from cta_core.errors import InvalidInput
from cta_server.config.webhooks import NotifySettings, WebhookSettings
from cta_server.rpc.convert import notice
from cta_server.runtime.errors import NotFound
from cta_server.runtime.hub import Hub
from cta_server.runtime.notify.webhook import WebhookStanding, WebhookState
from cta_server.runtime.notify.webhooks import Webhooks
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from helpers.receiver import Answer, Receiver

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="  # noqa: S105 - of a test


class Bench:
    """Webhooks at work over a journal, with a clock that can be set forward."""

    def __init__(self, folder: Path, *webhooks: WebhookSettings) -> None:
        self.ahead = 0.0
        self.storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
        self.hub = Hub()
        settings = NotifySettings(source="urn:test", webhooks=webhooks)
        self.webhooks = Webhooks(
            settings, environment={"KEY": SECRET}, describe=notice.data, clock=self.now, chance=lambda: 0.0
        )
        self._count = 0

    def now(self) -> float:
        """The clock."""
        return time.time() + self.ahead

    async def happen(self, count: int = 1, *, stream_id: str = "orders") -> list[str]:
        """So many notices, and their ids."""
        ids: list[str] = []
        for _ in range(count):
            self._count += 1
            made = AdapterRevision(
                adapter_id=f"adp_{time.monotonic_ns()}_{self._count}",
                stream_id=stream_id,
                program=Program(),
                create_time=self.now(),
            )
            written = await self.storage.journaled(self.storage.journal.put_adapter, made)
            self.hub.revisions.raise_to(written.revision)
            ids.append(f"{written.adapter_id}-{written.revision}")
        return ids

    async def standing(self, index: int = 0) -> WebhookStanding:
        """How a webhook is."""
        return (await self.webhooks.standings())[index]

    async def until(self, good: Callable[[WebhookStanding], bool], index: int = 0) -> WebhookStanding:
        """How a webhook is, once it is so."""
        deadline = time.monotonic() + 10
        while not good(seen := await self.standing(index)):
            assert time.monotonic() < deadline, seen
            await asyncio.sleep(0.01)
        return seen


@contextlib.asynccontextmanager
async def bench(folder: Path, *webhooks: WebhookSettings) -> AsyncIterator[Bench]:
    """Webhooks that have started, stopped at the end."""
    made = Bench(folder, *webhooks)
    made.storage.start()
    try:
        await made.webhooks.start(made.storage, made.hub)
        yield made
    finally:
        await made.webhooks.stop()
        await made.storage.close()


def hook(receiver: Receiver, name: str = "pager", **more: Any) -> WebhookSettings:
    """A webhook that posts to a receiver."""
    return WebhookSettings(name=name, url=receiver.url, secrets=("env:KEY",), **more)


def ids(receiver: Receiver) -> list[str]:
    """The ids of what it took."""
    return [one.event["id"] for one in receiver.taken]


async def test_events_arrive_in_order_with_their_headers(tmp_path: Path) -> None:
    """Each event is posted once, in the order of the journal, as structured CloudEvents JSON with an id and a time."""
    with Receiver() as receiver:
        async with bench(tmp_path, hook(receiver)) as at:
            expected = await at.happen(250)
            standing = await at.until(lambda seen: seen.delivered_count == 250)
        assert ids(receiver) == expected
        first = receiver.got[0]
        assert first.path == "/hook?token=in-the-address"
        assert first.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert first.headers["webhook-id"] == expected[0] == first.event["id"]
        assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
        assert first.headers["webhook-signature"].startswith("v1,")
        assert first.event["source"] == "urn:test"
    assert (standing.state, standing.waiting_count, standing.error) == (WebhookState.OK, 0, "")


async def test_a_new_webhook_starts_at_now_and_an_old_one_goes_on(tmp_path: Path) -> None:
    """What happened before a webhook was known is not sent; what happened while the server was down is."""
    with Receiver() as receiver, Receiver() as late:
        async with bench(tmp_path, hook(receiver)) as at:
            first = await at.happen(2)
            await at.until(lambda seen: seen.delivered_count == 2)
        async with bench(tmp_path) as at:  # a start without any webhook loses nothing
            while_away = await at.happen(3)
        async with bench(tmp_path, hook(receiver), hook(late, "late")) as at:
            after = await at.happen(1)
            await at.until(lambda seen: seen.delivered_count == 6)
            await at.until(lambda seen: seen.delivered_count == 1, 1)
        assert ids(receiver) == first + while_away + after
        assert ids(late) == after


async def test_a_receiver_that_is_down_gets_everything_when_it_is_up(tmp_path: Path) -> None:
    """While nobody listens the webhook is FAILING and says why; then all of it arrives in order."""
    receiver = Receiver()
    receiver.close()
    async with bench(tmp_path, hook(receiver)) as at:
        expected = await at.happen(3)
        failing = await at.until(lambda seen: seen.failure_count > 0)
        assert (failing.state, failing.waiting_count) == (WebhookState.FAILING, 3)
        assert failing.error == "cannot be reached: Connection refused"
        assert failing.waiting_since > 0
        assert failing.retry_time > failing.error_time > 0
        with Receiver(receiver.port) as up:
            standing = await at.until(lambda seen: seen.delivered_count == 3)
            assert ids(up) == expected
    assert (standing.state, standing.failure_count, standing.error) == (WebhookState.OK, 0, "")


@pytest.mark.parametrize("status", [500, 503, 408, 429, 404, 302])
async def test_whatever_is_not_taken_is_sent_again_under_its_id(tmp_path: Path, status: int) -> None:
    """Errors of either side and redirects are tried again with the same bytes, and nothing overtakes."""
    with Receiver() as receiver, Receiver() as elsewhere:
        receiver.next.append(Answer(status, headers={"location": elsewhere.url}))
        async with bench(tmp_path, hook(receiver)) as at:
            expected = await at.happen(2)
            await at.until(lambda seen: seen.delivered_count == 2)
        assert [one.event["id"] for one in receiver.got] == [expected[0], *expected]
        assert receiver.got[0].body == receiver.got[1].body
        assert elsewhere.got == []


async def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    """After a 429 with `Retry-After` nothing is sent before that time."""
    with Receiver() as receiver:
        receiver.next.append(Answer(429, headers={"retry-after": "900"}))
        async with bench(tmp_path, hook(receiver)) as at:
            await at.happen()
            failing = await at.until(lambda seen: seen.retry_time > 0)
            assert 890 < failing.retry_time - time.time() < 910
        assert len(receiver.got) == 1


async def test_a_slow_receiver_delays_nobody_else(tmp_path: Path) -> None:
    """An answer that does not come in time counts as none, and another webhook has everything meanwhile."""
    with Receiver() as slow, Receiver() as quick:
        slow.always = Answer(seconds=0.6)
        async with bench(tmp_path, hook(slow, "slow", timeout_seconds=0.2), hook(quick, "quick")) as at:
            expected = await at.happen(20)
            await at.until(lambda seen: seen.delivered_count == 20, 1)
            failing = await at.until(lambda seen: seen.failure_count > 0)
            assert failing.error == "no answer within 0.2 s"
            assert failing.delivered_count == 0
        assert ids(quick) == expected


async def test_an_answer_of_any_size_is_not_read(tmp_path: Path) -> None:
    """A receiver that answers with megabytes, or promises more than it sends, has taken the event."""
    with Receiver() as receiver:
        receiver.next.append(Answer(200, body=b"x" * 8_000_000))
        receiver.next.append(Answer(200, headers={"content-length": "999999999"}))
        async with bench(tmp_path, hook(receiver, timeout_seconds=5.0)) as at:
            expected = await at.happen(3)
            await at.until(lambda seen: seen.delivered_count == 3)
        assert ids(receiver) == expected


async def test_a_receiver_that_is_gone_is_left_alone_until_a_test_succeeds(tmp_path: Path) -> None:
    """410 ends the sending, over restarts too; a ping that is taken, or another address, begins it again."""
    with Receiver() as receiver, Receiver() as moved:
        receiver.next.append(Answer(410))
        async with bench(tmp_path, hook(receiver)) as at:
            expected = await at.happen(2)
            await at.until(lambda seen: seen.state is WebhookState.GONE)
        async with bench(tmp_path, hook(receiver)) as at:
            expected += await at.happen()
            standing = await at.standing()
            assert (standing.state, standing.waiting_count) == (WebhookState.GONE, 3)
            assert len(receiver.got) == 1
            assert (await at.webhooks.test("pager")).taken
            await at.until(lambda seen: seen.delivered_count == 3)
            assert ids(receiver)[1:] == expected
            receiver.next.append(Answer(410))
            expected = await at.happen()
            await at.until(lambda seen: seen.state is WebhookState.GONE)
        async with bench(tmp_path, hook(moved)) as at:
            await at.until(lambda seen: seen.delivered_count == 4)
        assert ids(moved) == expected


async def test_what_cannot_be_delivered_in_time_is_skipped_and_counted(tmp_path: Path) -> None:
    """After `max_age_seconds` of failures old events are given up, loudly; younger ones stay and arrive."""
    with Receiver() as receiver:
        receiver.always = Answer(500)
        async with bench(tmp_path, hook(receiver, max_age_seconds=3600.0)) as at:
            await at.happen(2)
            await at.until(lambda seen: seen.failure_count > 0)
            at.ahead = 4000.0
            young = await at.happen(2)
            standing = await at.until(lambda seen: seen.skipped_count > 0)
            assert (standing.skipped_count, standing.waiting_count) == (2, 2)
            receiver.always = Answer()
            standing = await at.until(lambda seen: seen.delivered_count == 2)
        assert ids(receiver) == young
        async with bench(tmp_path, hook(receiver)) as at:
            assert (await at.standing()).skipped_count == 2


async def test_an_old_event_is_tried_once_before_it_is_given_up(tmp_path: Path) -> None:
    """After a long absence of the server, a receiver that is well gets what waited for it."""
    with Receiver() as receiver:
        async with bench(tmp_path, hook(receiver)) as at:
            await at.happen(1)
            await at.until(lambda seen: seen.delivered_count == 1)
        async with bench(tmp_path) as at:
            await at.happen(2)
        made = Bench(tmp_path, hook(receiver, max_age_seconds=60.0))
        made.ahead = 9000.0
        made.storage.start()
        await made.webhooks.start(made.storage, made.hub)
        standing = await made.until(lambda seen: seen.delivered_count == 3)
        await made.webhooks.stop()
        await made.storage.close()
        assert standing.skipped_count == 0


async def test_a_store_that_cannot_write_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """What was taken but could not be noted is sent again under its id, and the webhook says that the server failed."""
    with Receiver() as receiver:
        receiver.next.append(Answer(seconds=0.3))
        async with bench(tmp_path, hook(receiver)) as at:
            expected = await at.happen(2)
            _writable(at, "OFF")
            failing = await at.until(lambda seen: seen.failure_count > 0)
            assert failing.error == "the server could not prepare or note an event; its log says why"
            assert failing.delivered_count == 0
            _writable(at, "ON")
            standing = await at.until(lambda seen: seen.delivered_count == 2)
        assert standing.state is WebhookState.OK
        seen = ids(receiver)
        assert list(dict.fromkeys(seen)) == expected
        assert len(seen) > 2


def _writable(at: Bench, state: str) -> None:
    """Lets SQLite refuse every write, as a full disk does, or take them again."""
    journal: Any = at.storage.journal
    with journal._file.read() as conn:
        conn.execute(f"PRAGMA query_only = {'ON' if state == 'OFF' else 'OFF'}")


async def test_types_and_streams_are_filters(tmp_path: Path) -> None:
    """A webhook gets what its patterns name, and its lag counts nothing else."""
    with Receiver() as receiver:
        wanted = hook(receiver, types=("act.cta.adapter.*",), streams=("eu-*", "orders"))
        async with bench(tmp_path, wanted, hook(receiver, "none", types=("act.cta.incident.*",))) as at:
            await at.happen(stream_id="us-orders")
            expected = await at.happen(stream_id="eu-orders") + await at.happen()
            standing = await at.until(lambda seen: seen.delivered_count == 2)
            assert (await at.standing(1)).waiting_count == 0
            assert standing.waiting_count == 0
        assert ids(receiver) == expected


async def test_a_ping_tells_the_answer_and_wakes_a_waiting_webhook(tmp_path: Path) -> None:
    """A test that is taken ends a wait of minutes; one that is refused says with what."""
    with Receiver() as receiver:
        receiver.next.append(Answer(503, headers={"retry-after": "900"}))
        async with bench(tmp_path, hook(receiver)) as at:
            expected = await at.happen()
            await at.until(lambda seen: seen.retry_time > 0)
            receiver.next.append(Answer(401))
            refused = await at.webhooks.test("pager")
            assert (refused.taken, refused.status, refused.words) == (False, 401, "answered 401")
            assert (await at.standing()).failure_count == 1
            assert (await at.webhooks.test("pager")).taken
            await at.until(lambda seen: seen.delivered_count == 1)
            with pytest.raises(NotFound):
                await at.webhooks.test("nobody")
        assert receiver.kinds == ["ping", "adapter.proposed"]
        assert ids(receiver)[1:] == expected


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Over TLS nothing is sent to a host that cannot prove who it is."""
    with Receiver(certificate=_certificate(tmp_path)) as receiver:
        async with bench(tmp_path, hook(receiver)) as at:
            answer = await at.webhooks.test("pager")
        assert (answer.taken, answer.words) == (False, "its certificate is not trusted")
        assert receiver.got == []


async def test_neither_secret_nor_address_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Log and standing name the webhook and its host, never its path, its query or its key."""
    receiver = Receiver()
    receiver.close()
    async with bench(tmp_path, hook(receiver)) as at:
        await at.happen()
        standing = await at.until(lambda seen: seen.failure_count > 0)
        refused = await at.webhooks.test("pager")
    told = "".join(capsys.readouterr()) + repr(standing) + repr(refused)
    assert "pager" in told
    assert standing.host == f"http://127.0.0.1:{receiver.port}"
    for hidden in ("in-the-address", "/hook", SECRET, SECRET.removeprefix("whsec_")):
        assert hidden not in told


async def test_a_source_of_its_own_is_kept_for_good(tmp_path: Path) -> None:
    """Without a configured source the store names the installation once, and every event says so."""
    with Receiver() as receiver:
        for _ in range(2):
            made = Bench(tmp_path, hook(receiver))
            made.webhooks = Webhooks(
                NotifySettings(webhooks=(hook(receiver),)),
                environment={"KEY": SECRET},
                describe=notice.data,
                clock=made.now,
                chance=lambda: 0.0,
            )
            made.storage.start()
            await made.webhooks.start(made.storage, made.hub)
            await made.webhooks.test("pager")
            await made.webhooks.stop()
            await made.storage.close()
        sources = {json.loads(one.body)["source"] for one in receiver.got}
        assert len(receiver.got) == 2
        assert len(sources) == 1
        assert sources.pop().startswith("urn:cta-act:ins_")


def test_a_secret_that_is_missing_is_named_by_its_key() -> None:
    """The place of the secret is told, and nothing of what stands there."""
    wrong = WebhookSettings(
        name="pager",
        url="https://x.example",
        secrets=("env:NONE", "file:nowhere", "hush-hush", "whsec_!!!", "whsec_c2hvcnQ=", SECRET),
    )
    with pytest.raises(InvalidInput) as caught:
        wrong.keys({}, "notify.webhooks[0]")
    found = {
        violation.field.removeprefix("notify.webhooks[0]."): violation.remedy for violation in caught.value.violations
    }
    assert found == {
        "secrets[0]": "the environment has no NONE",
        "secrets[1]": "nowhere cannot be read: No such file or directory",
        "secrets[2]": "must be whsec_ and base64, or env:VARIABLE or file:PATH that holds such a text",
        "secrets[3]": "is whsec_ and no base64 after it",
        "secrets[4]": "has 5 bytes; Standard Webhooks asks for 24 to 64",
    }


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    """A file's text counts without the line's end, as the environment's does."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    places = (SECRET, f"file:{tmp_path / 'key'}", "env:KEY")
    keys = WebhookSettings(name="pager", url="https://x.example", secrets=places).keys({"KEY": SECRET}, "")
    assert len(set(keys)) == 1
    assert len(keys) == 3
    assert msgspec.json.encode(keys[0])


def _certificate(folder: Path) -> Path:
    """A certificate that only says so itself, with its key, in one file."""
    file = folder / "self.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"),
        *("-subj", "/CN=127.0.0.1", "-keyout", str(file), "-out", str(folder / "cert.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / "cert.pem").read_bytes())
    return file
