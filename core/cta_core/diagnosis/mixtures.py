"""Two readings of one number field in one stream: half of the producers in another unit, with nothing to mark them.

Recognisers only. Nothing can be healed here; a person has to know.
"""

from __future__ import annotations

import numpy as np

from cta_core.diagnosis.views import Floats, View, kolmogorov, kolmogorov_noise


def parted(a: Floats, b: Floats) -> bool:
    """Does a good part of the values lie far from all healthy ones while the rest stays: two readings in one stream?"""
    a, b = np.abs(a[a != 0]), np.abs(b[b != 0])
    if len(a) < 20 or len(b) < 12:
        return False
    low, high = float(np.percentile(a, 0.5)), float(np.percentile(a, 99.5))
    outside = float(np.mean((b < low / 4) | (b > high * 4)))
    return 0.1 < outside < 0.95


MIXED_FACTORS = (10.0, 100.0, 1000.0, 60.0, 3600.0)
"""Factors between units that producers mix: cents, minor units, minutes, hours."""


def two_units(a: Floats, b: Floats) -> bool:
    """Are these the healthy values and the same values in another unit, side by side?"""
    a, b = np.sort(np.abs(a[a != 0])), np.sort(np.abs(b[b != 0]))
    if len(a) < 40 or len(b) < 40:
        return False
    apart = kolmogorov(a, b)
    if apart < 0.2:
        return False
    below = np.arange(1, len(b) + 1) / len(b)
    straight = np.searchsorted(a, b, side="right") / len(a)
    noise = kolmogorov_noise(len(a), len(b))
    for size in MIXED_FACTORS:
        for factor in (size, 1 / size):
            other = np.searchsorted(a * factor, b, side="right") / len(a)
            for share in (0.2, 0.35, 0.5, 0.65, 0.8):
                gap = float(np.max(np.abs((1 - share) * straight + share * other - below)))
                if gap < 0.45 * apart and gap < 0.7 * noise:
                    return True
    return False


def half_whole(view: View, here: View) -> bool:
    """Did whole numbers come up among fractions, as when some producers send another unit?"""
    total, now = sum(view.decimals.values()), sum(here.decimals.values())
    if total < 40 or now < 40:
        return False
    # Zeros are written without a fraction whatever the unit is.
    before = (view.decimals[0] - int(np.sum(view.numbers == 0))) / total
    share = (here.decimals[0] - int(np.sum(here.numbers == 0))) / now
    return before < 0.08 and 0.2 < share < 0.97
