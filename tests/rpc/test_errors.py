"""Every error of the server on the wire: code, reason, metadata, details, and no more than the trailers take."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rich

import cta_core
import cta_server
from cta.v1.errors_pb2 import ErrorReason
from cta_core import errors as core
from cta_core.incident import State
from cta_core.machine import Halted, WrongState
from cta_server.rpc import errors, refusals
from cta_server.runtime import errors as runtime
from cta_server.runtime.ports import StaleRevision
from cta_server.store import errors as store

Code = grpc.StatusCode
HERE = Path("journal.db")

SAMPLES: list[tuple[Exception, grpc.StatusCode, str, dict[str, str]]] = [
    (core.InvalidInput.of("a", "b"), Code.INVALID_ARGUMENT, "FIELD_INVALID", {}),
    (core.InvalidPointer.of("a", "b"), Code.INVALID_ARGUMENT, "FIELD_INVALID", {}),
    (core.InvalidContract.of("a", "b"), Code.INVALID_ARGUMENT, "FIELD_INVALID", {}),
    (core.InvalidProgram.of("a", "b"), Code.INVALID_ARGUMENT, "FIELD_INVALID", {}),
    (core.EventRefused("is no object", "/a"), Code.INVALID_ARGUMENT, "FIELD_INVALID", {}),
    (
        WrongState("approve", State.RESOLVED, (State.AWAITING_APPROVAL,)),
        Code.FAILED_PRECONDITION,
        "INCIDENT_STATE",
        {"state": "RESOLVED", "allowed": "AWAITING_APPROVAL"},
    ),
    (Halted("halted"), Code.FAILED_PRECONDITION, "KILL_SWITCH_ENGAGED", {}),
    (StaleRevision(3, 4), Code.ABORTED, "REVISION_MISMATCH", {"expected": "3", "actual": "4"}),
    *(
        (
            runtime.NotFound(kind, "x_1"),
            Code.NOT_FOUND,
            f"{kind.value}_NOT_FOUND",
            {f"{kind.value.lower()}_id": "x_1"},
        )
        for kind in runtime.Kind
    ),
    (runtime.StreamExists("s"), Code.ALREADY_EXISTS, "STREAM_EXISTS", {"stream_id": "s"}),
    (
        runtime.StreamBusy("s", "a source"),
        Code.FAILED_PRECONDITION,
        "STREAM_BUSY",
        {"stream_id": "s", "why": "a source"},
    ),
    (runtime.SourceRunning("src_1"), Code.FAILED_PRECONDITION, "SOURCE_RUNNING", {"source_id": "src_1"}),
    (
        runtime.AdapterWrongState("promote", "ACTIVE", ("CANARY", "PROPOSED")),
        Code.FAILED_PRECONDITION,
        "ADAPTER_STATE",
        {"state": "ACTIVE", "allowed": "CANARY,PROPOSED"},
    ),
    (
        runtime.SignaturesDiffer("sig_a", "it is retired"),
        Code.FAILED_PRECONDITION,
        "SIGNATURES_DIFFER",
        {"signature_id": "sig_a", "why": "it is retired"},
    ),
    (runtime.NoBaseline("s"), Code.FAILED_PRECONDITION, "NO_BASELINE", {"stream_id": "s"}),
    (runtime.NoEvents("none"), Code.FAILED_PRECONDITION, "NO_EVENTS", {}),
    (runtime.RequestIdReused("r"), Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", {"request_id": "r"}),
    (
        runtime.QuarantineFull("s", 9),
        Code.RESOURCE_EXHAUSTED,
        "QUARANTINE_FULL",
        {"stream_id": "s", "limit": "9"},
    ),
    (runtime.Unavailable(draining=True), Code.UNAVAILABLE, "DRAINING", {}),
    (runtime.Unavailable(draining=False), Code.UNAVAILABLE, "RECOVERING", {}),
    (refusals.PageTokenMismatch(), Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH", {}),
    (refusals.TooManyCalls("watches", 2), Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", {"limit": "2"}),
    (refusals.NotInThisVersion("A/B"), Code.UNIMPLEMENTED, "NOT_IN_THIS_VERSION", {}),
    (refusals.Unauthenticated(), Code.UNAUTHENTICATED, "UNAUTHENTICATED", {}),
    (store.StoreUnavailable(HERE, "the disk is full"), Code.UNAVAILABLE, "STORE_UNAVAILABLE", {}),
    (store.StoreClosed(HERE), Code.UNAVAILABLE, "DRAINING", {}),
]

FAULTS = {
    core.CtaError,
    store.StoreError,
    store.StoreConflict,
    store.StoreCorrupt,
    store.StoreLocked,
    store.StoreTooNew,
}
"""What becomes INTERNAL: the two roots, which nothing raises, and what no caller of an RPC can do anything about."""

DETAILS: dict[str, type[Message]] = {
    "FIELD_INVALID": rich.BadRequest,
    **{f"{kind.value}_NOT_FOUND": rich.ResourceInfo for kind in runtime.Kind},
    **dict.fromkeys(
        (
            "INCIDENT_STATE",
            "ADAPTER_STATE",
            "KILL_SWITCH_ENGAGED",
            "NO_BASELINE",
            "SIGNATURES_DIFFER",
            "NO_EVENTS",
            "STREAM_BUSY",
            "SOURCE_RUNNING",
        ),
        rich.PreconditionFailure,
    ),
    **dict.fromkeys(("TOO_MANY_CALLS", "DRAINING", "RECOVERING", "STORE_UNAVAILABLE"), rich.RetryInfo),
}


def every_error() -> set[type[Exception]]:
    """Every class of errors that core and server define, wherever it is defined."""
    for package in (cta_core, cta_server):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(("__main__", ".worker")):
                importlib.import_module(module.name)

    def below(cls: type[Exception]) -> set[type[Exception]]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    return below(core.CtaError) | {StaleRevision}


def test_every_class_of_errors_is_mapped_or_declared_a_fault() -> None:
    """No error of core, runtime or store reaches a caller by chance."""
    unmapped = {cls for cls in every_error() if not any(parent in errors.TABLE for parent in cls.__mro__)}
    assert unmapped == FAULTS


def test_every_reason_of_the_contract_is_reached_or_declared_later() -> None:
    """The contract promises no reason that no error has, but for those that say so."""
    reached = {reason for _, _, reason, _ in SAMPLES} | {errors.internal("err_1").reason}
    promised = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert promised - reached == set(errors.LATER)
    assert reached <= promised


@pytest.mark.parametrize(("error", "code", "reason", "metadata"), SAMPLES, ids=lambda value: type(value).__name__)
def test_an_error_has_its_code_reason_metadata_and_detail(
    error: Exception, code: grpc.StatusCode, reason: str, metadata: dict[str, str]
) -> None:
    """The status carries ErrorInfo with our domain first, and the detail that the reason promises."""
    failure = errors.failure_of(error)
    assert failure is not None
    status = failure.status()
    assert status.code == code.value[0]
    info = rich.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (reason, "cta-act", metadata)
    wanted = DETAILS.get(reason)
    assert [type_name(detail.type_url) for detail in status.details[1:]] == (
        [wanted.DESCRIPTOR.full_name] if wanted else []
    )


def type_name(url: str) -> str:
    """The message's name in a type URL."""
    return url.rpartition("/")[2]


