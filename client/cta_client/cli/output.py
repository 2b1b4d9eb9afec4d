"""What a verb prints: tables for people, proto-JSON for programs.

JSON is the standard proto-JSON of the API's own messages, the same as grpcurl's, with unset fields shown: one document
for an answer, one line a message for a stream. Everything else that a person should know goes to stderr, so that
stdout stays what was asked for.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

import click
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from cta_client.cli.paint import shown


class Output:
    """Where a verb's answers go."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    @property
    def width(self) -> int | None:
        """Cells of a line; None in a pipe, where nothing is cut."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def document(self, message: Message) -> None:
        """One answer as one JSON document."""
        click.echo(_json(message, indent=2))

    def entry(self, message: Message) -> None:
        """One message of a stream as one JSON line, at once."""
        click.echo(_json(message, indent=None))

    def lines(self, lines: Iterable[str]) -> None:
        """Text for people."""
        for line in lines:
            click.echo(shown(line))

    def note(self, text: str) -> None:
        """A word to the person at the terminal, on stderr."""
        click.echo(shown(text, sys.stderr), err=True)


def _json(message: Message, indent: int | None) -> str:
    return MessageToJson(message, always_print_fields_with_no_presence=True, indent=indent, ensure_ascii=False)
