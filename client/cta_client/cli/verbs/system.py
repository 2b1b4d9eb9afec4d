"""`cta system`: version, counts, kill switch, decisions and webhooks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import click

from cta.v1.system_service_pb2 import (
    ArchiveStats,
    ConfigEntry,
    DecisionEntry,
    GetServerInfoRequest,
    GetStatsRequest,
    ListDecisionsRequest,
    ListWebhooksRequest,
    SetKillSwitchRequest,
    Stats,
    TestWebhookRequest,
    WatchStatsRequest,
    WatchStatsResponse,
)
from cta.v1.webhook_pb2 import Webhook, WebhookState
from cta_client import watches
from cta_client.cli import complete
from cta_client.cli.exits import Exit
from cta_client.cli.pages import listed
from cta_client.cli.table import Column, Table, section, sheet
from cta_client.cli.verb import WATCH_PATIENCE_SECONDS, Session, by_whom, limit, verb
from cta_client.cli.words import ago, clock, count, span, word
from cta_client.seconds import duration, seconds

CONFIG: Table[ConfigEntry] = Table(
    columns=(
        Column("KEY", lambda each: each.key),
        Column("FROM", lambda each: each.origin),
        Column("VALUE", lambda each: each.value, grow=True),
    ),
    empty="The server tells no configuration.",
)

DECISIONS: Table[DecisionEntry] = Table(
    columns=(
        Column("TIME", lambda each: clock(each.time)[:19]),
        Column("WHO", lambda each: each.actor),
        Column("WHAT", lambda each: each.action),
        Column("STREAM", lambda each: each.stream_id),
        Column("ABOUT", lambda each: each.incident_id or each.adapter_id, grow=True),
    ),
    note=lambda each: each.why,
    empty="No decisions yet.",
)

STATS: Table[Stats] = Table(
    columns=(
        Column("RATE", lambda each: f"{count(each.event_rate)}/s", right=True, least=8),
        Column("EVENTS", lambda each: count(each.event_count), right=True, least=11),
        Column("HEALTHY", lambda each: count(each.healthy_count), right=True, least=11),
        Column("HEALED", lambda each: count(each.healed_count), right=True, least=9),
        Column("HELD", lambda each: count(each.held_count), right=True, least=7),
        Column("OPEN", lambda each: count(each.open_incident_count), right=True),
        Column("WAITING", lambda each: count(each.waiting_incident_count), right=True),
        Column("", lambda each: "HALTED" if each.kill_switch_engaged else "", least=6),
    )
)


def _trouble(found: Webhook) -> str:
    """Why nothing goes out, and when it is tried again."""
    if found.state == WebhookState.WEBHOOK_STATE_GONE:
        return f"answered 410 Gone: `cta system webhooks test {found.name}` begins again"
    if not found.last_error:
        return ""
    left = seconds(found.retry_time) - time.time()
    tried = f", tried again in {span(left)}" if left > 0 else ""
    return f"{found.last_error}, {found.failure_count} in a row{tried}"


WEBHOOKS: Table[Webhook] = Table(
    columns=(
        Column("NAME", lambda each: each.name),
        Column("STATE", lambda each: word(WebhookState, each.state)),
        Column("WAITING", lambda each: count(each.waiting_count), right=True),
        Column("SINCE", lambda each: ago(each.oldest_waiting_time, time.time())),
        Column("DELIVERED", lambda each: count(each.delivered_count), right=True),
        Column("SKIPPED", lambda each: count(each.skipped_count), right=True),
        Column("LAST", lambda each: ago(each.last_success_time, time.time()) or "never"),
        Column("TO", lambda each: each.host, grow=True),
    ),
    note=_trouble,
    empty="No webhooks: [[notify.webhooks]] of the configuration names them.",
)


@click.group()
def system() -> None:
    """Version, counts, kill switch, decisions, webhooks."""


@verb(system, "info", "cta system info", "cta system info --config")
@click.option("--config", "with_config", is_flag=True, help="The configuration in force as well.")
async def info(session: Session, *, with_config: bool) -> None:
    """Show the server's version, features, consumers and populations."""
    answer = await session.client.system.GetServerInfo(GetServerInfoRequest())
    if session.out.json:
        return session.out.document(answer)
    session.out.lines(
        sheet(
            (
                ("server", session.client.wire.address),
                ("version", answer.version),
                ("api", " ".join(answer.api_versions)),
                ("features", " ".join(answer.features)),
                ("consumers", " ".join(answer.consumers) or "none configured"),
                ("populations", " ".join(answer.populations)),
            ),
            session.out.width,
        )
    )
    if with_config:
        session.out.lines([section("Configuration")])
        session.out.lines(CONFIG.lines(answer.config, session.out.width))
    return None


