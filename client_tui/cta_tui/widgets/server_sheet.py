"""The server: the connection, its counts, what it can do, and the configuration in force."""

from __future__ import annotations

from cta_tui import ink
from cta_tui.facts import ArchiveFact
from cta_tui.ink import Drawing, Line, Span, named
from cta_tui.model import Model
from cta_tui.words import clock, count, rate, span


def _archive(found: ArchiveFact) -> tuple[str, str]:
    """Where the archive is and what has not got there yet, with its style."""
    if not found.engine:
        return "-", "quiet"
    parts = [found.engine]
    if found.away:
        parts.append(f"away: {found.error or 'not reached yet'}")
    if found.rows:
        parts.append(f"{count(found.rows)} wait ({found.size / (1 << 20):.1f} MiB) for {span(found.age)}")
    if found.dropped:
        parts.append(f"{count(found.dropped)} events dropped")
    if found.aside:
        parts.append(f"{count(found.aside)} rows refused")
    return "; ".join(parts), "attention" if found.away or found.dropped or found.aside else ""


def draw(model: Model, width: int, _height: int) -> Drawing:
    """Sections with a name and a value a line."""
    stats, info = model.stats, model.info
    # Only what changes the picture is told while it lives: a line that says "now" is repainted for nothing.
    words = {"live": f"live, counts four times a second, clocks {span(abs(model.skew))} apart"}
    lines: list[Line] = named("server", model.address, width, style="strong")
    lines += named("link", words.get(model.link.value, f"{model.link.value}: {model.why}"), width, most=4)
    if model.link.value == "offline":
        heard = f"data of {clock(model.heard)}, {span(model.age)} old" if model.heard else "never heard"
        lines += named("picture", f"{heard}; try {model.tries}", width, style="attention")
    lines += named("version", f"{info.version}  API {', '.join(info.api)}", width)
    lines += named("runs for", span(stats.uptime), width)
    halted = "■ ENGAGED: nothing is promoted or redriven; ! releases it" if stats.halted else "released; ! engages it"
    lines += named("kill", halted, width, style="bad strong" if stats.halted else "")
    lines.append((Span(" COUNTS SINCE IT STARTED", "quiet strong"),))
    for name, value in (
        ("events", f"{count(stats.events)} at {rate(stats.rate)}"),
        ("healthy", count(stats.healthy)),
        ("healed", count(stats.healed)),
        ("held", f"{count(stats.quarantined)} came in, {count(stats.redriven)} redriven, {count(stats.held)} wait"),
        ("open", f"{stats.open} incidents, {stats.waiting} ask a person"),
        ("known", f"{stats.signatures} signatures"),
    ):
        lines += named(name, value, width)
    kept, style = _archive(stats.archive)
    lines += named("archive", kept, width, style=style, most=3)
    if stats.webhooks:
        failing = f", {stats.webhooks_failing} failing: cta system webhooks tells why" if stats.webhooks_failing else ""
        style = "attention" if failing else ""
        lines += named("told to", f"{stats.webhooks} webhooks{failing}", width, style=style, most=2)
    lines.append((Span(" FEATURES", "quiet strong"),))
    lines += named("", ", ".join(info.features), width, column=2)
    lines.append((Span(" CONFIGURATION IN FORCE", "quiet strong"),))
    for each in info.settings:
        lines += named(
            "",
            f"{each.key} = {each.value}" + (f"  ({each.origin})" if each.origin != "default" else ""),
            width,
            column=2,
            most=2,
        )
    return Drawing(lines=tuple(ink.fit(each, width) for each in lines))
