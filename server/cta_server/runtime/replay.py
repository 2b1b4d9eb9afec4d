"""A replay: the counts of one canary, and the verdict on them.

It decides what counts as failed, refused, harmed or passed, in the gate, in the server's stages and in the consumer's
own code. It chooses no events and asks no worker: `canaries` feeds it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from cta_core.adapter.revision import AdapterRevision
from cta_core.canary import Canary, CanaryFailure, Prover
from cta_core.gate import Gate, OutcomeKind
from cta_core.quarantine import HeldReason
from cta_core.verdict import Judgement, Tally, Verdict, judge
from cta_server.runtime.gates import StreamGate
from cta_server.runtime.leases import AnswerKind, TaskEvent
from cta_server.runtime.proving import Proof
from cta_server.runtime.stages.outcome import ChainResult
from cta_server.runtime.stages.pool import StagePool

REFUSED_LIMIT: Final = 0.5
"""Share of drifted events that an adapter may refuse. Beyond half it is no fix for what happened (analysis study,
4.11)."""

KINDS_SHOWN: Final = 10
"""Kinds of failure listed in a canary."""

MESSAGE_CHARS: Final = 200
"""Characters of a failure's kind: longer messages differ from event to event, and would be kinds of their own."""


class Staged(msgspec.Struct, frozen=True):
    """Events that are in the stages: before and after the gate, and what becomes of them."""

    events: list[tuple[bytes, bytes]]
    gate_ms: float
    drifted: bool
    running: asyncio.Task[ChainResult]


class Replay:
    """Counts of one replay."""

    def __init__(self, gate: StreamGate, adapter: AdapterRevision, stages: StagePool, *, copied: bool = False) -> None:
        """`copied`: of a stream with masks the drifted events are copies as well, as the healthy ones always are."""
        self._stream, self._veil = gate.stream, gate.veil
        self.copied = copied
        self._now: Gate = gate.gate if gate.veil is None else gate.candidate((), copies=True)
        self._then: Gate = gate.candidate((adapter,), copies=True)
        whole = copied or gate.veil is None
        self._then_drifted: Gate = self._then if whole else gate.candidate((adapter,))
        self._adapter = adapter
        self._stages = stages
        self._failures: Counter[tuple[str, str]] = Counter()
        self._latencies: list[float] = []
        self._staged: Staged | None = None
        self._drifted = self._failed = self._healthy = self._harmed = 0
        self.refused = 0
        self.events: list[TaskEvent] = []
        """Those that passed gate and stages, for the consumer's own code."""
        self._timed: list[int] = []
        """Place of each one's latency."""
        self.proof: Proof | None = None
        """What the consumer's own code said of them."""
        self.healed: list[bytes] = []
        self.parity_ok = True
        self.parity_text = ""

    async def drifted(self, events: Sequence[bytes]) -> None:
        """Replays drifted events. Those that go into the stages are counted with the next ones, or by `finish`."""
        began = time.perf_counter()
        outcomes = self._then_drifted.judge_many(list(events))
        each_ms = (time.perf_counter() - began) * 1000 / len(events)
        passed: list[tuple[bytes, bytes]] = []
        for raw, outcome in zip(events, outcomes, strict=True):
            if outcome.adapter_id != self._adapter.adapter_id:
                continue  # the adapter is not for it: another cause, or an event in the old shape
            if outcome.kind is OutcomeKind.HEALED:
                passed.append((raw, outcome.raw))
            elif outcome.reason is HeldReason.ADAPTER_REFUSED:
                self.refused += 1
                continue
            else:
                self._failed += 1
                self._drifted += 1
                self._failures["gate", outcome.message] += 1
        self.healed += [after for _, after in passed]
        await self._through_stages(passed, each_ms, drifted=True)

    async def healthy(self, events: Sequence[bytes]) -> None:
        """Replays healthy events: each must come out as it does without the candidate."""
        began = time.perf_counter()
        then = self._then.judge_many(list(events))
        each_ms = (time.perf_counter() - began) * 1000 / len(events)
        now = self._now.judge_many(list(events))
        for before, after in zip(now, then, strict=True):
            self._healthy += 1
            if (before.kind, before.raw) != (after.kind, after.raw):
                self._harmed += 1
                self._failures["gate", f"a healthy event would be {after.kind.value.lower()}"] += 1
        same = [(o.raw, o.raw) for o in then if o.kind is OutcomeKind.HEALTHY]
        await self._through_stages(same, each_ms, drifted=False)

    async def _through_stages(self, events: list[tuple[bytes, bytes]], gate_ms: float, *, drifted: bool) -> None:
        if not self._stream.consumer or not events:
            for raw, after in events:
                self._passed(raw, after, gate_ms, drifted=drifted)
            await asyncio.sleep(0)
            return
        bodies = [after for _, after in events]
        run = self._stages.run(self._stream.consumer, bodies, timeout_ms=self._stream.policy.stage_timeout_ms)
        # The worker has these while the gate judges the next ones, and never waits for it.
        former, self._staged = self._staged, Staged(events, gate_ms, drifted, asyncio.create_task(run))
        await (self._count(former) if former is not None else asyncio.sleep(0))

    async def finish(self) -> None:
        """Waits for what is in the stages, and counts it."""
        last, self._staged = self._staged, None
        if last is not None:
            await self._count(last)

    def drop(self) -> None:
        """Gives up what is in the stages: nobody waits for it any more, nor for its error."""
        last, self._staged = self._staged, None
        if last is not None:
            last.running.add_done_callback(lambda task: task.cancelled() or task.exception())
            last.running.cancel()

    async def _count(self, staged: Staged) -> None:
        chain = await staged.running
        for (raw, after), outcome in zip(staged.events, chain.outcomes, strict=True):
            if outcome.ok:
                self._passed(raw, after, staged.gate_ms + outcome.latency_ms, drifted=staged.drifted)
                continue
            self._latencies.append(staged.gate_ms + outcome.latency_ms)
            # A healthy event that a stage refuses fails there today as well: its bytes are the same.
            if staged.drifted:
                self._drifted += 1
                self._failed += 1
                self._failures[outcome.stage, self._said(f"{outcome.error_type}: {outcome.message}")] += 1

    def _passed(self, raw: bytes, after: bytes, latency_ms: float, *, drifted: bool) -> None:
        self._drifted += drifted
        # A consumer's code cannot be asked about masked copies: a hashed account is none of its accounts.
        if self._veil is None or (drifted and not self.copied):
            self._timed.append(len(self._latencies))
            self.events.append(TaskEvent(drifted=drifted, raw=raw, after=after))
        self._latencies.append(latency_ms)

    def _said(self, text: str) -> str:
        """What a stage or the consumer's code said, as far as the stream's masks allow."""
        return (self._veil.failure(text) if self._veil is not None else text)[:MESSAGE_CHARS]

    def into(self, canary: Canary) -> Canary:
        """The canary with the counts so far."""
        failed, harmed, latencies = self._failed, self._harmed, list(self._latencies)
        failures, proof = Counter(self._failures), self.proof
        for place, answer in proof.answers.items() if proof else ():
            if proof and proof.complete:  # a part of the events has no p95 of its own
                latencies[self._timed[place]] += answer.latency_ms
            if answer.kind is AnswerKind.PASSED:
                continue
            drifted = self.events[place].drifted
            failed += drifted
            # What the handler raises on a healthy event, and what the worker's own contract holds, fails there today.
            harmed += not drifted and answer.kind is AnswerKind.ADAPTER_REFUSED
            if proof and (drifted or answer.kind is AnswerKind.ADAPTER_REFUSED):
                words = self._said(_words_of(answer.kind, answer.error_type, answer.message))
                failures[proof.names[place], words] += 1
        return msgspec.structs.replace(
            canary,
            tally=Tally(
                drifted=self._drifted,
                failed=failed,
                healthy=self._healthy,
                harmed=harmed,
                latencies_ms=tuple(latencies),
                parity_ok=self.parity_ok,
                parity_text=self.parity_text,
            ),
            failures=tuple(
                CanaryFailure(stage=stage, message=message, count=count)
                for (stage, message), count in failures.most_common(KINDS_SHOWN)
            ),
            proved_by=proof.provers if proof else (),
            unproved=proof.unproved if proof else "",
        )

    def said(self) -> list[str]:
        """What a person should know of the consumer's own code, beside the counts."""
        proof = self.proof
        if proof is None:
            return []
        words = [proof.note] if proof.note else []
        if proof.provers:
            seen = ", ".join(_prover(prover) for prover in proof.provers)
            words.append(f"the consumer's own code ran: {seen}")
        today = sum(
            not self.events[place].drifted and answer.kind in (AnswerKind.HANDLER_RAISED, AnswerKind.CONTRACT_BROKEN)
            for place, answer in proof.answers.items()
        )
        if today:
            words.append(f"the consumer refuses {today} healthy events as well")
        return words


