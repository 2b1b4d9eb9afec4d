"""The pool of consumer stages: whatever a stage does is a failure of one event, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cta_core.errors import InvalidInput
from cta_server.runtime.errors import Unavailable
from cta_server.runtime.stages import ChainResult, ConsumerSpec, StagePool, StageSpec

SAME = StageSpec(name="First", call="helpers.stage_zoo:same")
ACT = StageSpec(name="Act", call="helpers.stage_zoo:act")
NOTE = StageSpec(name="Note", call="helpers.stage_zoo:note")
LAST = StageSpec(name="Last", call="helpers.stage_zoo:same")


def consumer(*stages: StageSpec, **settings: Any) -> ConsumerSpec:
    """A consumer of stages out of the zoo."""
    return ConsumerSpec(name="zoo", stages=stages or (SAME, ACT, LAST), **settings)


@contextlib.asynccontextmanager
async def running(spec: ConsumerSpec) -> AsyncIterator[StagePool]:
    """A started pool with one consumer."""
    pool = StagePool({spec.name: spec})
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def encoded(events: Sequence[Any]) -> list[bytes]:
    """Events as bytes."""
    return [msgspec.json.encode(event) for event in events]


async def run(pool: StagePool, *events: Any, timeout_ms: float = 5000) -> ChainResult:
    """Run events through the zoo."""
    return await pool.run("zoo", encoded(events), timeout_ms=timeout_ms)


async def test_events_go_through_all_stages_in_order() -> None:
    """Every event's output is what its stages made of it, in the order of the events."""
    async with running(consumer()) as pool:
        events = [{"n": n, "deep": [{"x": None}, 1.5, True]} for n in range(1200)]
        result = await run(pool, *events)
    assert [msgspec.json.decode(outcome.output) for outcome in result.outcomes] == events
    assert all(o.ok and o.stage == o.error_type == o.message == "" for o in result.outcomes)
    assert all(len(o.stage_ms) == 3 and o.latency_ms >= sum(o.stage_ms) > 0 for o in result.outcomes)


@pytest.mark.parametrize(
    ("do", "error_type", "words"),
    [
        ("raise", "ValueError", "as told"),
        ("bad_words", "_bad_words.<locals>.WordlessError", "__str__ failed"),
        ("exit_kindly", "SystemExit", "done"),
        ("decimal", "StageOutputNotJson", "a Decimal"),
        ("date", "StageOutputNotJson", "a date"),
        ("tuple", "StageOutputNotJson", "a tuple"),
        ("set", "StageOutputNotJson", "a set"),
        ("bytes", "StageOutputNotJson", "a bytes"),
        ("nan", "StageOutputNotJson", "not finite"),
        ("infinity", "StageOutputNotJson", "not finite"),
        ("number_key", "StageOutputNotJson", "key"),
        ("hang_python", "StageTimeLimit", "longer than 300 ms"),
        ("swallow_once", "StageTimeLimit", "longer than 300 ms"),
        ("cycle", "StageTimeLimit", "longer than 300 ms"),
    ],
)
async def test_a_failure_is_one_events(do: str, error_type: str, words: str) -> None:
    """What a stage raises, returns or never returns fails that event at that stage; its neighbours pass, and no
    process dies.
    """
    async with running(consumer(memory_mib=256)) as pool:
        result = await run(pool, {"n": 1}, {"do": do}, {"n": 2}, timeout_ms=300)
    before, failed, after = result.outcomes
    assert before.ok
    assert after.ok
    assert (failed.ok, failed.stage, failed.error_type, failed.output) == (False, "Act", error_type, b"")
    assert words in failed.message
    assert len(failed.stage_ms) == 2
    assert result.restarts == 0


@pytest.mark.parametrize("do", ["deep", "half_surrogate", "huge"])
async def test_what_cannot_be_written_fails_at_the_last_stage(do: str) -> None:
    """A value that JSON text cannot carry, or too much of it, is a failure of the stage that returned it last."""
    async with running(consumer(SAME, ACT)) as pool:
        result = await run(pool, {"n": 1}, {"do": do}, {"n": 2})
    assert [outcome.ok for outcome in result.outcomes] == [True, False, True]
    assert (result.outcomes[1].stage, result.outcomes[1].error_type) == ("Act", "StageOutputNotJson")
    assert result.restarts == 0


