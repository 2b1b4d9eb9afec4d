"""Errors on the wire: which status code, reason and details each class of error becomes.

Every error carries a google.rpc.ErrorInfo with the domain `cta-act` and a reason out of `errors.proto`. An exception
that is not in the table is a fault of ours: the caller gets INTERNAL with an id that is also in the log, and none of
its text. Called by the interceptor; servicers only raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rich
from google.rpc import status_pb2

from cta.v1.errors_pb2 import ErrorReason
from cta_core.errors import EventRefused, InvalidInput, Violation
from cta_core.machine import Halted, WrongState
from cta_server.rpc.refusals import NotInThisVersion, PageTokenMismatch, TooManyCalls, Unauthenticated
from cta_server.runtime import errors as runtime
from cta_server.runtime.ports import StaleRevision

Code = grpc.StatusCode

DOMAIN: Final = "cta-act"

MAX_MESSAGE: Final = 500
"""Characters of an error's text. Text and details travel in trailers, of which clients take 8 KiB by default."""
MAX_DETAILS: Final = 4096
"""Bytes of all violations; what is beyond is counted in a last one."""
MAX_METADATA: Final = 128
"""Characters of one value of the metadata: ids have 30, and a caller's own nonsense need not come back whole."""

DRAINING_RETRY: Final = 1.0
"""Seconds until a client should look for the next server: a restart with recovery takes about that."""
RECOVERING_RETRY: Final = 0.5
"""Seconds; recovery reads the journal, which takes tenths of a second."""
STORE_RETRY: Final = 1.0
"""Seconds; a full disk takes a person longer, a busy one about that."""
BUSY_RETRY: Final = 0.2
"""Seconds; the calls that are limited take some 50 ms each."""

RESOURCE_TYPES: Final = {kind: f"cta.v1.{kind.value.capitalize()}" for kind in runtime.Kind}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it goes over the wire."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str] = {}
    details: tuple[Message, ...] = ()

    def status(self) -> status_pb2.Status:
        """The google.rpc.Status with all details."""
        name = f"ERROR_REASON_{self.reason}"
        ErrorReason.Value(name)  # a reason that the contract does not know is a fault, and raises
        info = rich.ErrorInfo(
            reason=self.reason,
            domain=DOMAIN,
            metadata={key: value[:MAX_METADATA] for key, value in self.metadata.items()},
        )
        packed: list[AnyMessage] = []
        for detail in (info, *self.details):
            wrapped = AnyMessage()
            wrapped.Pack(detail)
            packed.append(wrapped)
        number: int = self.code.value[0]
        return status_pb2.Status(code=number, message=self.message, details=packed)


def failure_of(error: BaseException) -> Failure | None:
    """The error as it goes over the wire; None for one that is not in the table."""
    for cls in type(error).__mro__:
        make = TABLE.get(cls)
        if make is not None:
            return make(error)
    return None


def internal(error_id: str) -> Failure:
    """What the caller learns of a fault of ours."""
    return Failure(
        code=Code.INTERNAL,
        reason="INTERNAL",
        message=f"the server has a fault; its log tells more under error id {error_id}",
        metadata={"error_id": error_id},
    )


def malformed() -> Failure:
    """The bytes of a request are not the message of its RPC."""
    return _invalid(
        InvalidInput.of("request", "is not this RPC's message; texts must be UTF-8, send bodies that are not as `data`")
    )


def _invalid(error: InvalidInput) -> Failure:
    return Failure(
        code=Code.INVALID_ARGUMENT,
        reason="FIELD_INVALID",
        message=_short(str(error)),
        details=(rich.BadRequest(field_violations=_violations(error.violations)),),
    )


def _violations(found: tuple[Violation, ...]) -> list[rich.BadRequest.FieldViolation]:
    """As many violations as the trailers take."""
    shown: list[rich.BadRequest.FieldViolation] = []
    size = 0
    for index, violation in enumerate(found):
        entry = rich.BadRequest.FieldViolation(
            field=violation.field[:200], description=violation.remedy[:300], reason="FIELD_INVALID"
        )
        size += entry.ByteSize()
        if size > MAX_DETAILS:
            more = f"and {len(found) - index} more"
            return [*shown, rich.BadRequest.FieldViolation(field="...", description=more, reason="FIELD_INVALID")]
        shown.append(entry)
    return shown


def _refused(error: EventRefused) -> Failure:
    return _invalid(InvalidInput.of(error.path or "event", error.reason))


def _not_found(error: runtime.NotFound) -> Failure:
    kind = error.kind
    shown = error.id[:MAX_METADATA]
    return Failure(
        code=Code.NOT_FOUND,
        reason=f"{kind.value}_NOT_FOUND",
        message=_short(str(error)),
        metadata={f"{kind.value.lower()}_id": shown},
        details=(
            rich.ResourceInfo(resource_type=RESOURCE_TYPES[kind], resource_name=shown, description=_short(str(error))),
        ),
    )


