"""The diagnosis: what changed in a stream of events, the adapter that mends it, how sure that is, and why."""

from cta_core.diagnosis.analysis import diagnose
from cta_core.diagnosis.case import Baseline, Options
from cta_core.diagnosis.report import Decision, Method, Report, Severity

__all__ = ["Baseline", "Decision", "Method", "Options", "Report", "Severity", "diagnose"]
