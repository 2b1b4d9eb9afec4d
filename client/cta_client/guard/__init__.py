"""The guard: CTA-ACT inside a consumer's own process, in front of its handler."""

from cta_client.guard.desk import Counts, Desk, NotReady, Status
from cta_client.guard.dry import dry_run
from cta_client.guard.guards import Guards, guards
from cta_client.guard.handler import AsyncGuarded, EventsFailed, Guarded
from cta_client.guard.options import Away, GuardOptions, InvalidOption
from cta_client.guard.picture import Picture
from cta_client.guard.spool import Spool, SpoolFull, SpoolInUse, SpoolUnusable

__all__ = [
    "AsyncGuarded",
    "Away",
    "Counts",
    "Desk",
    "EventsFailed",
    "GuardOptions",
    "Guarded",
    "Guards",
    "InvalidOption",
    "NotReady",
    "Picture",
    "Spool",
    "SpoolFull",
    "SpoolInUse",
    "SpoolUnusable",
    "Status",
    "dry_run",
    "guards",
]
