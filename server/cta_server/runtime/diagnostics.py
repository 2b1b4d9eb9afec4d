"""What the analysis process runs: the core's pure functions on events as bytes. Imported there and by the analyst only.

A baseline is decoded once and kept while the same one is asked for: an incident asks for its fingerprint, its report
and the parity of its canary within milliseconds.
"""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from cta_core import diagnosis, drift, signature
from cta_core.adapter.program import Program
from cta_core.contract import Contract, compile_contract
from cta_core.diagnosis import advice, stages
from cta_core.diagnosis.advised import consider
from cta_core.diagnosis.recall import MAX_TRIED, recall
from cta_core.diagnosis.report import Report
from cta_core.errors import EventRefused, InvalidInput
from cta_core.event import decode
from cta_core.path import parse
from cta_core.profile import Profile
from cta_core.run import TraceEvent
from cta_server.runtime.meanings import meaning_of

Events = list[dict[str, Any]]

FINGERPRINT_SAMPLE: Final = 128
"""Drifted events that a fingerprint is taken from: what one in twenty shows is then in it with near certainty, and more
events only cost (0.05 ms each)."""

_programs: Final = msgspec.json.Decoder(list[Program])

BASELINES: Final = 32
"""Decoded baselines kept. Of 400 events each takes about a megabyte."""


def follow_parent() -> None:
    """Ends this process as soon as the server is gone, however it went: a killed server leaves nothing behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), name="follow-parent", daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(0)


def warm(word_vectors: str = "") -> bool:
    """Loads everything that an analysis needs, so that the first one is as fast as the next."""
    meaning_of(word_vectors)
    healthy = [b'{"a":%d,"b":"x%d","c":%d.5}' % (i, i % 7, i % 40) for i in range(60)]
    drifted = [b'{"aa":%d,"b":"x%d","c":%d.5}' % (i, i % 7, i % 40) for i in range(60, 120)]
    diagnose(healthy, drifted, b"", b"[]")
    # What is loaded now stays; looking through it for garbage would stop an analysis for tens of milliseconds.
    gc.collect()
    gc.freeze()
    return True


def prepare(baseline: Sequence[bytes]) -> bool:
    """Gets a baseline ready before anybody is in a hurry."""
    _profile(tuple(baseline))
    _baseline(tuple(baseline)).prepare()
    return True


def look(baseline: Sequence[bytes], drifted: Sequence[bytes], schema: bytes, word_vectors: str = "") -> bytes:
    """What the drifted events look like, as JSON; `word_vectors` is the folder of a model of meanings, or empty."""
    sample = _usable(spread(drifted, FINGERPRINT_SAMPLE))
    meaning = meaning_of(word_vectors)
    return msgspec.json.encode(signature.look(_profile(tuple(baseline)), sample, _contract(schema), meaning))


def diagnose(
    baseline: Sequence[bytes], drifted: Sequence[bytes], schema: bytes, hints: bytes, alike: bytes = b"[]"
) -> tuple[bytes, float]:
    """The report as JSON, and the milliseconds it took."""
    begun = time.perf_counter()
    healthy, contract = _baseline(tuple(baseline)), _contract(schema)
    known, near = _programs.decode(hints), _programs.decode(alike)
    report: Report | None = None
    if (known or near) and healthy.events and drifted:
        # What is remembered is tried on a part of the events: the others need not even be read.
        report = recall(healthy, _usable(spread(drifted, MAX_TRIED)), contract, known, near, total=len(drifted))
    if report is None:
        report = diagnosis.diagnose(healthy, _usable(drifted), contract)
    return msgspec.json.encode(report), (time.perf_counter() - begun) * 1000


def question(baseline: Sequence[bytes], drifted: Sequence[bytes], schema: bytes, report: bytes) -> bytes:
    """What a language model is asked about an escalated report, as JSON: the messages, and the form of the answer."""
    messages = advice.question(
        _baseline(tuple(baseline)), _usable(drifted), _contract(schema), msgspec.json.decode(report, type=Report)
    )
    form = {"name": "programs", "schema": advice.answer_schema()}
    return msgspec.json.encode({"messages": messages, "response_format": {"type": "json_schema", "json_schema": form}})


def advised(
    baseline: Sequence[bytes], drifted: Sequence[bytes], schema: bytes, report: bytes, answers: Sequence[str]
) -> bytes:
    """The report as JSON, with what the model's answers are worth."""
    contract, before = _contract(schema), msgspec.json.decode(report, type=Report)
    programs = advice.agreed(answers, contract)
    return msgspec.json.encode(consider(_baseline(tuple(baseline)), _usable(drifted), contract, before, programs))


def analyze_run(healthy: bytes, failed: bytes) -> tuple[bytes, float]:
    """The report on the primary stage of a failed run as JSON, and the milliseconds it took; traces come as JSON."""
    begun = time.perf_counter()
    before = msgspec.json.decode(healthy, type=list[list[TraceEvent]])
    trace = msgspec.json.decode(failed, type=list[TraceEvent])
    report = stages.primary(stages.outputs(before, trace), trace)
    return msgspec.json.encode(report), (time.perf_counter() - begun) * 1000


def belongs(baseline: Sequence[bytes], healed: Sequence[bytes], paths: Sequence[str]) -> tuple[bool, str]:
    """Whether healed values belong to the healthy profile, and what was compared or differs."""
    # Only what the adapter wrote is compared, so only that is profiled.
    fields = {parse(path)[0] for path in paths if path}
    written = [{name: event[name] for name in fields if name in event} for event in _usable(healed)]
    return drift.values_belong(_profile(tuple(baseline)), written, tuple(paths))


def spread(events: Sequence[bytes], limit: int) -> list[bytes]:
    """At most `limit` of the events, evenly spread."""
    if len(events) <= limit:
        return list(events)
    return [events[i * len(events) // limit] for i in range(limit)]


@lru_cache(maxsize=BASELINES)
def _healthy(baseline: tuple[bytes, ...]) -> Events:
    events: Events = []
    for index, raw in enumerate(baseline):
        try:
            events.append(decode(raw))
        except EventRefused as error:
            raise InvalidInput.of(f"baseline[{index}]", error.reason) from None
    return events


@lru_cache(maxsize=BASELINES)
def _baseline(baseline: tuple[bytes, ...]) -> diagnosis.Baseline:
    return diagnosis.Baseline(_healthy(baseline))


@lru_cache(maxsize=BASELINES)
def _profile(baseline: tuple[bytes, ...]) -> Profile:
    return Profile.of(_healthy(baseline))


@lru_cache(maxsize=32)
def _contract(schema: bytes) -> Contract | None:
    return compile_contract(schema) if schema else None


def _usable(events: Sequence[bytes]) -> Events:
    """The events that can be read; the others are held anyway, and no adapter is for them."""
    usable: Events = []
    for raw in events:
        try:
            usable.append(decode(raw))
        except EventRefused:
            continue
    return usable
