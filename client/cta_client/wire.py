"""The wire under the stubs: one gRPC channel at a time, typed errors, request ids and the token.

The generated stubs ask a channel for callables; this one hands out callables that look up the channel of the moment,
so a reconnect takes a new channel without making new stubs. It decides nothing about what is called. `Client` builds
it; the watches ask it for a new channel when theirs went silent, because a new channel is back in 0.3 s where gRPC's
own back-off takes 8 s.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from cta_client.errors import Busy, ClientError, Unreachable, from_rpc

GRACE_SECONDS: Final = 5.0
"""How long calls on a replaced channel may still end. Longer than a unary read takes, short enough not to pile up."""

LEAST_WAIT_SECONDS: Final = 0.1
"""Between two tries of a call that a recovering server refused without saying when to come again."""


class Wire:
    """One server's connection, renewable under living stubs."""

    def __init__(
        self,
        address: str,
        dial: Callable[[], grpc.aio.Channel],
        token: str = "",
        *,
        patience: float = 0.0,
        waiting: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._dial = dial
        self._patience, self._waiting = patience, waiting
        self._metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel: grpc.aio.Channel | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._generation = 0

    @property
    def generation(self) -> int:
        """Number of the channel that a call made now goes over; grows with every new channel."""
        _ = self.channel
        return self._generation

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel of the moment; made at the first call, so that it belongs to the running event loop."""
        if self._channel is None:
            self._channel = self._dial()
            self._generation += 1
        return self._channel

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return self._metadata

    def renew(self, seen: int) -> None:
        """Replaces the channel of generation `seen`; does nothing when somebody did so already."""
        if seen != self._generation or self._channel is None:
            return
        old, self._channel = self._channel, None
        closing = asyncio.create_task(old.close(GRACE_SECONDS), name="close a replaced channel")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def until(self) -> float:
        """Until when a call that is made now is repeated while the server recovers."""
        return asyncio.get_running_loop().time() + self._patience

    async def outwait(self, error: ClientError, until: float) -> None:
        """Returns when a refused call may be made again: the server recovers, and there is time left.

        It had done nothing of the call, so that any call may be repeated. Raises `error` in all other cases.
        """
        if not (isinstance(error, Busy) and error.reason == "RECOVERING"):
            raise error
        wait = max(error.retry_after, LEAST_WAIT_SECONDS)
        if asyncio.get_running_loop().time() + wait > until:
            raise error
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()
        await asyncio.sleep(wait)

    async def close(self) -> None:
        """Ends the connection and the calls on it."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
        for closing in tuple(self._closing):
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **known: Any
    ) -> UnaryCall:
        """Called by the generated stubs for an RPC with one answer."""
        return UnaryCall(self, lambda on: on.unary_unary(method, request_serializer, response_deserializer, **known))

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **known: Any
    ) -> StreamCall:
        """Called by the generated stubs for an RPC that streams its answers."""
        return StreamCall(self, lambda on: on.unary_stream(method, request_serializer, response_deserializer, **known))

    def stream_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **known: Any
    ) -> DialogueCall:
        """Called by the generated stubs for an RPC in which both sides stream."""
        return DialogueCall(
            self, lambda on: on.stream_stream(method, request_serializer, response_deserializer, **known)
        )


class _Bound:
    """A method bound to the channel of the moment."""

    def __init__(self, wire: Wire, bind: Callable[[grpc.aio.Channel], Any]) -> None:
        self._wire, self._bind = wire, bind
        self._channel: grpc.aio.Channel | None = None
        self._callable: Any = None

    def _now(self) -> Any:
        channel = self._wire.channel
        if channel is not self._channel:
            self._channel, self._callable = channel, self._bind(channel)
        return self._callable


class UnaryCall(_Bound):
    """An RPC with one answer; raises `ClientError`."""

    async def __call__(self, request: Message, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - gRPC's deadline, sent to the server
        """The answer. `timeout` in seconds replaces the method's own, for each try."""
        named, until = with_request_id(request), self._wire.until()
        while True:
            try:
                return await self._now()(named, timeout=timeout, metadata=self._wire.metadata)
            except grpc.aio.AioRpcError as error:
                refused = from_rpc(error, self._wire.address)
                refused.__cause__ = error
            except asyncio.CancelledError as error:
                raise _replaced(error, self._wire.address) from error
            await self._wire.outwait(refused, until)


class StreamCall(_Bound):
    """An RPC that streams its answers; raises `ClientError`. Closing the iterator cancels the call."""

    async def __call__(self, request: Message, *, timeout: float | None = None) -> AsyncIterator[Any]:  # noqa: ASYNC109 - gRPC's deadline, sent to the server
        """The answers, as they come."""
        named, until = with_request_id(request), self._wire.until()
        while True:
            call = self._now()(named, timeout=timeout, metadata=self._wire.metadata)
            try:
                async for message in _answers(call, self._wire.address):
                    yield message
            except Busy as error:
                # A server that recovers says so before the first answer.
                await self._wire.outwait(error, until)
            else:
                return


class DialogueCall(_Bound):
    """An RPC in which both sides stream; raises `ClientError`. Closing the iterator cancels the call."""

    async def __call__(self, requests: AsyncIterator[Message]) -> AsyncIterator[Any]:
        """The answers, as they come, while the requests are sent."""
        async for message in _answers(self._now()(requests, metadata=self._wire.metadata), self._wire.address):
            yield message


async def _answers(call: Any, address: str) -> AsyncIterator[Any]:
    """What a call streams."""
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise from_rpc(error, address) from error
    except asyncio.CancelledError as error:
        raise _replaced(error, address) from error
    finally:
        call.cancel()


def _replaced(error: asyncio.CancelledError, address: str) -> BaseException:
    """What a cancelled call means: gRPC also says so to the caller when the channel below it was replaced and closed.

    Only a task that somebody asks to stop may see the cancellation; any other would die of it in silence.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return error
    return Unreachable(f"The connection to {address} was replaced.", "Repeat the call.")


def with_request_id(request: Message) -> Message:
    """The request with a request id of its own where the API has one and the caller gave none: retries are then safe.

    The caller's message stays as it is, so that sending it twice means two requests.
    """
    if "request_id" not in request.DESCRIPTOR.fields_by_name or request.request_id:  # type: ignore[attr-defined]
        return request
    named = type(request)()
    named.CopyFrom(request)
    named.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
    return named
