"""The channel: which calls are retried, what is sent along, and what errors become."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from cta.v1.errors_pb2 import ErrorReason
from cta.v1.event_service_pb2 import ProcessEventsRequest
from cta.v1.stream_service_pb2 import GetStreamRequest
from cta_client import errors
from cta_client.channel import is_read, is_repeatable, method_rules, methods, reach
from cta_client.wire import with_request_id


def rule_of(name: str) -> dict[str, object] | None:
    """The service config's entry of one RPC."""
    return next((rule for rule in method_rules() if rule["name"][0]["method"] == name), None)


@pytest.mark.parametrize(
    ("typed", "tls", "address", "encrypted"),
    [
        ("host:1", False, "host:1", False),
        ("http://host:1", False, "host:1", False),
        ("http://host:1/", True, "host:1", True),
        ("HTTPS://host:1/", False, "host:1", True),
        ("dns:///host:1", False, "dns:///host:1", False),
    ],
)
def test_an_address_may_be_a_url(typed: str, tls: bool, address: str, encrypted: bool) -> None:
    """As other tools are given theirs; `https` is never reached in plain text, and gRPC's own schemes stay."""
    wire, endpoint = reach(typed, tls=tls, tls_ca=None, token="")
    assert (endpoint.address, wire.address, endpoint.encrypted) == (address, address, encrypted)


def test_only_what_may_be_sent_twice_is_retried() -> None:
    """A call is retried when it reads or carries a request id, and never otherwise."""
    for method in methods():
        rule = rule_of(method.name)
        if rule is not None:
            repeatable = method.name.startswith(("Get", "List", "Find", "Export")) or (
                "request_id" in method.input_type.fields_by_name
            )
            assert ("retryPolicy" in rule) == repeatable, method.name


def test_watches_have_no_time_and_no_retry() -> None:
    """A stream lives as long as it is read."""
    assert [method.name for method in methods() if method.server_streaming and rule_of(method.name)] == []


def test_every_unary_call_ends() -> None:
    """Each call with one answer has a time."""
    assert all("timeout" in rule for rule in method_rules())
    assert {method.name for method in methods() if not method.server_streaming} == {
        rule["name"][0]["method"] for rule in method_rules()
    }


def test_verbs_that_change_things_are_no_reads() -> None:
    """What changes the server is not taken for a read."""
    changing = {"ProcessEvents", "PromoteAdapter", "DeleteStream", "SetKillSwitch", "RedriveQuarantined", "StartSource"}
    found = {method.name: is_read(method) for method in methods()}
    assert not any(found[name] for name in changing)
    assert not is_repeatable(next(method for method in methods() if method.name == "DeleteStream"))


def test_a_request_id_is_made_when_none_is_given() -> None:
    """Two sendings of one message are two requests, each safe to retry; the caller's message stays as it is."""
    mine = ProcessEventsRequest(stream_id="payments")
    first, second = with_request_id(mine), with_request_id(mine)
    assert first.request_id
    assert first.request_id != second.request_id
    assert not mine.request_id


def test_a_given_request_id_is_kept() -> None:
    """The caller's request id is sent as it is, and reads get none."""
    mine = ProcessEventsRequest(stream_id="payments", request_id="mine")
    assert with_request_id(mine) is mine
    read = GetStreamRequest(stream_id="payments")
    assert with_request_id(read) is read


def failure(code: grpc.StatusCode, told: str, *details: object, packed: bytes | None = None) -> errors.ClientError:
    """The typed error of a failed call with these details."""
    status = status_pb2.Status(code=code.value[0], message=told)
    for detail in details:
        any_detail = Any()
        any_detail.Pack(detail)
        status.details.append(any_detail)
    body = status.SerializeToString() if packed is None else packed
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", body))
    return errors.from_rpc(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, told), "host:1")


def info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo that every error of the API carries."""
    return error_details_pb2.ErrorInfo(reason=reason, domain="cta-act", metadata=metadata)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, "STREAM_NOT_FOUND", errors.NotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", errors.Invalid),
        (grpc.StatusCode.ALREADY_EXISTS, "STREAM_EXISTS", errors.Conflict),
        (grpc.StatusCode.ABORTED, "REVISION_MISMATCH", errors.Changed),
        (grpc.StatusCode.FAILED_PRECONDITION, "INCIDENT_STATE", errors.WrongState),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUARANTINE_FULL", errors.Busy),
        (grpc.StatusCode.UNAVAILABLE, "DRAINING", errors.Busy),
        (grpc.StatusCode.UNIMPLEMENTED, "NOT_IN_THIS_VERSION", errors.NotInThisVersion),
        (grpc.StatusCode.INTERNAL, "INTERNAL", errors.ServerFault),
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", errors.Gone),
        (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", errors.NotAllowed),
    ],
)
def test_a_refusal_is_named_by_what_the_caller_can_do(
    code: grpc.StatusCode, reason: str, kind: type[errors.Refused]
) -> None:
    """Each code becomes its class, with the reason and a remedy."""
    error = failure(code, "no", info(reason, stream_id="x"))
    assert type(error) is kind
    assert error.reason == reason
    assert error.metadata == {"stream_id": "x"}
    assert error.remedy


def test_every_reason_has_a_remedy() -> None:
    """Whatever reason the server gives, a person is told what to do."""
    known = {each.name.removeprefix("ERROR_REASON_") for each in ErrorReason.DESCRIPTOR.values} - {"UNSPECIFIED"}
    assert known == set(errors.REMEDIES)


def test_all_violations_are_told() -> None:
    """A refused request names every field at once."""
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="stream.stream_id", description="is empty")
    bad.field_violations.add(field="stream.policy.bake", description="is negative")
    error = failure(grpc.StatusCode.INVALID_ARGUMENT, "a: is empty; b: is negative", info("FIELD_INVALID"), bad)
    assert isinstance(error, errors.Invalid)
    assert [found.field for found in error.violations] == ["stream.stream_id", "stream.policy.bake"]
    assert str(error).splitlines() == [
        "2 fields are wrong (FIELD_INVALID).",
        "  stream.stream_id: is empty",
        "  stream.policy.bake: is negative",
        "Correct the fields named above.",
    ]


def test_unavailable_without_details_means_no_server() -> None:
    """Only the server itself sends ErrorInfo: without it nobody answered."""
    error = errors.from_rpc(
        grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "Connection refused (111)"
        ),
        "host:1",
    )
    assert isinstance(error, errors.Unreachable)
    assert isinstance(error, errors.Transient)
    assert "host:1" in str(error)
    assert "connection refused" in str(error)


def test_broken_details_are_no_second_error() -> None:
    """A status whose details do not parse still becomes a typed error."""
    error = failure(grpc.StatusCode.NOT_FOUND, "gone", packed=b"\xff\xff")
    assert isinstance(error, errors.NotFound)


def test_retry_info_is_read() -> None:
    """The server's own waiting time reaches the caller."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    error = failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", info("TOO_MANY_CALLS"), retry)
    assert isinstance(error, errors.Busy)
    assert error.retry_after == 1.5


def test_a_deadline_is_transient() -> None:
    """No answer in time is told apart from a refusal."""
    error = failure(grpc.StatusCode.DEADLINE_EXCEEDED, "late")
    assert isinstance(error, errors.TimedOut)
    assert isinstance(error, errors.Transient)
