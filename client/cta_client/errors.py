"""What a call to the server can fail with, named by what the caller can do about it.

Every failed call raises one of these; the wire makes them out of gRPC's status and google.rpc's details, so nobody
above it reads status codes. `str(error)` is one readable paragraph: what, which field, and the remedy.

    ClientError
    |-- Unreachable (Transient)     nothing answers at the address, or the connection broke
    |-- TimedOut (Transient)        no answer within the call's time
    |-- NotThisApi                  something answers, but it does not speak this API
    '-- Refused                     the server says no; `reason`, `metadata` and `violations` say why
        |-- Invalid                 change the request
        |-- NotFound                name something that exists
        |-- Conflict                it exists with other content
        |-- Changed                 it changed since it was looked at: look again, then decide again
        |-- WrongState              do something else first
        |-- NotAllowed              no token, or not the right one
        |-- Gone                    the history that was asked for is gone: start again without a token
        |-- NotInThisVersion        the server cannot do this
        |-- ServerFault             a bug of the server; its log has the error id
        '-- Busy (Transient)        full, starting or stopping: retry after `retry_after` seconds
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Self

import grpc
import msgspec
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from cta_client.seconds import seconds

DETAILS_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata in which gRPC carries a google.rpc.Status."""

REMEDIES: Final[Mapping[str, str]] = {
    "FIELD_INVALID": "Correct the fields named above.",
    "PAGE_TOKEN_MISMATCH": "Start again without a page token.",
    "REQUEST_ID_REUSED": "Use a new request id for a new request.",
    "STREAM_NOT_FOUND": "`cta streams list` shows the streams.",
    "INCIDENT_NOT_FOUND": "`cta incidents list` shows the incidents.",
    "ADAPTER_NOT_FOUND": "`cta adapters list` shows the adapters.",
    "CANARY_NOT_FOUND": "`cta canary list` shows the canaries.",
    "RUN_NOT_FOUND": "`cta runs list` shows the runs.",
    "REPORT_NOT_FOUND": "`cta reports list` shows the reports.",
    "SIGNATURE_NOT_FOUND": "`cta signatures list` shows the signatures.",
    "SOURCE_NOT_FOUND": "`cta sources list` shows the sources.",
    "FAULT_NOT_FOUND": "`cta faults list` shows the faults.",
    "WEBHOOK_NOT_FOUND": "`cta system webhooks` shows the webhooks.",
    "STREAM_EXISTS": "`cta streams update` changes it, or choose another id.",
    "INCIDENT_STATE": "`cta incidents show` tells where the incident stands.",
    "ADAPTER_STATE": "`cta adapters show` tells where the adapter stands; `cta canary run` proves it.",
    "KILL_SWITCH_ENGAGED": "`cta system kill-switch off` releases it.",
    "NO_BASELINE": "Send healthy events, then `cta streams learn`.",
    "NO_EVENTS": "Send events first, or name some.",
    "STREAM_BUSY": "Stop its sources, close its incidents and redrive its quarantine, or use --force.",
    "SOURCE_RUNNING": "`cta sources stop` stops it.",
    "SIGNATURES_DIFFER": "`cta signatures show` tells what each of them heals.",
    "REVISION_MISMATCH": "Look at it again, then decide again.",
    "QUARANTINE_FULL": "Redrive or resolve first, then send the batch again: nothing of it was taken.",
    "TOO_MANY_CALLS": "Wait, then repeat.",
    "DRAINING": "The server is stopping: repeat when it is back.",
    "RECOVERING": "The server is starting: repeat in a moment.",
    "NOT_IN_THIS_VERSION": "`cta system info` lists what this server can do.",
    "INTERNAL": "The server's log has more under this error id.",
    "RESUME_TOKEN_EXPIRED": "Start again without a token.",
    "UNAUTHENTICATED": "Give the server's token with --token or CTA_TOKEN.",
    "STORE_UNAVAILABLE": "Look at the server's disk and log, then repeat.",
}
"""What a person can do, by `ErrorReason`."""


class Transient:
    """Marks failures that may be over at the next try."""


class ClientError(Exception):
    """Anything that a call to the server fails with."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what} {remedy}".strip())


class Unreachable(ClientError, Transient):
    """Nothing answers at the address, or the connection broke."""


class TimedOut(ClientError, Transient):
    """No answer within the call's time; whether it was done is unknown, and repeating is safe where a request id is."""


class NotThisApi(ClientError):
    """Something answers, but it does not speak this API."""


