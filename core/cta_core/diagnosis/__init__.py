"""The diagnosis: what changed in a stream of events, the adapter that mends it, how sure that is, and why.

The names are looked up on first use: reports are data that clients and the state machine read too, and they need
neither numpy nor the search (0.4 s).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cta_core.diagnosis.analysis import diagnose
    from cta_core.diagnosis.case import Baseline, Options
    from cta_core.diagnosis.report import Decision, Method, Report, Severity

__all__ = ["Baseline", "Decision", "Method", "Options", "Report", "Severity", "diagnose"]

_MODULES: Final = {
    "Baseline": "case",
    "Decision": "report",
    "Method": "report",
    "Options": "case",
    "Report": "report",
    "Severity": "report",
    "diagnose": "analysis",
}


def __getattr__(name: str) -> Any:
    """The object of that name, from the module that holds it."""
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
