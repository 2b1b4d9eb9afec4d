"""The typed lane: drifted events of the expected shape are healed without ever becoming dictionaries."""

from cta_core.lane.lane import Lane, lane_for

__all__ = ["Lane", "lane_for"]
