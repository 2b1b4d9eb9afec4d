"""`python -m cta_server` is `cta serve`."""

from __future__ import annotations

from cta_server.cli import serve

serve(prog_name="cta serve")