def _precondition(
    reason: str, subject: Callable[[Any], str], metadata: Callable[[Any], dict[str, str]] = lambda _: {}
) -> Callable[[Any], Failure]:
    """FAILED_PRECONDITION: the state of `subject` does not allow the call."""

    def make(error: Exception) -> Failure:
        text = _short(str(error))
        violation = rich.PreconditionFailure.Violation(type=reason, subject=subject(error), description=text)
        return Failure(
            code=Code.FAILED_PRECONDITION,
            reason=reason,
            message=text,
            metadata=metadata(error),
            details=(rich.PreconditionFailure(violations=[violation]),),
        )

    return make


def _state(error: WrongState | runtime.AdapterWrongState) -> dict[str, str]:
    return {"state": str(error.state), "allowed": ",".join(error.allowed)}


def _plain(
    code: grpc.StatusCode,
    reason: str,
    metadata: Callable[[Any], dict[str, str]] = lambda _: {},
    *,
    retry: float = 0.0,
) -> Callable[[Any], Failure]:
    """An error without further details, but for the time after which to retry."""

    def make(error: Exception) -> Failure:
        return Failure(
            code=code,
            reason=reason,
            message=_short(str(error)),
            metadata=metadata(error),
            details=(_retry(retry),) if retry else (),
        )

    return make


def _unavailable(error: runtime.Unavailable) -> Failure:
    return Failure(
        code=Code.UNAVAILABLE,
        reason="DRAINING" if error.draining else "RECOVERING",
        message=str(error),
        details=(_retry(DRAINING_RETRY if error.draining else RECOVERING_RETRY),),
    )


def _store_down(error: runtime.StoreDown) -> Failure:
    """Without the error's text, which names files of the server; the interceptor logs it."""
    if error.closed:
        return _unavailable(runtime.Unavailable(draining=True))
    return Failure(
        code=Code.UNAVAILABLE,
        reason="STORE_UNAVAILABLE",
        message="the store cannot be read or written now; the server's log says why",
        details=(_retry(STORE_RETRY),),
    )


def _retry(seconds: float) -> rich.RetryInfo:
    return rich.RetryInfo(retry_delay=Duration(nanos=round(seconds * 1e9) % 1_000_000_000, seconds=int(seconds)))


def _short(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."


TABLE: Final[Mapping[type[BaseException], Callable[[Any], Failure]]] = {
    InvalidInput: _invalid,
    EventRefused: _refused,
    WrongState: _precondition("INCIDENT_STATE", lambda _: "incident", _state),
    Halted: _precondition("KILL_SWITCH_ENGAGED", lambda _: "kill switch"),
    StaleRevision: _plain(
        Code.ABORTED, "REVISION_MISMATCH", lambda e: {"expected": str(e.expected), "actual": str(e.actual)}
    ),
    runtime.NotFound: _not_found,
    runtime.StreamExists: _plain(Code.ALREADY_EXISTS, "STREAM_EXISTS", lambda e: {"stream_id": e.stream_id}),
    runtime.StreamBusy: _precondition(
        "STREAM_BUSY", lambda e: e.stream_id, lambda e: {"stream_id": e.stream_id, "why": e.why}
    ),
    runtime.SourceRunning: _precondition("SOURCE_RUNNING", lambda e: e.source_id, lambda e: {"source_id": e.source_id}),
    runtime.AdapterWrongState: _precondition("ADAPTER_STATE", lambda _: "adapter", _state),
    runtime.SignaturesDiffer: _precondition(
        "SIGNATURES_DIFFER", lambda e: e.signature_id, lambda e: {"signature_id": e.signature_id, "why": e.why}
    ),
    runtime.NoBaseline: _precondition("NO_BASELINE", lambda e: e.stream_id, lambda e: {"stream_id": e.stream_id}),
    runtime.NoEvents: _precondition("NO_EVENTS", lambda _: "events"),
    runtime.HistoryGone: _plain(Code.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", lambda e: {"oldest": str(e.oldest)}),
    runtime.RequestIdReused: _plain(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", lambda e: {"request_id": e.request_id}),
    runtime.QuarantineFull: _plain(
        Code.RESOURCE_EXHAUSTED, "QUARANTINE_FULL", lambda e: {"stream_id": e.stream_id, "limit": str(e.limit)}
    ),
    runtime.Unavailable: _unavailable,
    PageTokenMismatch: _plain(Code.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"),
    TooManyCalls: _plain(
        Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", lambda e: {"limit": str(e.limit)}, retry=BUSY_RETRY
    ),
    NotInThisVersion: _plain(Code.UNIMPLEMENTED, "NOT_IN_THIS_VERSION"),
    runtime.StoreDown: _store_down,
    Unauthenticated: _plain(Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
}
"""Every class that a caller can do something about, and what it becomes. A subclass without a line becomes what its
parent does."""

LATER: Final = frozenset({"RESUME_TOKEN_EXPIRED"})
"""Reasons that the contract has and nothing raises yet: deliveries are kept for good, so no token of them expires."""
