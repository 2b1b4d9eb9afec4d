"""Changes of producers, applied to healthy events: what can be healed, what cannot, and what is harmless.

Each change takes the expected (healthy) events and gives the drifted ones, event by event; it says whether the right
answer is to heal, to escalate or to stay quiet. `either` marks changes that may be healed by relations but need not be.
A new one is a function in the module of its kind, and a line here.
"""

from __future__ import annotations

from driftgen.changes import harmless, shapes, traps, values
from driftgen.changes.change import Change, Maker, rename

__all__ = ["BENIGN", "HEALS", "TRAPS", "Change", "rename"]

HEALS: tuple[Maker, ...] = (
    shapes.flattened,
    shapes.structure_renamed,
    shapes.inside,
    shapes.cased,
    shapes.renamed,
    shapes.renamed,
    shapes.renamed,
    shapes.opaque,
    shapes.camel,
    shapes.envelope,
    shapes.nested,
    values.as_text,
    values.padded,
    values.formatted,
    values.percent,
    values.cents_named,
    values.cents_silent,
    values.unit_named,
    values.unit_silent,
    values.time_form,
    values.time_naive,
    values.date_order,
    values.label_case,
    values.label_short,
    values.label_codes,
    values.flag_words,
    shapes.wrapped,
    shapes.joined,
    shapes.parted,
    shapes.swapped,
    values.null_words,
    shapes.dropped_constant,
    shapes.json_text,
    values.junk,
)


TRAPS: tuple[Maker, ...] = (
    traps.role,
    traps.role,
    traps.later_time,
    traps.truncated,
    traps.one_of_two,
    traps.aggregated,
    traps.gone,
    traps.decoy,
    traps.decoy,
    traps.qualified,
    traps.qualified,
    traps.rounded,
    traps.date_only,
    traps.labels_merged,
    traps.masked,
    traps.sign_lost,
    traps.half_scaled,
    traps.two_flags,
    traps.negated,
    traps.bucketed,
    traps.hashed,
    traps.currency_rate,
)


BENIGN: tuple[Maker, ...] = (
    harmless.new_optional,
    harmless.key_order,
    harmless.new_label,
    harmless.business,
    harmless.integral_floats,
    harmless.more_nulls,
    harmless.nothing,
)
