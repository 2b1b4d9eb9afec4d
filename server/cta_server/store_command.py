"""`cta store check` and `migrate`: flags in, the store at rest looked at or brought up to date, the answer out.

It decides what is printed and the exit code; `store.check` and `store.upkeep` do the work. The client's `cta` finds
this command through the entry point group `cta.commands`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import msgspec

from cta_core.errors import InvalidInput
from cta_server.config import StoreSettings
from cta_server.flags import REFUSED, USAGE, read_configuration
from cta_server.store.check import Health, PartReport, StoreReport, at_rest, check_store
from cta_server.store.errors import StoreError, StoreLocked
from cta_server.store.upkeep import bring_up_to_date, copy_aside


class Exit(IntEnum):
    """What the commands end with, beside the codes of all commands."""

    FINE = 0
    AWAY = 3
    TOO_OLD = 10
    TOO_NEW = 11
    DAMAGED = 12


REMEDIES: Final = {
    Health.TOO_OLD: "Older than this release: run `cta store migrate`, or start the server, which does the same.",
    Health.AWAY: "ClickHouse cannot be used as it is now. Journal and archive.db are as told above.",
    Health.TOO_NEW: "A newer release wrote this: use that release, or a copy from before.",
    Health.DAMAGED: "Do not start the server on this: keep the files for a look, and restore a copy.",
}
"""What a person does next."""

_EXITS: Final = (
    "Exit codes: 0 fine, 1 in use or unreadable, 2 usage, 3 ClickHouse is away, 10 too old, 11 too new, 12 damaged."
)


@click.group("store")
def store() -> None:
    """Check the files of a server at rest, and bring them up to date.

    No server may be running on the store: the commands say so, and which process it is.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", envvar="CTA_OUTPUT",
                     show_default=True, help="For people, or one JSON document."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the configuration."),
        click.option("--store", "folder", metavar="FOLDER", help="Folder of journal and archive.  [default: cta-data]"),
        click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="TOML file."),
    ):  # fmt: skip
        command = option(command)
    return command


@store.command("check", epilog=_EXITS)
@_options
def check(*, file: Path | None, folder: str | None, settings: tuple[str, ...], output: str) -> None:
    """Say whether the store is whole, of which release, and how much is in it. It changes nothing.

    Journal and archive are read whole, references and the store's own promises included: counts of the quarantine are
    those of its events, a delivery is unique, whatever is unfinished has its incident. With `store.archive` the tables
    on ClickHouse are looked at too. Configuration is read as by `cta serve`.
    """
    told = Teller(json=output == "json")
    place = _settings(file, folder, settings)
    with told.errors():
        report = _checked(place)
    told.report(report)
    raise SystemExit(told.verdict(report))


@store.command("migrate", epilog=_EXITS)
@_options
def migrate(*, file: Path | None, folder: str | None, settings: tuple[str, ...], output: str) -> None:
    """Bring an older store up to date, as a start of the server does, after copying its files aside.

    The copies lie in a folder of their own in the store, and are whole: to go back, put them in the place of the files
    while no server runs, and remove `*.db-wal` and `*.db-shm`. Steps on ClickHouse add and take nothing away; they are
    not copied. A damaged or newer store is left as it is.
    """
    told = Teller(json=output == "json")
    place = _settings(file, folder, settings)
    with told.errors():
        path = Path(place.path)
        with at_rest(path):
            before = _looked_at(place)
            if before.health not in (Health.FINE, Health.TOO_OLD):
                told.report(before)
                raise SystemExit(told.verdict(before))
            copies = copy_aside(before, path / f"before-migration-{_stamp()}")
        for copy in copies:
            told.note(f"copied to {copy}")
        bring_up_to_date(before, _archive_url(place))
        after = _checked(place)
    done = [f"{part.name}: {step}" for part in before.parts if part.health is Health.TOO_OLD for step in part.pending]
    told.report(after, done=done, copies=copies)
    raise SystemExit(told.verdict(after))


class Teller:
    """Where the answers go: what was asked for to stdout, the rest to stderr."""

    def __init__(self, *, json: bool) -> None:
        self._json = json

    def report(self, report: StoreReport, *, done: list[str] | None = None, copies: tuple[Path, ...] = ()) -> None:
        """What was found; after a migration also what was done. Ends the process where there is no store."""
        if report.health is Health.ABSENT:
            self.error(f"there is no store in {report.folder}; `cta serve --store FOLDER` makes one", REFUSED)
        if self._json:
            document: dict[str, Any] = msgspec.to_builtins(report)
            if done is not None:
                document |= {"done": done, "copies": [str(copy) for copy in copies]}
            click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
            return
        for line in _lines(report):
            click.echo(line)
        if done is not None:
            click.echo("\n".join(["Done:", *(f"  {step}" for step in done)]) if done else "It was up to date.")

    def verdict(self, report: StoreReport) -> int:
        """The exit code, with what to do next for a person."""
        if report.health in REMEDIES and not self._json:
            self.note(REMEDIES[report.health])
        return Exit[report.health]

    def note(self, text: str) -> None:
        """A word to a person."""
        click.echo(text, err=True)

    def error(self, text: str, code: int) -> NoReturn:
        """Says what is wrong, and ends."""
        line = msgspec.json.encode({"error": {"what": text}}).decode() if self._json else f"Error: {text}"
        click.echo(line, err=True)
        raise SystemExit(code)

    @contextlib.contextmanager
    def errors(self) -> Generator[None]:
        """Tells what is raised inside a `with`, and ends."""
        try:
            yield
        except InvalidInput as error:
            self.error(str(error), USAGE)
        except StoreLocked as error:
            self.error(f"{error.path}: in use by {error.who}; stop it, or name a copy of the store", REFUSED)
        except (StoreError, OSError) as error:
            self.error(str(error), REFUSED)


def _stamp() -> str:
    """The time, to the microsecond: a second try must not meet the copies of the first."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _settings(file: Path | None, folder: str | None, settings: tuple[str, ...]) -> StoreSettings:
    return read_configuration(file, settings, {"store.path": folder}).settings.store


def _archive_url(place: StoreSettings) -> str:
    """`chdb://` alone is in the store's folder."""
    return f"chdb://{(Path(place.path) / 'archive').absolute()}" if place.archive == "chdb://" else place.archive


def _checked(place: StoreSettings) -> StoreReport:
    with at_rest(Path(place.path)):
        return _looked_at(place)


def _looked_at(place: StoreSettings) -> StoreReport:
    return check_store(Path(place.path), _archive_url(place))


def _lines(report: StoreReport) -> Iterator[str]:
    for part in report.parts:
        yield from _part(part)


def _part(part: PartReport) -> Iterator[str]:
    word = part.health.replace("_", " ").lower()
    yield f"{part.name:<11}{'not there yet' if part.health is Health.ABSENT else word}"
    known = {"at": part.place, "version": part.version, **part.facts}
    if part.bytes:
        known["size"] = _size(part.bytes)
    for name, value in known.items():
        if value:
            yield f"  {name}: {value}"
    filled = [f"{table} {count:,}" for table, count in part.tables.items() if count]
    if part.tables:
        yield f"  rows: {', '.join(filled) or 'none'}"
    for problem in part.problems:
        yield f"  ! {problem}"
    if part.health is Health.TOO_OLD:
        yield f"  to be done: {'; '.join(part.pending)}"


def _size(count: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