@pytest.mark.parametrize(
    ("do", "error_type", "words"),
    [
        ("exit", "StageCrashed", "exit code 3"),
        ("segfault", "StageCrashed", "SIGSEGV"),
        ("sigkill", "StageCrashed", "SIGKILL"),
        ("hang_in_c", "StageTimeLimit", "could not be interrupted"),
        ("hang_swallowing", "StageTimeLimit", "could not be interrupted"),
    ],
)
async def test_a_dead_worker_costs_one_event(tmp_path: Path, do: str, error_type: str, words: str) -> None:
    """A stage that takes its process down fails that one event; all others run, and none runs twice."""
    notes = tmp_path / "notes"
    events = [{"n": n, "file": str(notes), "do": do if n in (3, 7) else "nothing"} for n in range(10)]
    async with running(consumer(NOTE, ACT, LAST)) as pool:
        result = await run(pool, *events, timeout_ms=300)
    assert [n for n, outcome in enumerate(result.outcomes) if not outcome.ok] == [3, 7]
    for n in (3, 7):
        assert (result.outcomes[n].stage, result.outcomes[n].error_type) == ("Act", error_type)
        assert words in result.outcomes[n].message
    assert result.restarts == 2
    assert notes.read_text().split() == [str(n) for n in range(10)]


async def test_prints_do_not_break_the_frames() -> None:
    """Stages may print, in floods and in raw bytes, and read an empty standard input: outputs are unharmed."""
    async with running(consumer()) as pool:
        events = [{"do": "print"}, {"do": "flood"}, {"do": "read_input"}, {"n": 1}] * 5
        result = await run(pool, *events)
    assert result.failed == 0
    assert [msgspec.json.decode(o.output) for o in result.outcomes[:4]] == [events[0], events[1], "", events[3]]


async def test_null_and_big_numbers_are_json() -> None:
    """Null and integers of any size are outputs like any other."""
    async with running(consumer(SAME, ACT)) as pool:
        result = await run(pool, {"do": "null"}, {"do": "big_number"})
    assert [outcome.output for outcome in result.outcomes] == [b"null", b'{"n":1180591620717411303424}']


async def test_unreadable_events_fail_alone() -> None:
    """An event that is not a JSON object fails at the first stage without reaching it."""
    async with running(consumer()) as pool:
        result = await pool.run("zoo", [b"{}", b"{", b"[1]", b"\xff", b"{}"], timeout_ms=1000)
    assert [outcome.ok for outcome in result.outcomes] == [True, False, False, False, True]
    assert {(o.stage, o.error_type) for o in result.outcomes[1:4]} == {("First", "EventNotRead")}


async def test_messages_are_short() -> None:
    """An error's message is cut to 300 characters and never breaks the answer."""
    async with running(consumer()) as pool:
        result = await run(pool, {"do": "raise", "words": "é" * 10_000})
    assert result.outcomes[0].message == "é" * 300


async def test_large_outputs_come_in_several_parts() -> None:
    """Outputs that do not fit the shared memory together still all come back."""
    events = [{"n": n, "text": "x" * 3_000_000} for n in range(12)]
    async with running(consumer(SAME)) as pool:
        result = await run(pool, *events)
    assert [msgspec.json.decode(outcome.output)["n"] for outcome in result.outcomes] == list(range(12))


async def test_a_worker_that_dies_idle_is_replaced() -> None:
    """When the process is killed between two batches, the next batch runs in a new one and nobody is blamed."""
    async with running(consumer(SAME, ACT)) as pool:
        first = await run(pool, {"do": "pid"})
        os.kill(int(first.outcomes[0].output), signal.SIGKILL)
        second = await run(pool, {"do": "pid"}, {"n": 1})
    assert second.failed == 0
    assert first.outcomes[0].output != second.outcomes[0].output


async def test_a_worker_ignores_polite_signals() -> None:
    """SIGINT and SIGTERM are for the server: a worker answers on."""
    async with running(consumer(SAME, ACT)) as pool:
        first = await run(pool, {"do": "pid"})
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(int(first.outcomes[0].output), name)
        second = await run(pool, {"do": "pid"})
    assert first.outcomes[0].output == second.outcomes[0].output


async def test_what_a_stage_started_ends_with_it(tmp_path: Path) -> None:
    """A program that a hanging stage started is ended together with the worker."""
    pids = tmp_path / "pid"
    async with running(consumer(SAME, ACT)) as pool:
        await run(pool, {"do": "child", "file": str(pids)}, {"do": "hang_in_c"}, timeout_ms=300)
    assert _gone(int(pids.read_text()))


async def test_a_hopeless_batch_is_given_up() -> None:
    """After twenty crashes in one batch the rest is failed untried, and the next batch runs as ever."""
    async with running(consumer(SAME, ACT)) as pool:
        result = await run(pool, *[{"do": "exit"}] * 25, {"n": 1})
        later = await run(pool, {"n": 2})
    assert [o.error_type for o in result.outcomes] == ["StageCrashed"] * 20 + ["StageNotRun"] * 6
    assert later.failed == 0