def test_an_unknown_exception_is_internal_without_its_text() -> None:
    """A fault of ours tells the caller nothing but the id of the line in the log."""
    assert errors.failure_of(ZeroDivisionError("secret")) is None
    status = errors.internal("err_42").status()
    assert status.code == Code.INTERNAL.value[0]
    info = rich.ErrorInfo()
    status.details[0].Unpack(info)
    assert dict(info.metadata) == {"error_id": "err_42"}
    assert "err_42" in status.message


def test_every_violation_is_listed_with_its_field_and_remedy() -> None:
    """BadRequest has an entry per violation."""
    failure = errors.failure_of(
        core.InvalidInput([core.Violation("a.b", "must be x"), core.Violation("c", "must be y")])
    )
    assert failure is not None
    bad = failure.details[0]
    assert isinstance(bad, rich.BadRequest)
    assert [(v.field, v.description) for v in bad.field_violations] == [("a.b", "must be x"), ("c", "must be y")]


def test_a_thousand_violations_fit_into_the_trailers_and_are_counted() -> None:
    """What does not fit is counted in a last entry, and the whole status stays below what clients take."""
    many = core.InvalidInput(
        [core.Violation(f"events[{n}].payload", "set one of json, data or value") for n in range(1000)]
    )
    failure = errors.failure_of(many)
    assert failure is not None
    bad = failure.details[0]
    assert isinstance(bad, rich.BadRequest)
    assert bad.field_violations[-1].description == f"and {1000 - (len(bad.field_violations) - 1)} more"
    assert failure.status().ByteSize() < 6000


def test_a_huge_id_comes_back_cut() -> None:
    """A caller's nonsense of a megabyte does not break the trailers."""
    failure = errors.failure_of(runtime.NotFound(runtime.Kind.STREAM, "x" * 1_000_000))
    assert failure is not None
    assert failure.status().ByteSize() < 3000
