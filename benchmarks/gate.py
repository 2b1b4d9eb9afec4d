"""The gate by itself: each of its ways against a bare msgspec loop, in one run. `python -m benchmarks ways`.

The bare loop decodes into hand-written structs and encodes them again: the least that a step in Python can cost. The
event, the five-step adapter and the contract are those of the study of speed. Cases take turns in blocks of 500 events,
so that a slow moment of the machine touches all of them; the ratios hold on a noisy machine, the rates do not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from benchmarks.figures import Figure
from benchmarks.orders import CONTRACT, PROGRAM, bare, drifted, healthy
from cta_core.adapter.compile import compile_program
from cta_core.contract import compile_contract
from cta_core.event import decode, encode
from cta_core.gate import ActiveAdapter, Gate, OutcomeKind

BLOCK = 500
BLOCKS = 8
ROUNDS = 40


async def measure() -> list[Figure]:
    """Figures of the gate in process."""
    contract = compile_contract(CONTRACT)
    gate = Gate(contract, [ActiveAdapter(adapter_id="a", revision=1, program=PROGRAM)])
    good, bad = _blocks(healthy), _blocks(drifted)
    mixed = [
        [pair[index % 2] for index, pair in enumerate(zip(*both, strict=True))] for both in zip(good, bad, strict=True)
    ]
    # One more field than the contract knows is no event of the typed lane: the general way heals it, then the contract
    # holds it.
    odd = [[raw[:-1] + b',"more":1}' for raw in block] for block in bad]
    open_gate = Gate(compile_contract(_opened(CONTRACT)), [ActiveAdapter(adapter_id="a", revision=1, program=PROGRAM)])
    _expect(gate, good[0], OutcomeKind.HEALTHY)
    _expect(gate, bad[0], OutcomeKind.HEALED)
    _expect(open_gate, odd[0], OutcomeKind.HEALED)
    adapter = compile_program(PROGRAM)

    def applied(block: Sequence[bytes]) -> list[bytes]:
        return [encode(adapter.apply(decode(raw))) for raw in block]

    cases: dict[str, tuple[Callable[[Sequence[bytes]], object], list[list[bytes]]]] = {
        "bare typed decode + encode": (bare, good),
        "bare untyped decode + encode": (lambda block: [encode(decode(raw)) for raw in block], good),
        "all healthy": (gate.judge_many, good),
        "all drifted, by the typed lane": (gate.judge_many, bad),
        "half healthy, half drifted": (gate.judge_many, mixed),
        "all drifted with a field nobody knows, by the general way": (open_gate.judge_many, odd),
        "decode, five steps, encode; neither guard nor contract": (applied, bad),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(ROUNDS):
        gc.collect()
        for name, (run, blocks) in cases.items():
            block = blocks[number % BLOCKS]
            began = time.perf_counter()
            run(block)
            times[name].append((time.perf_counter() - began) / BLOCK)
    least = median(times["bare typed decode + encode"])
    goals = {"all healthy": ">= 0.9", "all drifted, by the typed lane": ">= 0.7"}
    return [
        Figure(f"{name}, of bare", f"{least / median(taken):5.2f}  ({median(taken) * 1e6:.2f} us)", goals.get(name, ""))
        for name, taken in times.items()
    ]


def _blocks(make: Callable[[int], bytes]) -> list[list[bytes]]:
    return [[make(block * BLOCK + index) for index in range(BLOCK)] for block in range(BLOCKS)]


def _opened(schema: dict[str, object]) -> dict[str, object]:
    """The contract with other fields allowed."""
    text = msgspec.json.encode(schema).replace(b'"additionalProperties":false', b'"additionalProperties":true')
    opened: dict[str, object] = msgspec.json.decode(text)
    return opened


def _expect(gate: Gate, events: Sequence[bytes], kind: OutcomeKind) -> None:
    kinds = {outcome.kind for outcome in gate.judge_many(events)}
    if kinds != {kind}:
        raise SystemExit(f"the benchmark's own events are not what they should be: {kinds}")