def _words_of(kind: AnswerKind, error_type: str, message: str) -> str:
    head = error_type if kind is AnswerKind.HANDLER_RAISED else kind.value.lower().replace("_", " ")
    return f"{head}: {message}" if message else head


def _prover(prover: Prover) -> str:
    name = f"{prover.consumer} {prover.version}".strip()
    return f"{name} in {prover.worker_id}, {prover.events} events, {prover.failed} failed"


def judged(tally: Tally, replay: Replay, gate: StreamGate) -> Judgement:
    """The verdict, with the rules on refusals and on the consumer's word that the counts alone do not show."""
    judgement = judge(tally, gate.stream.policy.canary)
    reasons = (*judgement.reasons, *replay.said())
    if replay.proof is not None and replay.proof.unproved and judgement.verdict is not Verdict.FAIL:
        reasons = (replay.proof.unproved, *reasons)
        judgement = msgspec.structs.replace(judgement, verdict=Verdict.INCONCLUSIVE)
    judgement = msgspec.structs.replace(judgement, reasons=reasons)
    looked_at = tally.drifted + replay.refused
    if looked_at and replay.refused > REFUSED_LIMIT * looked_at:
        why = f"the adapter refuses {replay.refused} of {looked_at} drifted events"
        return msgspec.structs.replace(judgement, verdict=Verdict.FAIL, reasons=(why, *judgement.reasons))
    if replay.refused:
        more = f"{replay.refused} of {looked_at} drifted events cannot be healed and stay in quarantine"
        return msgspec.structs.replace(judgement, reasons=(*judgement.reasons, more))
    return judgement