@verb(system, "stats", "cta system stats", "cta system stats --watch --interval 0.5")
@click.option("--watch", is_flag=True, help="A line at every interval.")
@click.option(
    "--interval", default=1.0, show_default=True, type=click.FloatRange(0.05), metavar="SECONDS", help="With --watch."
)
async def stats(session: Session, *, watch: bool, interval: float) -> None:
    """Show the counts since the server started, or follow them."""
    if not watch:
        answer = await session.client.system.GetStats(GetStatsRequest())
        if session.out.json:
            return session.out.document(answer)
        return session.out.lines(_lines(answer.stats, session))

    def start(_token: str) -> AsyncIterator[WatchStatsResponse]:
        return aiter(session.client.system.WatchStats(WatchStatsRequest(interval=duration(interval))))

    show = STATS.stream(session.out.width)
    async for message in watches.resumed(session.client, start, patience=interval + WATCH_PATIENCE_SECONDS):
        if isinstance(message, watches.Stale):
            session.stale(message)
        elif session.out.json:
            session.out.entry(message)
        else:
            session.out.lines(show(message.stats))
    return None


def _archive(found: ArchiveStats) -> str:
    """Where the archive is, and what has not got there yet."""
    parts = [found.engine]
    if not found.reachable:
        parts.append(f"AWAY: {found.last_error or 'not reached yet'}")
    if found.spooled_rows:
        mib = found.spooled_bytes / (1 << 20)
        parts.append(f"{count(found.spooled_rows)} wait, {mib:.1f} MiB, for {span(seconds(found.oldest_age))}")
    if found.dropped_count:
        parts.append(f"{count(found.dropped_count)} events dropped")
    if found.set_aside_count:
        parts.append(f"{count(found.set_aside_count)} refused")
    return "; ".join(parts)


def _webhooks(found: Stats) -> str:
    """How many there are, and how many of them nobody reaches; nothing where there are none."""
    if not found.webhook_count:
        return ""
    failing = f", {count(found.failing_webhook_count)} FAILING" if found.failing_webhook_count else ""
    return f"{count(found.webhook_count)}{failing}"


def _lines(found: Stats, session: Session) -> list[str]:
    switch = "ENGAGED: nothing is promoted or redriven" if found.kill_switch_engaged else "released"
    return list(
        sheet(
            (
                ("up for", span(seconds(found.uptime))),
                ("events", f"{count(found.event_count)}, now {count(found.event_rate)}/s"),
                ("healthy", count(found.healthy_count)),
                ("healed", count(found.healed_count)),
                ("quarantined", f"{count(found.quarantined_count)}, {count(found.held_count)} wait now"),
                ("redriven", count(found.redriven_count)),
                ("streams", count(found.stream_count)),
                (
                    "incidents",
                    f"{count(found.open_incident_count)} open, {count(found.waiting_incident_count)} wait for a person",
                ),
                ("signatures", count(found.signature_count)),
                ("archive", _archive(found.archive)),
                ("webhooks", _webhooks(found)),
                ("kill switch", switch),
            ),
            session.out.width,
        )
    )


@verb(system, "kill-switch", "cta system kill-switch on --comment 'audit'", "cta system kill-switch off")
@click.argument("position", type=click.Choice(["on", "off"]))
@by_whom
async def kill_switch(session: Session, *, position: str, actor: str, comment: str) -> None:
    """Engage or release the kill switch: while it is on, nothing is promoted and nothing redriven, by nobody.

    Adapters in force stay in force; rolling back stays possible.
    """
    answer = await session.client.system.SetKillSwitch(
        SetKillSwitchRequest(engaged=position == "on", actor=actor, comment=comment)
    )
    if session.out.json:
        return session.out.document(answer)
    return session.out.note(f"The kill switch is {'engaged' if answer.engaged else 'released'}.")


@verb(system, "decisions", "cta system decisions --stream payments")
@click.option(
    "--stream", "stream_id", default="", metavar="STREAM", help="Only this stream's.", shell_complete=complete.streams
)
@limit(20)
async def decisions(session: Session, *, stream_id: str, limit: int) -> None:
    """List who did what, when and why, newest first."""
    request = ListDecisionsRequest(stream_id=stream_id)
    answer = await listed(session.client, session.client.system.ListDecisions, request, limit)
    if session.out.json:
        return session.out.document(answer)
    return session.out.lines(DECISIONS.lines(answer.decisions, session.out.width))


@verb(system, "webhooks", "cta system webhooks", "cta system webhooks test pager")
@click.argument("action", type=click.Choice(["test"]), required=False)
@click.argument("name", required=False, shell_complete=complete.webhooks)
async def webhooks(session: Session, *, action: str | None, name: str | None) -> Exit | None:
    """List the webhooks and how far each has got, or send one of them a ping: `test NAME`.

    A webhook that is GONE is sent events again once it has taken a ping. Exit code 1 when it does not take it.
    """
    if action is None:
        answer = await session.client.system.ListWebhooks(ListWebhooksRequest())
        if session.out.json:
            session.out.document(answer)
        else:
            session.out.lines(WEBHOOKS.lines(answer.webhooks, session.out.width))
        return None
    if not name:
        raise click.UsageError("test NAME: say which webhook; `cta system webhooks` lists them.")
    told = await session.client.system.TestWebhook(TestWebhookRequest(name=name))
    if session.out.json:
        session.out.document(told)
    elif told.taken:
        session.out.note(f"{name} answered {told.status_code} after {span(seconds(told.duration))}.")
    else:
        session.out.note(f"{name} did not take the ping: {told.error}.")
    return None if told.taken else Exit.REFUSED