class FieldViolation(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a request that breaks its rule."""

    field: str
    """Path in the request, like `stream.policy.min_confidence`."""
    message: str


class Refused(ClientError):
    """The server says no."""

    def __init__(
        self,
        what: str,
        *,
        code: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float = 0.0,
    ) -> None:
        self.code, self.reason, self.violations, self.retry_after = code, reason, violations, retry_after
        self.metadata: Mapping[str, str] = metadata or {}
        told = what.rstrip(".") or "the server gives no reason"
        if violations:
            # The server's sentence repeats them.
            told = "1 field is wrong" if len(violations) == 1 else f"{len(violations)} fields are wrong"
        marks = [reason or code, *(f"{key}={value}" for key, value in sorted(self.metadata.items()) if value)]
        fields = "".join(f"\n  {found.field}: {found.message}" for found in violations)
        remedy = REMEDIES.get(reason, "")
        super().__init__(f"{told} ({', '.join(mark for mark in marks if mark)}).{fields}", remedy)

    def __str__(self) -> str:
        """One paragraph; the remedy stands on its own line when fields are listed."""
        return f"{self.what}{chr(10) if self.violations else ' '}{self.remedy}".rstrip()

    def placed(self, field: str, places: Sequence[str]) -> Self:
        """The same refusal, whose violations name the fourth of `places`, `today.jsonl:4`, instead of `field[3]`."""
        entry = re.compile(rf"{re.escape(field)}\[(\d+)\](.*)", re.DOTALL)
        violations: list[FieldViolation] = []
        for each in self.violations:
            found = entry.fullmatch(each.field)
            place = each.field
            if found is not None and int(found[1]) < len(places):
                place = f"{places[int(found[1])]}{found[2]}"
            violations.append(FieldViolation(field=place, message=each.message))
        return type(self)(
            self.what,
            code=self.code,
            reason=self.reason,
            metadata=self.metadata,
            violations=tuple(violations),
            retry_after=self.retry_after,
        )


class Invalid(Refused):
    """The request breaks rules; `violations` has all of them."""


class NotFound(Refused):
    """No such thing."""


class Conflict(Refused):
    """It exists with other content."""


class Changed(Refused):
    """It changed since the caller looked; metadata has `expected` and `actual`."""


class WrongState(Refused):
    """The verb does not fit the state; metadata often has `state` and `allowed`."""


class NotAllowed(Refused):
    """No token, or not the right one."""


class Gone(Refused):
    """The history that was asked for is gone; metadata has `oldest`."""


class NotInThisVersion(Refused):
    """The API has the call, this server does not."""


class ServerFault(Refused):
    """A bug of the server; metadata has the `error_id` that its log knows."""


class Busy(Refused, Transient):
    """Full, starting or stopping: retry after `retry_after` seconds."""


_BY_CODE: Final[Mapping[grpc.StatusCode, type[Refused]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Changed,
    grpc.StatusCode.FAILED_PRECONDITION: WrongState,
    grpc.StatusCode.UNAUTHENTICATED: NotAllowed,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.OUT_OF_RANGE: Gone,
    grpc.StatusCode.UNIMPLEMENTED: NotInThisVersion,
    grpc.StatusCode.INTERNAL: ServerFault,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Busy,
    grpc.StatusCode.UNAVAILABLE: Busy,
}


def from_rpc(error: grpc.aio.AioRpcError, address: str) -> ClientError:
    """The typed error of a failed call to `address`."""
    code, told = error.code(), error.details() or ""
    details = _details(error)
    info = details.info
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut(f"The server at {address} gave no answer in time.", "Repeat, or look at its load.")
    if info is None:
        # Only this server sends ErrorInfo: without it the answer came from gRPC itself or from a stranger.
        if code is grpc.StatusCode.UNAVAILABLE:
            return Unreachable(
                f"No server answers at {address}: {_cause(told)}.",
                "`cta serve` starts one; --server or CTA_SERVER names another address.",
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return NotThisApi(
                f"What answers at {address} does not know this call.", "It may be another or an older server."
            )
    kind = _BY_CODE.get(code, Refused)
    return kind(
        told,
        code=code.name,
        reason=info.reason if info is not None else "",
        metadata=dict(info.metadata) if info is not None else {},
        violations=details.violations,
        retry_after=details.retry_after,
    )


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    """What google.rpc.Status carried."""

    info: error_details_pb2.ErrorInfo | None = None
    violations: tuple[FieldViolation, ...] = ()
    retry_after: float = 0.0


def _details(error: grpc.aio.AioRpcError) -> _Details:
    packed = next((value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY), None)
    if not isinstance(packed, bytes):
        return _Details()
    try:
        status = status_pb2.Status.FromString(packed)
    except DecodeError:
        return _Details()
    found_info: error_details_pb2.ErrorInfo | None = None
    violations: list[FieldViolation] = []
    retry_after = 0.0
    for entry in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if entry.Unpack(info):
            found_info = info
        elif entry.Unpack(bad):
            violations += [FieldViolation(field=each.field, message=each.description) for each in bad.field_violations]
        elif entry.Unpack(retry):
            retry_after = seconds(retry.retry_delay)
    return _Details(info=found_info, violations=tuple(violations), retry_after=retry_after)


def _cause(told: str) -> str:
    """The part of gRPC's connection text that a person can use."""
    for word in ("Connection refused", "Name or service not known", "handshake", "Socket closed", "timed out"):
        if word.lower() in told.lower():
            return word[0].lower() + word[1:]
    return "the connection broke" if not told else told.rsplit("; last error: ", maxsplit=1)[-1][:160].rstrip(".")
