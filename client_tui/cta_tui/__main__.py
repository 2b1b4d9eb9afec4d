"""`python -m cta_tui` is `cta tui`: what a browser's tab starts."""

from __future__ import annotations

from cta_tui.command import tui

if __name__ == "__main__":
    tui(prog_name="cta tui")
