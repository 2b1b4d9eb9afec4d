"""The errors of the runtime, by what the caller can do about them. `rpc.errors` maps every class to a code and a
reason.

CtaError (core)
+-- NotFound            there is no such thing: look at the id
+-- StreamExists        another stream has this id: choose another, or update it
+-- StreamBusy          something still depends on the stream: finish it, or force
+-- SourceRunning       the source runs already: stop it first
+-- AdapterWrongState   the verb does not fit the adapter's state
+-- SignaturesDiffer    the signatures cannot be merged: they heal differently, or one is merged or retired
+-- NoBaseline          nothing healthy is known: teach the stream
+-- NoEvents            nothing is recorded for what was asked
+-- HistoryGone         what was asked for went by age: start anew at the oldest that is kept
+-- RequestIdReused     the request id belongs to another content: use a new one
+-- QuarantineFull      (transient) redrive or raise the limit, then retry
+-- Unavailable         (transient) starting or stopping: retry
+-- StoreDown           (transient) the store cannot be read or written now: retry; errors of the store derive from it
ports.StaleRevision     the thing changed: look again
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from cta_core.errors import CtaError


class Kind(StrEnum):
    """What was not found."""

    STREAM = "STREAM"
    INCIDENT = "INCIDENT"
    ADAPTER = "ADAPTER"
    CANARY = "CANARY"
    RUN = "RUN"
    REPORT = "REPORT"
    SIGNATURE = "SIGNATURE"
    SOURCE = "SOURCE"
    FAULT = "FAULT"
    WEBHOOK = "WEBHOOK"


class NotFound(CtaError):
    """There is no such thing."""

    def __init__(self, kind: Kind, id_: str) -> None:
        self.kind, self.id = kind, id_
        super().__init__(f"there is no {kind.value.lower()} {id_!r}")


class StreamExists(CtaError):
    """Another stream has this id."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        super().__init__(f"stream {stream_id!r} exists with other content; update it, or choose another id")


class StreamBusy(CtaError):
    """Something still depends on the stream."""

    def __init__(self, stream_id: str, why: str) -> None:
        self.stream_id, self.why = stream_id, why
        super().__init__(f"stream {stream_id!r} has {why}; finish that first, or set force")


class SourceRunning(CtaError):
    """The source runs already."""

    def __init__(self, source_id: str) -> None:
        self.source_id = source_id
        super().__init__(f"source {source_id!r} runs already; stop it first")


class AdapterWrongState(CtaError):
    """The verb does not fit the adapter's state."""

    def __init__(self, verb: str, state: str, allowed: tuple[str, ...], why: str = "") -> None:
        self.verb, self.state, self.allowed = verb, state, allowed
        super().__init__(why or f"cannot {verb} an adapter that is {state}; possible in {', '.join(allowed)}")


class SignaturesDiffer(CtaError):
    """The signatures cannot become one."""

    def __init__(self, signature_id: str, why: str) -> None:
        self.signature_id, self.why = signature_id, why
        super().__init__(f"signature {signature_id!r} cannot be merged: {why}")


class NoBaseline(CtaError):
    """Nothing healthy is known of the stream."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        super().__init__(f"stream {stream_id!r} has no baseline; call LearnBaseline or send healthy events first")


class NoEvents(CtaError):
    """Nothing is recorded for what was asked."""


class HistoryGone(CtaError):
    """A part of the log that the reader has not seen went by age."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        super().__init__(
            f"deliveries before position {oldest} went by age (keep_delivered) before this reader saw them; "
            "resume with an empty token to start at the oldest that is kept"
        )


class RequestIdReused(CtaError):
    """The request id belongs to another content."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        super().__init__(f"request id {request_id!r} was used with another content; use a new one")


class QuarantineFull(CtaError):
    """The quarantine takes no more; nothing of the batch was accepted."""

    def __init__(self, stream_id: str, limit: int) -> None:
        self.stream_id, self.limit = stream_id, limit
        super().__init__(
            f"the quarantine of {stream_id!r} holds its limit of {limit} events; redrive, or raise max_quarantined"
        )


class Unavailable(CtaError):
    """The server starts or stops."""

    def __init__(self, *, draining: bool) -> None:
        self.draining = draining
        super().__init__("the server is stopping" if draining else "the server is recovering")


class StoreDown(CtaError):
    """The store cannot be read or written now. The store's own errors derive from it and say why."""

    closed: ClassVar[bool] = False
    """It was closed: the server is stopping."""
