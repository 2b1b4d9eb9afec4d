"""Drift that no contract sees: monitors of a stream's values against its healthy profile, and the canary's value
parity.
"""

from cta_core.drift.monitor import Alarm, SilentDriftMonitor
from cta_core.drift.parity import values_belong

__all__ = ["Alarm", "SilentDriftMonitor", "values_belong"]
