"""Whatever a caller sends, a converter gives a value that the core takes, or raises the one error with fields."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from cta.v1 import adapter_pb2, canary_task_pb2, event_service_pb2, run_pb2, source_pb2, stream_pb2
from cta_core.adapter.compile import check_program
from cta_core.errors import InvalidInput
from cta_core.stream import Policy
from cta_server.rpc.convert import event
from cta_server.rpc.convert.adapter import checked_program
from cta_server.rpc.convert.offer import answers_of, offer_of
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.run import run_of
from cta_server.rpc.convert.source import fault_of, source_of
from cta_server.rpc.convert.stream import stream_of
from helpers.messages import messages


def taken(problems: Problems) -> bool:
    """Whether the request is taken; a refusal names at least one field, each with a remedy."""
    if not problems.count:
        return True
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert len(raised.value.violations) == problems.count
    assert all(violation.field and violation.remedy for violation in raised.value.violations)
    return False


@settings(max_examples=60)
@given(message=messages(adapter_pb2.Program.DESCRIPTOR))
def test_any_program_is_valid_or_refused(message: Any) -> None:
    """What is taken passes the core's own check."""
    problems = Problems()
    program = checked_program(message, "program", problems)
    if taken(problems):
        check_program(program)


@settings(max_examples=60)
@given(message=messages(stream_pb2.Stream.DESCRIPTOR))
def test_any_stream_is_valid_or_refused(message: Any) -> None:
    """What is taken has a policy without problems, and can be stored."""
    problems = Problems()
    stream = stream_of(message, Policy(), problems)
    if taken(problems):
        assert not list(stream.policy.problems())
        msgspec.json.encode(stream)


@settings(max_examples=60)
@given(message=messages(event_service_pb2.ProcessEventsRequest.DESCRIPTOR))
def test_any_batch_is_valid_or_refused(message: Any) -> None:
    """What is taken has the bytes of every event, in one of the two forms."""
    problems = Problems()
    batch = event.batch_of(message, problems)
    if taken(problems):
        assert len(batch) == max(len(message.events), len(message.bodies))
        assert all(type(item.raw) is bytes and item.event_time >= 0 for item in batch)


@settings(max_examples=60)
@given(message=messages(event_service_pb2.ReportFailuresRequest.DESCRIPTOR))
def test_any_report_of_failures_is_valid_or_refused(message: Any) -> None:
    """What is taken has a stage and an error for every event."""
    problems = Problems()
    failures = event.failures_of(message, problems)
    if taken(problems):
        assert len(failures) == len(message.failures)
        assert all(failure.stage and failure.error_type for failure in failures)


@settings(max_examples=60)
@given(message=messages(run_pb2.Run.DESCRIPTOR))
def test_any_run_is_valid_or_refused(message: Any) -> None:
    """What is taken has sound counts and times, and can be stored."""
    problems = Problems()
    run = run_of(message, "", problems)
    if taken(problems):
        assert 0 <= run.failed_count <= run.event_count
        assert len(run.trace) == len(message.trace)
        msgspec.json.encode(run)


@settings(max_examples=60)
@given(source=messages(source_pb2.Source.DESCRIPTOR), fault=messages(source_pb2.Fault.DESCRIPTOR))
def test_any_source_and_fault_is_valid_or_refused(source: Any, fault: Any) -> None:
    """What is taken is a spec; a fault's share lies between 0 and 1 and its parameters are JSON."""
    problems = Problems()
    source_of(source, problems)
    taken(problems)
    problems = Problems()
    spec = fault_of(fault, problems)
    if taken(problems):
        assert 0 <= spec.share <= 1
        msgspec.json.encode(spec.parameters)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_numbers_that_are_none_are_refused_like_any_other(number: float) -> None:
    """NaN is in no range."""
    problems = Problems()
    problems.number("share", number, least=0, most=1)
    assert not taken(problems)


@settings(max_examples=60)
@given(
    offer=messages(canary_task_pb2.CanaryOffer.DESCRIPTOR), answers=messages(canary_task_pb2.CanaryAnswers.DESCRIPTOR)
)
def test_any_word_of_a_worker_is_valid_or_refused(offer: Any, answers: Any) -> None:
    """What is taken of an offer names a worker and bounds its tasks; of answers, each has an outcome and a time."""
    problems = Problems()
    taken_offer = offer_of(offer, problems)
    if taken(problems):
        assert taken_offer.stream_id
        assert taken_offer.worker_id
        assert taken_offer.consumer
        assert 1 <= taken_offer.capacity <= 500
    problems = Problems()
    found = answers_of(answers, problems)
    if taken(problems):
        assert [index for index, _ in found] == [each.index for each in answers.answers]
        assert all(0 <= answer.latency_ms < 1e7 for _, answer in found)