async def test_a_leaking_worker_is_replaced() -> None:
    """A stage that runs into the memory limit fails that event; the process ends and the next events run in a new
    one.
    """
    async with running(consumer(SAME, ACT, memory_mib=256)) as pool:
        before, failed, after, last = (await run(pool, {"do": "pid"}, {"do": "eat_memory"}, {"do": "pid"}, {})).outcomes
    assert (failed.stage, failed.error_type) == ("Act", "MemoryError")
    assert before.ok
    assert after.ok
    assert last.ok
    assert before.output != after.output


async def test_stages_do_not_see_the_servers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own variables, its token among them, are not in a worker's environment; others are."""
    monkeypatch.setenv("CTA_SERVER_TOKEN", "secret")
    monkeypatch.setenv("LEDGER_URL", "there")
    async with running(consumer(SAME, ACT)) as pool:
        result = await run(pool, {"do": "environment"})
    names = msgspec.json.decode(result.outcomes[0].output)
    assert "LEDGER_URL" in names
    assert not any(name.startswith("CTA_") for name in names)


async def test_nothing_runs_twice_whatever_kills_the_worker(tmp_path: Path) -> None:
    """Under kills from outside at any moment every event has one outcome, and none went through the stages twice."""
    notes = tmp_path / "notes"
    pids = tmp_path / "pids"
    events = [{"n": n, "file": str(notes), "pids": str(pids)} for n in range(30_000)]
    async with running(consumer(StageSpec(name="Pid", call="helpers.stage_zoo:tell_pid"), NOTE, LAST)) as pool:
        work = asyncio.create_task(run(pool, *events))
        for kill in range(8):
            while not work.done() and len(_words(pids)) <= kill:  # noqa: ASYNC110 - another process brings it about
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.0137 * kill)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(_words(pids)[-1]), signal.SIGKILL)
        result = await work
    noted = [int(word) for word in _words(notes)]
    assert len(noted) == len(set(noted))
    assert len(result.outcomes) == 30_000
    assert {n for n, outcome in enumerate(result.outcomes) if outcome.ok} <= set(noted)
    assert result.restarts >= 1
    assert result.failed <= result.restarts
    assert {o.error_type for o in result.outcomes if not o.ok} <= {"StageCrashed"}


async def test_a_killed_server_leaves_no_worker(tmp_path: Path) -> None:
    """When the server is killed with a stage in the middle of a hang, the kernel ends the worker too."""
    script = tmp_path / "server.py"
    script.write_text(_SERVER, encoding="utf-8")
    pids = tmp_path / "pids"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(pids),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    while not _words(pids):  # noqa: ASYNC110 - another process brings it about
        await asyncio.sleep(0.01)
    worker = int(_words(pids)[0])
    assert not _gone(worker)
    process.kill()
    await process.wait()
    while not _gone(worker):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_live_batch_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    """Concurrent calls take turns: a short batch is answered while a long one is still running."""
    notes = tmp_path / "notes"
    async with running(consumer(NOTE)) as pool:
        long = asyncio.create_task(run(pool, *[{"n": n, "file": str(notes)} for n in range(20_000)]))
        await asyncio.sleep(0)  # now the long one is in the queue
        short = await run(pool, {"n": -1, "file": str(notes)})
        assert not long.done()
        assert short.failed == 0
        result = await long
    assert result.failed == 0
    assert sorted(map(int, notes.read_text().split())) == list(range(-1, 20_000))


async def test_a_cancelled_call_leaves_the_lane_to_others() -> None:
    """A caller that goes away takes nothing with it: the others are served, and its events stop soon."""
    async with running(consumer()) as pool:
        gone = asyncio.create_task(run(pool, *[{"do": "hang_python"}] * 3, timeout_ms=200))
        await asyncio.sleep(0)
        kept = asyncio.create_task(run(pool, {"n": 1}))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await kept).failed == 0
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_the_event_loop_stays_free() -> None:
    """While a stage hangs in C code, other tasks of the server go on."""
    async with running(consumer()) as pool:
        hanging = asyncio.create_task(run(pool, {"do": "hang_in_c"}, timeout_ms=300))
        turns = 0
        while not hanging.done():
            await asyncio.sleep(0.005)
            turns += 1
    assert turns > 10


