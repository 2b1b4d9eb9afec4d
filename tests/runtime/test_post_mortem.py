"""The analysis of failed runs of the server's own stages, and its proof by running them again."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from cta_core.diagnosis.report import Decision, Report, RerunResult
from cta_core.privacy.mask import Mask, Method
from cta_core.run import Run, RunOrigin, TraceKind
from cta_core.stream import Autonomy, Policy, Stream
from cta_server.runtime.batch import Incoming
from cta_server.runtime.runs import BURST, Allowance
from cta_server.runtime.runtime import Runtime
from cta_server.runtime.stages.spec import ConsumerSpec, StageSpec
from helpers.loop import running

PIPELINE = ConsumerSpec(
    name="pipeline",
    stages=tuple(
        StageSpec(name=name, call=f"helpers.pipeline_stages:{name.lower()}") for name in ("Parse", "Check", "Book")
    ),
)


_numbers = itertools.count()


class Pipeline:
    """A stream with that consumer, and the folder that says how its stages behave."""

    def __init__(self, runtime: Runtime, folder: Path, stream_id: str) -> None:
        self.runtime, self.folder, self.stream_id = runtime, folder, stream_id

    def behave(self, *how: str) -> None:
        """From now on the stages do this."""
        for name in ("renamed", "strict", "lenient"):
            (self.folder / name).unlink(missing_ok=True)
        for name in how:
            (self.folder / name).touch()

    async def send(self, count: int = 30, seed: int = 0) -> Run:
        """Drives events through the stages and returns their run."""
        chance = random.Random(seed)
        events = [
            json.dumps(
                {"id": f"p{seed}{n:03d}", "amount": round(chance.lognormvariate(4, 0.6), 2), "folder": str(self.folder)}
            )
            for n in range(count)
        ]
        incoming = [Incoming(event.encode(), f"{seed}-{n}") for n, event in enumerate(events)]
        batch = await self.runtime.intake.process(self.stream_id, incoming, run_stages=True)
        storage = self.runtime.storage
        run = await storage.archived(storage.archive.get_run, batch.run_id)
        assert run is not None
        return run

    async def analyzed(self, run: Run) -> Report:
        """The report on a run."""
        return (await self.runtime.post_mortem.analyze(run)).report


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runtime]:
    """One for all tests; each has a stream of its own."""
    async with running(tmp_path_factory.mktemp("store"), consumer=PIPELINE) as runtime:
        yield runtime


@pytest_asyncio.fixture(loop_scope="module")
async def pipeline(runtime: Runtime, tmp_path: Path) -> Pipeline:
    """One that had a healthy run."""
    stream_id = f"s{next(_numbers)}"
    await runtime.streams.create(
        Stream(stream_id=stream_id, consumer="pipeline", policy=Policy(autonomy=Autonomy.OBSERVE))
    )
    made = Pipeline(runtime, tmp_path, stream_id)
    healthy = await made.send()
    assert (healthy.failed_count, healthy.origin, healthy.recorded_count) == (0, RunOrigin.STAGES, 20)
    return made


own_loop = pytest.mark.asyncio(loop_scope="module")


@own_loop
async def test_the_adapter_is_proved_by_the_stages_after_the_primary_one(pipeline: Pipeline) -> None:
    """The stage that changed is named, not the one that raised; with its output healed the rest passes."""
    pipeline.behave("renamed")
    run = await pipeline.send(seed=1)
    assert run.failed_count == 30
    report = await pipeline.analyzed(run)
    assert (report.cause.stage, report.cause.path, report.decision) == ("Parse", "/amount", Decision.HEAL)
    assert report.rerun is not None
    assert (report.rerun.result, report.rerun.event_count, report.rerun.failed_count) == (RerunResult.CLEAN, 20, 0)
    assert report.rerun.why == "of 20 events run again 20 failed as they were and none with the adapter"


@own_loop
async def test_an_adapter_that_fails_again_is_not_offered(pipeline: Pipeline) -> None:
    """Where the stages raise on the healed output as well, the report asks a person and is not sure of itself."""
    pipeline.behave("renamed", "strict")
    report = await pipeline.analyzed(await pipeline.send(seed=1))
    assert report.cause.stage == "Parse"
    assert report.rerun is not None
    assert (report.rerun.result, report.rerun.failed_count) == (RerunResult.FAILED, 20)
    assert (report.decision, report.confidence <= 0.5) == (Decision.ESCALATE, True)
    assert "20 failed as they were and 20 with the adapter" in report.question


@own_loop
async def test_a_failure_that_does_not_repeat_proves_nothing(pipeline: Pipeline) -> None:
    """Where the events pass as they were, that they pass when healed is no proof."""
    pipeline.behave("renamed")
    run = await pipeline.send(seed=1)
    pipeline.behave("renamed", "lenient")
    report = await pipeline.analyzed(run)
    assert report.rerun is not None
    assert report.rerun.result is RerunResult.NOT_RERUN
    assert "does not repeat" in report.rerun.why


@own_loop
async def test_few_failed_events_of_each_run_are_enough_together(pipeline: Pipeline) -> None:
    """Runs that failed in the same way join where one alone shows too little."""
    pipeline.behave("renamed")
    runs = [await pipeline.send(1, seed) for seed in range(1, 13)]
    report = await pipeline.analyzed(runs[-1])
    assert (report.cause.stage, report.decision) == ("Parse", Decision.HEAL)
    assert report.rerun is not None
    assert (report.rerun.result, report.rerun.event_count) == (RerunResult.CLEAN, 12)


@own_loop
async def test_what_is_not_the_servers_own_is_not_run_again(pipeline: Pipeline) -> None:
    """A run that was recorded from outside names the same cause and says why it has no proof."""
    pipeline.behave("renamed")
    run = msgspec.structs.replace(await pipeline.send(seed=1), origin=RunOrigin.RECORDED)
    report = await pipeline.analyzed(run)
    assert report.rerun is not None
    assert (report.decision, report.rerun.result) == (Decision.HEAL, RerunResult.NOT_RERUN)
    assert report.rerun.why == "the stages of this run are not the server's own"


@own_loop
async def test_a_trace_holds_what_the_stages_took_and_gave(pipeline: Pipeline) -> None:
    """Of a failed event: the first stage's input, each output before the failure, and what the failing stage took."""
    pipeline.behave("renamed")
    run = await pipeline.send(1, seed=3)
    parse, check, error = [entry for entry in run.trace if entry.event_id]
    assert json.loads(parse.input_json)["id"] == "p3000"
    assert list(json.loads(parse.output_json)) == ["id", "amt", "folder"]
    assert (check.input_json, json.loads(check.output_json)["checked"]) == ("", True)
    assert (error.kind, error.stage, error.input_json) == (TraceKind.ERROR, "Book", check.output_json)
    assert [entry.message for entry in run.trace if not entry.event_id] == ["1 event", "1 event", "1 event, 1 failed"]


