"""`cta tui`: the control room on a server, in this terminal or in a browser.

The client's `cta` finds it through the entry point group `cta.commands`.
"""

from __future__ import annotations

from pathlib import Path

import click

from cta_tui import launch

DEFAULT_ADDRESS = "127.0.0.1:50510"
"""Where `cta serve` listens when nothing else is said."""


@click.command(
    "tui",
    epilog="Example: cta tui --connect 127.0.0.1:50510",
)
@click.option(
    "--connect",
    "address",
    envvar="CTA_SERVER",
    default=DEFAULT_ADDRESS,
    show_default=True,
    metavar="HOST:PORT",
    help="Server.",
)
@click.option("--token", envvar="CTA_TOKEN", default="", metavar="TEXT", help="Bearer token. Better in CTA_TOKEN.")
@click.option("--tls", is_flag=True, help="Encrypt, trusting the system's authorities.")
@click.option(
    "--tls-ca",
    envvar="CTA_TLS_CA",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Encrypt, trusting this PEM file.",
)
@click.option("--web", is_flag=True, help="Serve it to browsers of this machine instead. Needs cta-act[web].")
@click.option("--web-port", type=click.IntRange(1, 65535), default=8008, show_default=True, metavar="N", help="Port.")
def tui(*, address: str, token: str, tls: bool, tls_ca: Path | None, web: bool, web_port: int) -> None:
    """Watch and drive the loop in a terminal: the control room.

    It needs no server to start: it says that there is none and goes on trying. Press ? for every key.
    """
    if web:
        from cta_tui.web import WebMissing, serve  # noqa: PLC0415 - an optional extra

        try:
            serve(address, token=token, tls=tls, tls_ca=tls_ca, port=web_port)
        except WebMissing as error:
            raise click.UsageError(str(error)) from error
        return
    launch.room(address, token=token, tls=tls, tls_ca=tls_ca).run()