async def test_names_that_cannot_be_imported_are_all_reported() -> None:
    """A pool does not start with stages that are missing, no functions, or coroutines; the error names each of them."""
    spec = consumer(
        SAME,
        StageSpec(name="a", call="helpers.no_such_module:f"),
        StageSpec(name="b", call="helpers.stage_zoo:nothing_of_it"),
        StageSpec(name="c", call="helpers.stage_zoo:_ACTS"),
        StageSpec(name="d", call="helpers.stage_zoo:coroutine"),
    )
    with pytest.raises(InvalidInput) as caught:
        await StagePool({"zoo": spec}).start()
    assert [v.field for v in caught.value.violations] == [f"consumers.zoo.stages[{n}].call" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("line", ["import os; os._exit(4)", "raise RuntimeError('no')", "import sys; sys.exit()"])
async def test_a_module_that_fails_on_import_is_reported(tmp_path: Path, line: str) -> None:
    """Whatever a stage's module does while it is imported, the pool says which stage it was."""
    (tmp_path / "rude_stage.py").write_text(f"{line}\n", encoding="utf-8")
    spec = consumer(SAME, StageSpec(name="x", call="rude_stage:f"), path=(str(tmp_path),))
    with pytest.raises(InvalidInput) as caught:
        await StagePool({"zoo": spec}).start()
    assert [v.field for v in caught.value.violations] == ["consumers.zoo.stages[1].call"]


async def test_a_module_that_breaks_later_fails_its_events(tmp_path: Path) -> None:
    """When a restart finds the stage's module broken, the events fail with the reason, and a repaired module works
    again.
    """
    module = tmp_path / "edited_stage.py"
    good = "import os\ndef f(event):\n    return os._exit(1) if event.get('crash') else event\n"
    module.write_text(good, encoding="utf-8")
    async with running(consumer(StageSpec(name="x", call="edited_stage:f"), path=(str(tmp_path),))) as pool:
        module.write_text("raise RuntimeError('half written')\n", encoding="utf-8")
        broken = await run(pool, {"crash": True}, {"n": 1}, {"n": 2})
        module.write_text(good + "# repaired\n", encoding="utf-8")
        repaired = await run(pool, {"n": 3})
    assert [o.error_type for o in broken.outcomes] == ["StageCrashed", "StageNotLoaded", "StageNotLoaded"]
    assert "half written" in broken.outcomes[1].message
    assert repaired.failed == 0


@pytest.mark.parametrize(
    "spec",
    [
        ConsumerSpec(name="zoo", stages=()),
        ConsumerSpec(name="zoo", stages=(SAME, SAME)),
        ConsumerSpec(name="zoo", stages=(StageSpec(name="", call="a:b"),)),
        ConsumerSpec(name="zoo", stages=(StageSpec(name="a", call="os.system"),)),
        ConsumerSpec(name="zoo", stages=(StageSpec(name="a", call="a b:c"),)),
        ConsumerSpec(name="zoo", stages=(SAME,), memory_mib=1),
    ],
)
async def test_a_consumer_that_cannot_be_is_refused(spec: ConsumerSpec) -> None:
    """A configuration that makes no sense is refused before any process starts."""
    with pytest.raises(InvalidInput):
        await StagePool({"zoo": spec}).start()


async def test_unknown_consumers_and_closed_pools() -> None:
    """An unknown consumer is the caller's error, a closed pool a reason to retry, and no event is no work."""
    async with running(consumer()) as pool:
        assert (await run(pool)).outcomes == ()
        with pytest.raises(InvalidInput):
            await pool.run("other", [b"{}"], timeout_ms=1000)
        assert (await run(pool, {"n": 1}, timeout_ms=0)).outcomes
        waiting = asyncio.create_task(run(pool, {"do": "hang_python"}, {"n": 1}))
        await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await run(pool, {"n": 1})


async def test_closing_leaves_no_process() -> None:
    """After close the worker is gone."""
    async with running(consumer(SAME, ACT)) as pool:
        result = await run(pool, {"do": "pid"})
    assert _gone(int(result.outcomes[0].output))


_SERVER = """
import asyncio, json, sys
from cta_server.runtime.stages import ConsumerSpec, StagePool, StageSpec

async def main():
    stages = tuple(
        StageSpec(name=name, call="helpers.stage_zoo:" + name) for name in ("tell_pid", "act")
    )
    pool = StagePool({"zoo": ConsumerSpec(name="zoo", stages=stages)})
    await pool.start()
    event = {"pids": sys.argv[1], "do": "hang_in_c"}
    await pool.run("zoo", [json.dumps(event).encode()], timeout_ms=60_000)

asyncio.run(main())
"""


def _words(file: Path) -> list[str]:
    """The words in a file that may not be there yet."""
    return file.read_text().split() if file.exists() else []


def _gone(pid: int) -> bool:
    """Whether there is no such process, or only its remains that nobody has collected yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
