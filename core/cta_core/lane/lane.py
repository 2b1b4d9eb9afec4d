"""The typed lane: heals events of the one shape that a contract and an adapter together expect, at msgspec's speed.

Bytes are decoded into structs of the drifted shape, which checks everything that no step changes; the changed fields
are changed and checked; then the structs of the healthy shape are put together and encoded. Whatever is unusual
(another field, a missing one, a refusal) is not for the lane: `heal` answers None and the general way decides. It never
answers what the general way would not. Called by the gate only.
"""

from __future__ import annotations

from cta_core.adapter.guard import Condition, Test
from cta_core.adapter.program import Program
from cta_core.contract.shape import Shape
from cta_core.lane.code import Heal, compile_lane
from cta_core.lane.route import NoLaneError, Routes, keys_of, routes_of, under


class Lane:
    """Heals the events of one shape. Safe to share between threads: it keeps no state."""

    def __init__(self, shape: Shape, routes: Routes) -> None:
        self._routes = routes
        self.heal: Heal = compile_lane(shape, routes)
        """The healed bytes of an event, nested at most so deeply; None when the event is not for the lane."""

    def excludes(self, guard: tuple[Condition, ...]) -> bool:
        """Whether a guard surely holds for no event of the lane."""
        return any(self._contradicts(condition) for condition in guard)

    def _contradicts(self, condition: Condition) -> bool:
        try:
            place = keys_of(condition.path)
        except NoLaneError:
            return False
        routes = [route for route in self._routes.routes if not route.absent]
        if condition.test is Test.ABSENT:
            return len(place) == 1 and any(route.source == place and route.sure for route in routes)
        places = [*(route.source for route in routes), *self._routes.dropped]
        return not any(under(one, place) or under(place, one) for one in places)


def lane_for(shape: Shape | None, program: Program) -> Lane | None:
    """The lane of a program under a contract, None where it has none."""
    if shape is None:
        return None
    try:
        return Lane(shape, routes_of(shape, program))
    except (NoLaneError, TypeError, ValueError, NotImplementedError):
        # msgspec refuses names and types that it cannot tell apart; then the general way does all the work.
        return None
