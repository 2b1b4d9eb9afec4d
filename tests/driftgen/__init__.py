"""A generator of drift cases: seeded populations, changes, traps and harmless differences, with the right answer
known.
"""

from driftgen.cases import Case, Outcome, judge, make_case

__all__ = ["Case", "Outcome", "judge", "make_case"]
