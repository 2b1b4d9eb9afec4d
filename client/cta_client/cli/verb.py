"""`verb` makes a click command of a coroutine that talks to a server.

It adds the options that every such command has (server, token, TLS, output), opens the client, and turns errors into a
paragraph on stderr and an exit code. What a verb asks and prints is its own affair.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from cta_client.channel import Client, connect
from cta_client.cli.exits import Exit
from cta_client.cli.output import Output
from cta_client.cli.words import span
from cta_client.endpoint import DEFAULT_ADDRESS
from cta_client.errors import Busy, ClientError, Refused, TimedOut, Unreachable
from cta_client.watches import Stale

WATCH_PATIENCE_SECONDS: Final = 5.0
"""Silence after which `--watch` says that the picture is old: longer than the terminal UI's, because a line that says
so and is wrong a second later only disturbs a log."""

RECOVERY_SECONDS: Final = 10.0
"""How long a verb waits for a server that recovers. A start takes a second, on a busy machine three, and as
long again for a journal with much unfinished; who waits longer wants to know."""

AWAY: Final = frozenset({"RECOVERING", "DRAINING"})
"""Refusals of a server that has just come or is going: nothing was done, and repeating is safe."""

_Asked = ParamSpec("_Asked")
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Session:
    """What a verb works with."""

    def __init__(self, client: Client, out: Output) -> None:
        self.client, self.out = client, out

    @property
    def now(self) -> float:
        """The wall clock, for `12 s ago`."""
        return time.time()

    def stale(self, news: Stale) -> None:
        """Says that a watch lost its connection and tries again."""
        self.out.note(f"  no news for {span(news.seconds)}: {news.why} Trying again.")


class Verb(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *positional: Any, examples: tuple[str, ...] = (), **named: Any) -> None:
        super().__init__(*positional, **named)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, one a line."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


CONNECTION: Final = (
    click.option(
        "--server", envvar="CTA_SERVER", default=DEFAULT_ADDRESS, metavar="HOST:PORT", show_default=True, help="Server."
    ),
    click.option("--token", envvar="CTA_TOKEN", default="", metavar="TEXT", help="Bearer token. Better in CTA_TOKEN."),
    click.option("--tls", is_flag=True, help="Encrypt, trusting the system's authorities."),
    click.option(
        "--tls-ca",
        envvar="CTA_TLS_CA",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Encrypt, trusting this PEM file.",
    ),
    click.option(
        "-o",
        "--output",
        envvar="CTA_OUTPUT",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="For people, or proto-JSON for programs.",
    ),
)
"""Options of every verb."""


def verb(
    group: click.Group, name: str, *examples: str
) -> Callable[[Callable[Concatenate[Session, _Asked], Awaitable[Exit | None]]], click.Command]:
    """Registers a coroutine as the command `name` of `group`; its docstring is the help, `examples` end it."""

    def register(work: Callable[Concatenate[Session, _Asked], Awaitable[Exit | None]]) -> click.Command:
        def run(server: str, token: str, tls: bool, tls_ca: Path | None, output: str, **asked: Any) -> None:
            out = Output(json=output == "json")

            def waiting() -> None:
                if not out.json:  # there stderr is for one line, the error
                    out.note(f"  The server at {server} is starting: waiting up to {span(RECOVERY_SECONDS)} for it.")

            async def session() -> Exit | None:
                async with connect(
                    server, tls=tls, tls_ca=tls_ca, token=token, patience=RECOVERY_SECONDS, waiting=waiting
                ) as client:
                    return await work(Session(client, out), **asked)  # type: ignore[call-arg]

            click.get_current_context().exit(perform(session, out))

        run.__doc__ = work.__doc__
        # click keeps options that were declared on the coroutine in this attribute, last one first.
        run.__click_params__ = list(getattr(work, "__click_params__", []))  # type: ignore[attr-defined]
        command: Any = run
        for option in CONNECTION:
            # Ours come last in the help.
            command = option(command)
            params = command.__click_params__
            params.insert(0, params.pop())
        return group.command(name, cls=Verb, examples=examples)(command)

    return register


def perform(session: Callable[[], Awaitable[Exit | None]], out: Output) -> Exit:
    """Runs a session to its end and says what went wrong, if anything did."""

    async def run() -> Exit | None:
        return await session()

    try:
        return asyncio.run(run()) or Exit.DONE
    except ClientError as error:
        complain(error, out)
        away = isinstance(error, Unreachable | TimedOut) or (isinstance(error, Busy) and error.reason in AWAY)
        return Exit.NO_CONNECTION if away else Exit.REFUSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def complain(error: ClientError, out: Output) -> None:
    """The error as a paragraph, or as one JSON line for programs; on stderr."""
    if not out.json:
        out.note(f"Error: {error}")
        return
    told: dict[str, object] = {"what": error.what, "remedy": error.remedy}
    if isinstance(error, Refused):
        told |= {
            "code": error.code,
            "reason": error.reason,
            "metadata": dict(error.metadata),
            "fields": [{"field": found.field, "message": found.message} for found in error.violations],
        }
    click.echo(json.dumps({"error": told}, ensure_ascii=False), err=True)


def by_whom(command: _Command) -> _Command:
    """Options of verbs that decide: who, and why. Both go into the audit trail."""
    return by(click.option("--comment", default="", metavar="TEXT", help="Why, for the audit trail.")(command))


def by(command: _Command) -> _Command:
    """Option of every verb that the log of decisions tells of: who."""
    return click.option(
        "--actor", envvar="CTA_ACTOR", default=_me, metavar="NAME", help="Who decides; default: your user name."
    )(command)


def as_seen(command: _Command) -> _Command:
    """Options of verbs that must not act on what has changed meanwhile, and of safe repeats."""
    command = click.option(
        "--request-id", default="", metavar="TEXT", help="Repeating with the same id does nothing twice."
    )(command)
    return click.option(
        "--expected",
        "expected_revision",
        type=click.IntRange(min=0),
        default=0,
        metavar="REVISION",
        help="Refuse when it changed since this revision.",
    )(command)


def limit(most: int) -> Callable[[_Command], _Command]:
    """Option of lists: how many entries to show."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=most,
        show_default=True,
        metavar="N",
        help="Most entries; 0 for all.",
    )


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "unknown"
