"""Like incidents and look-alikes: what a memory of healed incidents is measured by.

A like incident is the same kind of change on another domain's stream, with that domain's names. A look-alike has the
names or the shape of a remembered one, and its right fix is another, or none at all.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import msgspec

from cta_core import signature
from cta_core.adapter.program import Program
from cta_core.contract import Contract, compile_contract
from cta_core.diagnosis import Baseline, Decision, Method, Report, diagnose
from cta_core.diagnosis.recall import recall
from cta_core.diagnosis.verify import try_out
from cta_core.look import Look, Trait
from cta_core.profile import Profile
from cta_core.rebind import rebind, traits_for
from driftgen.cases import Case, Outcome, judge, make_case
from driftgen.changes import rename, shapes, values
from driftgen.populations import DOMAINS, Population, population, world_of

Event = dict[str, Any]

MAKERS = (
    shapes.renamed,
    shapes.camel,
    shapes.nested,
    values.as_text,
    values.cents_named,
    values.unit_named,
    values.time_form,
    shapes.wrapped,
    values.label_case,
)
"""Changes whose fixes say how values are written, so that they carry over to other streams."""


class Memory(msgspec.Struct):
    """Remembered fixes, in memory: what the archive keeps, without an archive."""

    entries: list[tuple[str, tuple[float, ...], Program, tuple[Trait, ...]]] = []

    def keep(self, domain: str, look: Look, program: Program) -> None:
        """Remembers a fix."""
        self.entries.append((domain, look.embedding, program, traits_for(program, look.traits)))

    def alike(self, look: Look) -> list[Program]:
        """The three nearest distinct fixes, bound to the fields of this look."""
        ranked = sorted(self.entries, key=lambda entry: -signature.likeness(entry[1], look.embedding))
        programs: list[Program] = []
        bound: list[Program] = []
        for _, vector, program, traits in ranked[:12]:
            if len(programs) == 3 or signature.likeness(vector, look.embedding) < 0.6:
                break
            if program not in programs:
                programs.append(program)
                bound.extend(made for made in rebind(program, traits, look.traits) if made not in bound)
        return bound


class Side(msgspec.Struct):
    """A case, read for analyses."""

    case: Case
    contract: Contract | None
    baseline: Baseline
    profile: Profile

    @classmethod
    def of(cls, case: Case) -> Side:
        """Reads a case."""
        contract = compile_contract(case.contract) if case.contract is not None else None
        return cls(case, contract, Baseline(case.baseline), Profile.of(case.baseline))

    def look(self) -> Look:
        """What the drifted events look like."""
        rules = self.contract if self.contract is not None else self.baseline.learned
        return signature.look(self.profile, self.case.drifted[:128], rules)

    def diagnose(self, alike: list[Program] | None = None) -> Report:
        """The report on the case."""
        return diagnose(self.baseline, self.case.drifted, self.contract, alike=alike or ())

    def recall(self, program: Program) -> Report | None:
        """The report with a bound program, None where the evidence does not take it; nothing is searched."""
        return recall(self.baseline, self.case.drifted, self.contract, (), (program,))

    def outcome(self, report: Report) -> Outcome:
        """What the report would come to if it were promoted."""
        lines: list[Event | None] = []
        if report.program is not None:
            rules = self.contract if self.contract is not None else self.baseline.learned
            lines = list(try_out(report.program, self.case.drifted, rules).healed)
        return judge(self.case, report.decision.value, lines)


def like_case(seed: int, domain: str, size: int = 160) -> Case | None:
    """The case of a seed on a domain: one change that carries over; `size` events on either side."""
    rng = random.Random(seed)
    maker = rng.choice(MAKERS)
    stream = population(domain, rng)
    change = maker(rng, stream, set())
    if change is None or change.expect != "heal":
        return None
    return _case(f"like-{seed}-{domain}", rng, stream, change.apply, "heal", size)


def remembered(seeds: range, twins: range = range(0)) -> Memory:
    """A memory of what the search heals rightly in these seeds' cases, those of `twins` included."""
    memory = Memory(entries=[])
    cases = [like_case(seed, random.Random(seed).choice(list(DOMAINS))) for seed in seeds]
    for case in [*cases, *map(twin, twins)]:
        if case is None:
            continue
        side = Side.of(case)
        report = side.diagnose()
        healed = report.decision is Decision.HEAL and side.outcome(report) is Outcome.HEALED
        if report.program is not None and report.method is Method.HEURISTIC and healed:
            memory.keep(case.name, side.look(), report.program)
    return memory


UNITS = (0.001, 0.01, 0.1, 10, 1000, 10_000, 0.45359, 2.20462, 1.609344)
"""Factors between units that people use, those of mass and length included."""


def look_alike(seed: int) -> Case:
    """A case with the names or the shape of a remembered one, and another right fix or none."""
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return make_case(seed, "trap")
    stream, field = _money(rng)
    alias = rng.choice([f"{field}_amount", f"{field}Value", f"{field}_cents", f"{field}_minor", field])
    other = rng.choice([f"net_{field}", f"previous_{field}", f"{field}_estimate", f"max_{field}", f"{field}_refunded"])
    factor = rng.choice([0.001, 0.1, 10, 1000, 10_000] if alias.endswith(("cents", "minor")) else UNITS)

    def unit(event: Event) -> None:
        event[field] = round(event[field] * factor, 4) if factor < 10 else round(event[field] * factor)
        rename(event, field, alias)

    def other_meaning(event: Event) -> None:
        kept = event.pop(field)
        event[other] = round(abs(kept) * rng.lognormvariate(0.0, 0.8), 2)

    def mixed_up(event: Event) -> None:
        money = [name for name in event if isinstance(event[name], float) and name != field]
        event[alias] = round(sum(event[name] for name in money[:1]) * 1.02 + 0.5, 2)
        event.pop(field)

    apply = rng.choice([unit, unit, unit, other_meaning, mixed_up]) if alias != field else unit
    return _case(
        f"alike-{seed}-{stream.domain}-{apply.__name__}-{alias}-{other}-{factor}",
        rng,
        stream,
        apply,
        "either" if apply is unit else "escalate",
    )


def twin(seed: int) -> Case:
    """A case with the names of a look-alike, in which the remembered fix is the right one: cents that are cents."""
    rng = random.Random(seed)
    stream, field = _money(rng)
    alias = rng.choice([f"{field}_cents", f"{field}_minor"])

    def cents(event: Event) -> None:
        event[field] = round(event[field] * 100)
        rename(event, field, alias)

    return _case(f"twin-{seed}-{stream.domain}-{alias}", rng, stream, cents, "heal")


def _money(rng: random.Random) -> tuple[Population, str]:
    """A stream and one of its amounts."""
    while True:
        stream = population(rng.choice(list(DOMAINS)), rng)
        fields = [field.name for field in stream.fields if field.kind == "money"]
        if fields:
            return stream, rng.choice(fields)


def _case(
    name: str, rng: random.Random, stream: Population, apply: Callable[[Event], Any], expect: str, size: int = 160
) -> Case:
    world = world_of(rng)
    start = 1.7e9 + rng.random() * 3e7
    baseline = stream.events(rng, size, start, world)
    healthy = stream.events(rng, size, start + size * 46, world)
    drifted = []
    for event in healthy:
        fresh = copy.deepcopy(event)
        apply(fresh)
        drifted.append(fresh)
    return Case(name, expect, stream.contract(), baseline, drifted, list(healthy), (name,), 0.0)
