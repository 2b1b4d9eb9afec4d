"""Writes docs/cli.md out of the commands' own help; `--check` says whether it is fresh.

Run it after a change of a command: `python tools/cli_docs.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cta_client.cli import exits
from cta_client.cli.root import PLACES, cta

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

HEAD = """\
# The command line

`cta` drives a server, shows the whole loop, and works without a server on files. This page is written by
`tools/cli_docs.py` out of the commands' own help.

- `-o table` is for people: columns that fit 80 cells, nothing cut in a pipe. `-o json` is for programs: proto-JSON of
  the API's own messages, the same as grpcurl's with unset fields shown; one document for an answer, JSON Lines for
  what streams.
- What was asked for goes to stdout; summaries, progress and errors go to stderr. With `-o json` an error is one JSON
  line on stderr: `{"error": {"what", "remedy", "code", "reason", "metadata", "fields"}}`.
- Every state is a word and a sign; colours come on top, on a terminal, and not with `NO_COLOR`.
- A verb that decides takes `--actor` and `--comment` for the audit trail, `--expected REVISION` to refuse when the
  thing changed since you looked, and `--request-id` to be repeatable.
- `--watch` goes on until Ctrl-C, over restarts of the server: it resumes where it was and says how old the picture is.
- A server that is still starting is waited for, up to 10 s, and that is told on stderr (not with `-o json`).
- A list of a stream that is not there, and of which nothing is left, exits 1 with STREAM_NOT_FOUND; `--watch` waits for
  it.

## Exit codes

| code | meaning |
| --- | --- |
"""

AFTER_CODES = """\

`cta diagnose` exits 10 when an adapter heals the events and 20 when a person has to decide; `cta apply` exits 3 when
events were held: both work without a server. `cta store check` and `migrate` exit 3 when ClickHouse is away, 10 when
the store is of an older release, 11 when it is of a newer one, and 12 when it is damaged.

## Environment

| name | meaning |
| --- | --- |
| `CTA_SERVER` | address of the server, `host:port`; default `127.0.0.1:50510`. As a URL, `https://` encrypts |
| `CTA_TOKEN` | bearer token sent with every call |
| `CTA_TLS_CA` | PEM file of the certificate authorities to trust |
| `CTA_OUTPUT` | `table` or `json` |
| `CTA_ACTOR` | who decides, for the audit trail; default: your user name |
| `NO_COLOR` | any value: no colours |

## Completion

`eval "$(_CTA_COMPLETE=bash_source cta)"` in bash, `_CTA_COMPLETE=zsh_source` in zsh, `_CTA_COMPLETE=fish_source cta |
source` in fish. Ids are completed by asking the server.

## Commands
"""


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below one, groups before their members."""
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        # Other packages' commands have their own pages.
        names = [name for name in command.list_commands(context) if path or name in PLACES]
        for name in names:
            found = command.get_command(context, name)
            if found is not None:
                yield from commands(found, (*path, name))


def page() -> str:
    """The whole page."""
    codes = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in exits.MEANINGS.items())
    parts = [HEAD, codes, AFTER_CODES]
    for path, command in commands(cta, ()):
        name = " ".join(("cta", *path))
        context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
        parts.append(f"\n{'#' * (2 + len(path))} `{name}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "".join(parts)


def main() -> int:
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")
    if not parser.parse_args().check:
        TARGET.write_text(page(), "utf-8")
        return 0
    fresh = TARGET.exists() and TARGET.read_text("utf-8") == page()
    if not fresh:
        sys.stderr.write("docs/cli.md is stale: run python tools/cli_docs.py\n")
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main())
