"""SystemService over a real channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from cta.v1 import event_service_pb2
from cta.v1 import system_service_pb2 as service
from cta_server.config import config_reference
from helpers.api import Api, refused, serving
from helpers.payments import healthy, renamed
from helpers.watching import in_force, so_many, taken_back

pytestmark = pytest.mark.asyncio(loop_scope="module")

NewStream = Callable[..., Awaitable[str]]


async def test_the_server_tells_what_it_is_and_how_it_is_configured(api: Api) -> None:
    """Version, features, consumers and populations; every key of the configuration with value and origin."""
    info = await api.system.GetServerInfo(service.GetServerInfoRequest())
    assert info.version
    assert list(info.api_versions) == ["cta.v1"]
    assert {"canary", "packed-bodies", "watch-resume"} <= set(info.features)
    assert list(info.consumers) == ["payments"]
    assert "payments" in info.populations
    entries = {entry.key: entry for entry in info.config}
    keys = {row.key for row in config_reference() if not (row.key.startswith("consumers.") or "[]" in row.key)}
    assert keys <= set(entries)
    assert (entries["server.port"].value, entries["server.port"].origin) == ("0", "flag")
    assert entries["server.host"].origin == "default"


async def test_a_configured_adviser_is_a_feature_and_its_key_stays_secret(api: Api, tmp_path: Path) -> None:
    """`llm-adviser` is named only by a server that has a model to ask; no answer holds the key."""
    flags = {"adviser__url": "http://127.0.0.1:1/v1", "adviser__model": "small", "adviser__key": "sk-very-secret"}
    async with serving(tmp_path, **flags) as server:
        info = await server.api.system.GetServerInfo(service.GetServerInfoRequest())
    assert "llm-adviser" in info.features
    assert list(info.features) == sorted(info.features)
    assert "sk-very-secret" not in str(info)
    plain = await api.system.GetServerInfo(service.GetServerInfoRequest())
    assert "llm-adviser" not in plain.features


async def test_stats_count_what_passed_and_what_waits(api: Api, new_stream: NewStream) -> None:
    """Counts grow by what was sent; a watch sends them again and again."""
    before = (await api.system.GetStats(service.GetStatsRequest())).stats
    stream_id = await new_stream(open_after=1000)
    bodies = [*healthy(5), *renamed(2)]
    await api.events.ProcessEvents(event_service_pb2.ProcessEventsRequest(stream_id=stream_id, bodies=bodies))
    after = (await api.system.GetStats(service.GetStatsRequest())).stats
    assert after.event_count - before.event_count == 7
    assert after.healthy_count - before.healthy_count == 5
    assert after.quarantined_count - before.quarantined_count == 2
    assert after.held_count - before.held_count == 2
    assert after.stream_count - before.stream_count == 1
    assert (after.archive.engine, after.archive.reachable, after.archive.spooled_rows) == ("SQLite", True, 0)
    assert after.uptime.ToMicroseconds() > before.uptime.ToMicroseconds()
    request = service.WatchStatsRequest()
    request.interval.FromMilliseconds(50)
    seen = await so_many(api.system.WatchStats(request), 3)
    assert [message.stats.event_count for message in seen] == [after.event_count] * 3
    times = [message.server_time.ToMicroseconds() for message in seen]
    assert times == sorted(set(times))
    request.interval.seconds = -1
    refusal = await refused(api.system.WatchStats(request).read())
    assert set(refusal.fields) == {"interval"}


async def test_the_kill_switch_is_set_once_and_written_down(api: Api) -> None:
    """Setting what is set changes nothing; each change is a decision with who and why."""
    engage = service.SetKillSwitchRequest(engaged=True, actor="ann", comment="drill")
    assert (await api.system.SetKillSwitch(engage)).engaged
    assert (await api.system.SetKillSwitch(engage)).engaged
    assert (await api.system.GetStats(service.GetStatsRequest())).stats.kill_switch_engaged
    release = service.SetKillSwitchRequest(engaged=False, actor="ann", comment="over")
    assert not (await api.system.SetKillSwitch(release)).engaged
    decisions = await api.system.ListDecisions(service.ListDecisionsRequest(page_size=2))
    assert [(d.action, d.actor, d.why) for d in decisions.decisions] == [
        ("release_kill_switch", "ann", "over"),
        ("engage_kill_switch", "ann", "drill"),
    ]


async def test_a_walk_over_decisions_shows_each_once_newest_first(api: Api, new_stream: NewStream) -> None:
    """Pages of one, of one stream; a token of another stream is PAGE_TOKEN_MISMATCH."""
    stream_id = await new_stream()
    active = await in_force(api, stream_id)
    await taken_back(api, active.adapter_id)
    seen: list[str] = []
    positions: list[int] = []
    token = ""
    while True:
        page = await api.system.ListDecisions(
            service.ListDecisionsRequest(stream_id=stream_id, page_size=1, page_token=token)
        )
        seen += [decision.action for decision in page.decisions]
        positions += [decision.position for decision in page.decisions]
        token = page.next_page_token
        if not token:
            break
        refusal = await refused(api.system.ListDecisions(service.ListDecisionsRequest(page_token=token)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")
    assert seen[:2] == ["roll_back", "promote"]
    assert positions == sorted(set(positions), reverse=True)
