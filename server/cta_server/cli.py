"""`cta serve`: flags in, configuration made, server run. It decides nothing about serving; `app` does.

The client's `cta` finds this command through the entry point group `cta.commands`; `python -m cta_server` runs it too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import click

from cta_core.errors import InvalidInput
from cta_server import app, log
from cta_server.flags import REFUSED, USAGE, end, read_configuration
from cta_server.store.errors import StoreError


@click.command("serve", epilog="Example: cta serve --store ./store --port 50510 --set log.level=debug")
@click.option("--config", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="TOML file.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port; 0: a free one.  [default: 50510]")
@click.option("--store", metavar="FOLDER", help="Folder of journal and archive.  [default: cta-data]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of the configuration.")
@click.option(
    "--port-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the port there once the server serves.",
)
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input closes, for programs that start it.")
def serve(
    *,
    file: Path | None,
    host: str | None,
    port: int | None,
    store: str | None,
    settings: tuple[str, ...],
    port_file: Path | None,
    stop_with_stdin: bool,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Values come from defaults, then --config, then CTA_* of the environment, then flags; the last one counts.
    """
    flags = {"server.host": host, "server.port": port, "store.path": store}
    configuration = read_configuration(file, settings, flags)
    log.configure(configuration.settings.log.level, configuration.settings.log.format)
    if stop_with_stdin:
        threading.Thread(target=_stop_at_end_of_input, name="watch standard input", daemon=True).start()
    try:
        asyncio.run(app.serve(configuration, port_file=port_file))
    except InvalidInput as error:
        end(error, USAGE)
    except (StoreError, OSError) as error:
        end(error, REFUSED)


def _stop_at_end_of_input() -> None:
    """Asks for a stop in order when the process at the other end of the pipe is gone, however it went."""
    # Not through sys.stdin: a daemon thread that holds its lock would break the interpreter's end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