@own_loop
async def test_masked_streams_keep_no_values_and_are_not_run_again(pipeline: Pipeline) -> None:
    """On a stream with masks the trace holds copies only, and the report says that they cannot be run."""
    runtime = pipeline.runtime
    masks = (Mask(path="/amount", method=Method.DROP),)
    await runtime.streams.create(
        Stream(stream_id="m", consumer="pipeline", policy=Policy(autonomy=Autonomy.OBSERVE), masks=masks)
    )
    masked = Pipeline(runtime, pipeline.folder, "m")
    await masked.send()
    masked.behave("renamed")
    run = await masked.send(seed=1)
    given = [json.loads(text) for entry in run.trace for text in (entry.input_json, entry.output_json) if text]
    assert given
    assert not any("amount" in each for each in given)
    # The name that Parse gives it now is one that no contract knows.
    assert any(each.get("amt") not in (None, "") for each in given)
    report = await masked.analyzed(run)
    assert report.rerun is not None
    assert report.rerun.result is RerunResult.NOT_RERUN
    assert "masks" in report.rerun.why


@own_loop
async def test_a_fast_stream_records_a_few_of_its_runs(pipeline: Pipeline) -> None:
    """After a burst most runs hold no outputs; an analysis looks further back for those that do."""
    runs: Sequence[Run] = [await pipeline.send(20, seed) for seed in range(10, 40)]
    assert [run.recorded_count for run in runs[:5]] == [20] * 5
    assert all(run.recorded_count < 10 for run in runs[-5:])
    pipeline.behave("renamed")
    report = await pipeline.analyzed(await pipeline.send(seed=1))
    assert (report.cause.stage, report.decision) == ("Parse", Decision.HEAL)


def test_the_allowance_comes_back_with_time() -> None:
    """A burst, then two a second; each stream has its own; a clock that goes back gives nothing."""
    allowance = Allowance()
    assert sum(allowance.take("a", 30, 100.0) for _ in range(100)) == BURST
    assert allowance.take("b", 30, 100.0) == 30
    assert allowance.take("a", 30, 50.0) == 0
    assert [allowance.take("a", 30, now) for now in (100.4, 101.0, 111.0)] == [0, 2, 20]
    allowance.forget("a")
    assert allowance.take("a", 1, 111.0) == 1
