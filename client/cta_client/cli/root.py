"""The root of the command line: which commands there are, and where each is loaded from.

It knows names and one-line helps only, so that `cta --help` and completion start without gRPC. Commands of other
packages (`cta serve` of the server) come through the entry-point group `cta.commands`: the client never imports them.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cta_client.cli import exits

if TYPE_CHECKING:
    from importlib import metadata

ENTRY_POINTS: Final = "cta.commands"


class Place(NamedTuple):
    """Where a command is, and what it is for."""

    section: str
    module: str
    help: str


BEGIN, OFFLINE, SERVER = "Begin", "Without a server", "With a server"

PLACES: Final[dict[str, Place]] = {
    "demo": Place(BEGIN, "cta_client.demo.command", "Show the whole loop on a server of its own, or on your events."),
    "tui": Place(BEGIN, "", "Watch and drive the loop in a terminal, or a browser: the control room."),
    "serve": Place(BEGIN, "", "Run the server."),
    "heal": Place(OFFLINE, "cta_client.offline", "Diagnose drifted events and write the healed ones."),
    "diagnose": Place(
        OFFLINE, "cta_client.offline", "Say what changed between two files of events, and what mends it."
    ),
    "apply": Place(OFFLINE, "cta_client.offline", "Drive events through an adapter file."),
    "store": Place(OFFLINE, "", "Check the files of a server at rest, and bring them up to date."),
    "streams": Place(SERVER, "cta_client.cli.verbs.streams", "What healthy events look like; what the loop may do."),
    "events": Place(SERVER, "cta_client.cli.verbs.events", "Through the gate, in the quarantine, out of it."),
    "incidents": Place(SERVER, "cta_client.cli.verbs.incidents", "What broke, and the loop's work on it."),
    "adapters": Place(SERVER, "cta_client.cli.verbs.adapters", "Typed programs that heal events."),
    "canary": Place(SERVER, "cta_client.cli.verbs.canary", "Try an adapter on recorded events."),
    "reports": Place(SERVER, "cta_client.cli.verbs.reports", "What an analysis found, with its evidence."),
    "signatures": Place(SERVER, "cta_client.cli.verbs.signatures", "The memory of what healed what."),
    "runs": Place(SERVER, "cta_client.cli.verbs.runs", "Passes of batches through a consumer, with their traces."),
    "sources": Place(SERVER, "cta_client.cli.verbs.sources", "Generators and replays that feed a stream."),
    "faults": Place(SERVER, "cta_client.cli.verbs.faults", "Seeded changes of what a source sends."),
    "system": Place(SERVER, "cta_client.cli.verbs.system", "Version, counts, kill switch, decisions, webhooks."),
}
"""Every command of ours, in the order of the help. Other packages may add more."""


class Root(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help; those of other packages last."""
        del ctx
        ours = [name for name in PLACES if self._is_here(name)]
        return ours + sorted({found.name for found in _entry_points()} - set(PLACES))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None when there is none of this name."""
        del ctx
        place = PLACES.get(cmd_name)
        if place is None or not place.module:
            found = next((point for point in _entry_points() if point.name == cmd_name), None)
            return _command(found.load(), cmd_name) if found is not None else None
        if not self._is_here(cmd_name):
            return None
        module = importlib.import_module(place.module)
        if place.section == OFFLINE:
            return next((command for command in module.OFFLINE if command.name == cmd_name), None)
        return _command(getattr(module, cmd_name), cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; where there is none of this name, the nearest name is told. Click knows loaded commands only."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            if near:
                ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without loading any."""
        names = self.list_commands(ctx)
        for section in (BEGIN, OFFLINE, SERVER):
            rows = [(name, PLACES[name].help) for name in names if name in PLACES and PLACES[name].section == section]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)
        rest = [(name, "Added by another package.") for name in names if name not in PLACES]
        if rest:
            with formatter.section("More"):
                formatter.write_dl(rest)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, exit codes, environment and completion."""
        del ctx
        with formatter.section("Examples"):
            formatter.write_dl(
                [
                    ("cta demo", "see a stream break, heal, and be guarded"),
                    ("cta serve --store ./store", "run a server"),
                    ("cta incidents list --watch", "follow what breaks, and how it heals"),
                ]
            )
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in exits.MEANINGS.items()])
        with formatter.section("Environment"):
            formatter.write_dl(
                [
                    ("CTA_SERVER", "address of the server, host:port (default 127.0.0.1:50510)"),
                    ("CTA_TOKEN", "bearer token sent with every call"),
                    ("CTA_TLS_CA", "PEM file of the certificate authorities to trust"),
                    ("CTA_OUTPUT", "table or json"),
                    ("NO_COLOR", "any value: no colours"),
                ]
            )
        with formatter.section("Completion"):
            formatter.write_text('bash: eval "$(_CTA_COMPLETE=bash_source cta)"; zsh and fish likewise.')

    @staticmethod
    def _is_here(name: str) -> bool:
        module = PLACES[name].module
        if not module:
            return any(found.name == name for found in _entry_points())
        try:
            return importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            return False


def _entry_points() -> tuple[metadata.EntryPoint, ...]:
    return tuple(_metadata().entry_points(group=ENTRY_POINTS))


def _metadata() -> Any:
    # A tenth of a read's time, and most commands need none of it.
    return importlib.import_module("importlib.metadata")


def _command(found: object, name: str) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{name} is {type(found).__name__} and no click command")
    return found


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    try:
        number = _metadata().version("cta-act")
    except ImportError:
        number = "(not installed)"
    click.echo(f"cta {number}")
    ctx.exit()


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cta() -> None:
    """Keep event streams healthy when their producers change.

    Begin with `cta demo`: it shows the whole loop in half a minute.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `cta` script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign gets another one, never a traceback.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    # The C core of gRPC writes to the terminal by itself; its messages reach the user as typed errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    cta.main(args=arguments, prog_name="cta")
