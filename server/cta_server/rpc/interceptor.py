"""What happens around every call: ids for the log, admission, the request's bytes, errors, and one line per call.

It wraps the handlers of `cta.v1` and of OpenTelemetry's collector services, each once; health and reflection pass
untouched. Requests are parsed in here, so that bytes that are no message (a `string` that is not UTF-8) become an error
with a reason like any other. The server makes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from cta_server.rpc import errors
from cta_server.rpc.admission import Admission
from cta_server.rpc.face import Context
from cta_server.runtime.errors import StoreDown, Unavailable

# In quotes: some of the classes that the stubs know as generic are not so at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

PREFIXES: Final = ("/cta.v1.", "/opentelemetry.proto.collector.")
"""What is ours to answer for: the API, and the collector services beside it."""
END: Final = object()

log = structlog.get_logger(__name__)


class _Call:
    """One call, from its arrival to its line in the log."""

    def __init__(self, rpc: str, context: Context) -> None:
        self.messages = 0
        self._code, self._reason = "CANCELLED", ""
        self._began = time.perf_counter()
        # Every call runs in a task of its own, so what is bound here ends with it.
        structlog.contextvars.bind_contextvars(rpc=rpc, peer=context.peer())

    def bind(self, request: Any) -> None:
        """Takes the request's id into the log."""
        request_id = getattr(request, "request_id", "")
        if request_id:
            structlog.contextvars.bind_contextvars(request_id=request_id[:64])

    def answered(self) -> None:
        """It went well."""
        self._code = "OK"

    def failed(self, failure: errors.Failure) -> None:
        """It went wrong."""
        self._code, self._reason = failure.code.name, failure.reason

    def write(self) -> None:
        """The call's line."""
        took = round((time.perf_counter() - self._began) * 1000, 2)
        extra: dict[str, Any] = {"reason": self._reason} if self._reason else {}
        if self.messages:
            extra["messages"] = self.messages
        log.info("call", code=self._code, ms=took, **extra)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps handlers."""

    def __init__(self, admission: Admission, draining: asyncio.Event, new_id: Callable[[str], str]) -> None:
        self._admission, self._draining, self._new_id = admission, draining, new_id
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """The handler of a call, wrapped."""
        method = str(handler_call_details.method)
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            # Also for a method that does not exist; then there is no handler, and gRPC answers UNIMPLEMENTED.
            if handler is None or not method.startswith(PREFIXES):
                return handler
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        rpc = method.removeprefix("/cta.v1.").removeprefix("/")
        # A single request is parsed in the wrapper; a stream of requests by gRPC, one by one.
        parse: Callable[[bytes], Any] = (
            _as_it_is if handler.request_streaming else handler.request_deserializer or _as_it_is
        )
        reader = handler.request_deserializer if handler.request_streaming else None
        if handler.response_streaming:
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            return make(self._streaming(rpc, parse, inner), reader, handler.response_serializer)
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
        wrap = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return wrap(self._single(rpc, parse, behaviour), reader, handler.response_serializer)

    def _single(self, rpc: str, parse: Callable[[bytes], Any], behaviour: Any) -> Any:
        """Around a handler with one response."""
        name = rpc.rpartition("/")[2]

        async def call(request: Any, context: Context) -> Any:
            entry = _Call(rpc, context)
            try:
                self._admission.check(name, context.invocation_metadata())
                with self._admission.slot(name):
                    message = parse(request)
                    entry.bind(message)
                    response = await behaviour(message, context)
                entry.answered()
                return response
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - all errors go over the wire in our form
                await self._abort(entry, error, context)
            finally:
                entry.write()

        return call

    def _streaming(self, rpc: str, parse: Callable[[bytes], Any], behaviour: Any) -> Any:
        """Around a handler with many responses. The errors of its generator are raised in here, between two of them."""
        name = rpc.rpartition("/")[2]

        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            entry = _Call(rpc, context)
            try:
                self._admission.check(name, context.invocation_metadata())
                with self._admission.slot(name):
                    message = parse(request)
                    entry.bind(message)
                    source = until_drained(behaviour(message, context), self._draining)
                    async with contextlib.aclosing(source) as responses:
                        async for response in responses:
                            entry.messages += 1
                            yield response
                entry.answered()
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - all errors go over the wire in our form
                await self._abort(entry, error, context)
            finally:
                entry.write()

        return call

    async def _abort(self, entry: _Call, error: Exception, context: Context) -> None:
        """Ends the call with the error as it goes over the wire. Raises `AbortError`."""
        failure = errors.malformed() if isinstance(error, DecodeError) else errors.failure_of(error)
        if failure is None:
            error_id = self._new_id("err")
            log.exception("a call failed by a fault of the server", error_id=error_id, exc_info=error)
            failure = errors.internal(error_id)
        elif isinstance(error, StoreDown):
            log.error("the store is down", why=str(error))
        entry.failed(failure)
        status = rpc_status.to_status(failure.status())  # pyright: ignore[reportUnknownMemberType]
        await context.abort(status.code, status.details, status.trailing_metadata)


async def until_drained(source: AsyncGenerator[Any], draining: asyncio.Event) -> AsyncGenerator[Any]:
    """What the source yields, until the server drains. Raises `Unavailable` then, in the middle of the source's
    waiting.
    """
    drained = asyncio.create_task(draining.wait(), name="drain")
    step: asyncio.Task[Any] | None = None
    try:
        while True:
            step = asyncio.create_task(_next(source), name="stream")
            await asyncio.wait({step, drained}, return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                raise Unavailable(draining=True)
            item = step.result()
            if item is END:
                return
            yield item
    finally:
        waiting = [task for task in (step, drained) if task is not None]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await source.aclose()


async def _next(source: AsyncGenerator[Any]) -> Any:
    return await anext(source, END)


def _as_it_is(request: Any) -> Any:
    return request
