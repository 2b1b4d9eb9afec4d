"""The log: one line per event, JSON for machines, ids bound for a call."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from cta_server import log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = handlers, level


def test_a_line_is_one_json_object_with_the_bound_ids() -> None:
    """What is bound for a call stands in each of its lines, beside time and level."""
    out = io.StringIO()
    log.configure(stream=out)
    with structlog.contextvars.bound_contextvars(rpc="EventService/ProcessEvents"):
        structlog.get_logger("x").info("call", code="OK")
    line = json.loads(out.getvalue())
    assert (line["event"], line["code"], line["rpc"], line["level"]) == (
        "call",
        "OK",
        "EventService/ProcessEvents",
        "info",
    )
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written() -> None:
    """A quiet log has warnings and what is worse."""
    out = io.StringIO()
    log.configure("warning", stream=out)
    logger = structlog.get_logger("x")
    logger.info("no")
    logger.warning("yes")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["yes"]


def test_what_libraries_log_comes_out_in_the_same_form() -> None:
    """A warning of the standard library's logging is a JSON line as well, with its logger's name."""
    out = io.StringIO()
    log.configure(stream=out)
    logging.getLogger("grpc").warning("a %s", "thing")
    line = json.loads(out.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("a thing", "grpc", "warning")


def test_text_is_for_people() -> None:
    """The readable form is no JSON and has the event's name."""
    out = io.StringIO()
    log.configure(form="text", stream=out)
    structlog.get_logger("x").info("served", port=1)
    assert "served" in out.getvalue()
    assert "port=1" in out.getvalue()
    assert not out.getvalue().lstrip().startswith("{")


def test_an_exception_is_part_of_its_line() -> None:
    """A traceback does not break the lines."""
    out = io.StringIO()
    log.configure(stream=out)
    try:
        int("why")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = out.getvalue().splitlines()
    assert "why" in json.dumps(json.loads(line)["exception"])


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_has_no_values_of_variables(form: str) -> None:
    """Payloads that a failing function held do not enter the log."""
    out = io.StringIO()
    log.configure(form=form, stream=out)

    def fails(payload: str) -> None:
        int(payload[:0])

    secret = f"card {4000}"  # not written out: a traceback shows the lines of the source
    try:
        fails(secret)
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert "fails" in out.getvalue()
    assert "card 4000" not in out.getvalue()
