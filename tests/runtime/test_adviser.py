"""The adviser against a real HTTP endpoint: what it sends, what it takes, and that no failure changes anything."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from cta_core.incident import State
from cta_server.config import AdviserSettings, load
from cta_server.runtime.adviser import MAX_REPLY, SAMPLES, Adviser
from cta_server.runtime.runtime import Runtime
from cta_server.runtime.storage import Storage
from cta_server.store.archive import open_archive
from cta_server.store.journal import open_journal
from helpers.loop import PAYMENTS, delivered, incident_in, send, stream
from helpers.payments import expected, payment, raw

KEY = "sk-very-secret"
QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "?"}], "response_format": {"type": "json_schema"}}
NO_ADVICE = '{"programs":[]}'


class Endpoint:
    """A chat completion endpoint that says what a test lets it say, and keeps what it was sent."""

    def __init__(self, reply: Callable[[int], tuple[int, bytes]]) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        lock, asked = threading.Lock(), self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
                    number = len(asked)
                status, said = reply(number)
                with contextlib.suppress(OSError):  # the adviser may have hung up
                    self.send_response(status)
                    if status == 307:
                        self.send_header("location", "/elsewhere")
                    self.send_header("content-length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self, **given: Any) -> AdviserSettings:
        """Settings that name this endpoint."""
        return AdviserSettings(url=self.url, model="small", **given)


def said(content: str) -> bytes:
    return json.dumps(
        {"id": "c1", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}
    ).encode()


@pytest.fixture
def asking() -> Iterator[Callable[[AdviserSettings], Adviser]]:
    """Makes advisers, closed at the end."""
    made: list[Adviser] = []

    def make(settings: AdviserSettings) -> Adviser:
        made.append(Adviser(settings))
        return made[-1]

    yield make
    for adviser in made:
        adviser.close()


Asking = Callable[[AdviserSettings], Adviser]


async def test_it_asks_the_named_model_three_times_and_hands_back_all_answers(asking: Asking) -> None:
    """Every request carries the model, temperature 0, the form of the answer and the key; the texts come back."""
    with Endpoint(lambda _: (200, said(NO_ADVICE))) as endpoint:
        assert await asking(endpoint.settings(key=KEY)).ask(QUESTION) == (NO_ADVICE,) * SAMPLES
    assert len(endpoint.asked) == SAMPLES
    for path, headers, body in endpoint.asked:
        assert (path, headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
        assert {**body, **QUESTION} == body
        assert (body["model"], body["temperature"]) == ("small", 0)


@pytest.mark.parametrize(
    "reply",
    [
        (500, b"{}"),
        (401, b'{"error":"no"}'),
        (307, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b'{"choices":[]}'),
        (200, b'{"choices":[{"message":{"content":null}}]}'),
        (200, b"[" * 100_000),
        (200, said("x" * MAX_REPLY)),
    ],
    ids=["broken", "refused", "redirected", "empty", "html", "no choice", "no text", "deep", "too long"],
)
async def test_a_reply_that_is_no_answer_gives_none(asking: Asking, reply: tuple[int, bytes]) -> None:
    """Errors, redirects, junk and floods are no advice; nothing is raised and no redirect is followed."""
    with Endpoint(lambda number: reply if number == 2 else (200, said(NO_ADVICE))) as endpoint:
        assert await asking(endpoint.settings()).ask(QUESTION) == ()
    assert {path for path, _, _ in endpoint.asked} == {"/v1/chat/completions"}


async def test_a_slow_or_absent_endpoint_gives_none(asking: Asking) -> None:
    """The wait ends with the configured time, and where nobody listens at once."""
    released = threading.Event()

    def reply(_: int) -> tuple[int, bytes]:
        released.wait()
        return 200, said(NO_ADVICE)

    with Endpoint(reply) as endpoint:
        # Would the adviser wait for the reply, the test would never end.
        assert await asking(endpoint.settings(timeout_seconds=0.1)).ask(QUESTION) == ()
        released.set()
    assert await asking(endpoint.settings()).ask(QUESTION) == ()


@contextlib.asynccontextmanager
async def advised(folder: Path, settings: AdviserSettings) -> Any:
    """A runtime with an adviser."""
    storage = Storage(open_journal(folder / "journal.db"), open_archive(folder / "archive.db"))
    runtime = Runtime(
        storage=storage,
        consumers={"payments": PAYMENTS},
        sources_folder=None,
        clock=time.time,
        adviser=Adviser(settings),
    )
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


BODY = [name for name in payment(0) if name != "id"]
OPENED = json.dumps(
    {
        "programs": [
            {
                "steps": [
                    {"kind": "parse", "path": "/body"},
                    {"kind": "parse", "path": "/body"},
                    *({"kind": "move", "source": f"/body/{name}", "target": f"/{name}"} for name in BODY),
                ]
            }
        ]
    }
)


def packed(count: int) -> list[bytes]:
    """Payments whose fields arrive as JSON text inside JSON text."""
    events = [payment(number) for number in range(10_000, 10_000 + count)]
    return [
        raw({"id": event["id"], "body": json.dumps(json.dumps({name: event[name] for name in BODY}))})
        for event in events
    ]


async def test_advice_that_the_evidence_carries_heals_by_way_of_the_canary(tmp_path: Path) -> None:
    """An incident that would go to a person is healed by an advised adapter, proved and tried like any other."""
    with Endpoint(lambda _: (200, said(OPENED))) as endpoint:
        async with advised(tmp_path, endpoint.settings()) as runtime:
            await stream(runtime, analysis_wait_seconds=0)
            await send(runtime, packed(400))
            incident = await incident_in(runtime, State.RESOLVED)
            assert (incident.method, bool(incident.canary_id)) == ("LLM", True)
            right = expected(400)
            got = [{name: event[name] for name in right[0]} for event in await delivered(runtime)]
            assert got == right
    assert "p10042" not in json.dumps([body for _, _, body in endpoint.asked])


@pytest.mark.parametrize("fault", ["disagrees", "broken"])
async def test_without_advice_the_incident_goes_to_a_person(tmp_path: Path, fault: str) -> None:
    """Answers that differ, and an endpoint that fails, leave the incident as it would be without a model."""

    def reply(number: int) -> tuple[int, bytes]:
        if fault == "broken":
            return 503, b""
        return 200, said(NO_ADVICE if number % 3 == 0 else OPENED)

    with Endpoint(reply) as endpoint:
        async with advised(tmp_path, endpoint.settings()) as runtime:
            await stream(runtime, analysis_wait_seconds=0)
            await send(runtime, packed(400))
            incident = await incident_in(runtime, State.ESCALATED)
            assert (incident.method, incident.adapter_id) == ("HEURISTIC", "")
    assert endpoint.asked


async def test_the_model_is_not_asked_about_what_the_search_decides(tmp_path: Path) -> None:
    """A plain rename is healed without a question to anybody."""
    events = [payment(number) for number in range(10_000, 10_400)]
    with Endpoint(lambda _: (200, said(OPENED))) as endpoint:
        async with advised(tmp_path, endpoint.settings()) as runtime:
            await stream(runtime)
            await send(
                runtime, [raw({("amt" if key == "amount" else key): each[key] for key in each}) for each in events]
            )
            await incident_in(runtime, State.RESOLVED)
    assert endpoint.asked == []


def test_the_key_is_never_shown() -> None:
    """The configuration says that a key is set, and not which."""
    flags = {"adviser.url": "http://127.0.0.1:1/v1", "adviser.model": "small", "adviser.key": KEY}
    shown = {key: value for key, value, _ in load(flags=flags).entries()}
    assert shown["adviser.key"] == "(set)"
    assert KEY not in str(shown)
