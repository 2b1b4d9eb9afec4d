"""What the commands of the server share: the configuration out of their flags, and how they end when it is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from cta_core.errors import InvalidInput
from cta_server.config import Configuration, load

REFUSED, USAGE = 1, 2
"""Exit codes, as `cta --help` tells them: it cannot be done; the command line or the configuration is wrong."""


def read_configuration(
    file: Path | None, settings: tuple[str, ...], given: Mapping[str, str | int | None]
) -> Configuration:
    """The configuration out of file, environment, `--set` and flags by key; ends the process when it is wrong."""
    flags: dict[str, str] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign:
            raise click.UsageError(f"--set {setting}: write KEY=VALUE, like log.level=debug.")
        flags[key] = value
    flags.update({key: str(value) for key, value in given.items() if value is not None})
    try:
        return load(file, os.environ, flags)
    except InvalidInput as error:
        end(error, USAGE)


def end(error: Exception, code: int) -> NoReturn:
    """Says what is wrong, and ends the process."""
    click.echo(f"Error: {error}", err=True)
    raise SystemExit(code) from error
