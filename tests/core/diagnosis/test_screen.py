"""The quick look at fields: what it calls calm is calm."""

from __future__ import annotations

import pytest

from cta_core.diagnosis.recall import spread
from cta_core.diagnosis.report import Severity
from cta_core.diagnosis.screen import suspects
from cta_core.diagnosis.symptoms import findings
from cta_core.diagnosis.table import Table
from driftgen.cases import make_case
from driftgen.likes import Side, look_alike


@pytest.mark.parametrize("block", range(4))
def test_what_is_calm_shows_nothing_in_full(block: int) -> None:
    """Over 40 generated drifts, traps and harmless changes no field with a break or a silent change is called calm."""
    serious = 0
    for seed in range(7_000 + 10 * block, 7_010 + 10 * block):
        side = Side.of(make_case(seed) if seed % 3 else look_alike(seed))
        promises = side.baseline.promises(side.contract)
        here = Table(spread(side.case.drifted))
        seen = set(suspects(side.baseline.table, here, promises))
        for finding in findings(side.baseline.table, here, promises):
            # Values of which hardly any comes again are told by `fit`, which is asked about every written field.
            if finding.severity is not Severity.NOTICE and finding.rule != "values":
                serious += 1
                assert finding.path in seen, (side.case.name, finding)
    assert serious > 5


def test_most_healthy_fields_are_calm() -> None:
    """Of later healthy events of the same streams most fields need no full comparison."""
    looked = calm = 0
    for seed in range(7_100, 7_120):
        side = Side.of(make_case(seed, "benign"))
        half = len(side.case.baseline) // 2
        first, second = Table(side.case.baseline[:half]), Table(side.case.baseline[half:])
        looked += len(first.columns)
        calm += len(first.columns) - len(suspects(first, second, side.baseline.promises(side.contract)))
    assert calm > 0.8 * looked
