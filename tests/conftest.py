"""Settings of all tests: no property test is judged by the speed of the machine that it runs on."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("cta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cta")
