"""The palette: every verb by name, every view, and every open incident."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from cta_tui.messages import Pick
from cta_tui.verbs import VERBS
from cta_tui.words import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cta_tui.app import ControlRoom


class Verbs(Provider):
    """Looks verbs and incidents up by what a person writes."""

    async def discover(self) -> Hits:
        """All of them, in the order of the help."""
        for name, told, run in self._all():
            yield DiscoveryHit(name, run, help=told)

    async def search(self, query: str) -> Hits:
        """Those that match, best first."""
        matcher = self.matcher(query)
        for name, told, run in self._all():
            score = max(matcher.match(name), matcher.match(told) * 0.9)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=told)

    def _all(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = cast("ControlRoom", self.app)
        for verb in VERBS:
            reason = verb.ready(app.model)
            told = f"{verb.key}  {verb.help}" + (f"  (not now: {reason})" if reason else "")
            yield verb.word, told, partial(app.press, verb.name)
        for incident in app.model.open:
            yield (
                f"Incident {short(incident.incident_id)} of {incident.stream_id}",
                incident.headline,
                partial(app.open_thing, Pick.INCIDENT, incident.incident_id),
            )
