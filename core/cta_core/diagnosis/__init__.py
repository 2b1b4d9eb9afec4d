"""The diagnosis: what changed in a stream of events, the adapter that mends it, how sure that is, and why."""

from cta_core.diagnosis.analysis import Options, diagnose
from cta_core.diagnosis.report import Decision, Method, Report, Severity

__all__ = ["Decision", "Method", "Options", "Report", "Severity", "diagnose"]
