"""Where a server is and how its channels are opened: address, trust and token, for both kinds of gRPC channel.

It decides the channels' options; which calls go over them is decided by the wire and the guard's link.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

import grpc
import msgspec

DEFAULT_ADDRESS: Final = "127.0.0.1:50510"
"""Where `cta serve` listens when nothing else is said."""

MESSAGE_BYTES: Final = 32 * 1024 * 1024
"""Largest answer taken: a page of recent events can be much larger than the 8 MiB that a request may have."""

_Options = list[tuple[str, Any]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A server's address and how it is trusted."""

    address: str
    """Host and port."""
    encrypted: bool = False
    authorities: bytes | None = None
    """PEM of the certificates trusted; None: the system's."""
    token: str = ""
    """Sent as a bearer token with every call."""
    service_config: str = ""
    """gRPC's rules of retries and times, JSON text."""

    @classmethod
    def of(cls, address: str, *, tls: bool, tls_ca: Path | None, token: str, service_config: str = "") -> Self:
        """The endpoint that `connect`'s arguments name.

        An address that is written as a URL, as other tools have theirs, is taken at its word: `https://` encrypts.
        """
        scheme, mark, place = address.partition("://")
        url = bool(mark) and scheme.lower() in ("http", "https")
        return cls(
            address=place.rstrip("/") if url else address,
            encrypted=tls or tls_ca is not None or (url and scheme.lower() == "https"),
            authorities=tls_ca.read_bytes() if tls_ca is not None else None,
            token=token,
            service_config=service_config,
        )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def dial(self) -> grpc.aio.Channel:
        """A channel of the running event loop."""
        if self.encrypted:
            return grpc.aio.secure_channel(self.address, self._credentials(), options=self._options())
        return grpc.aio.insecure_channel(self.address, options=self._options())

    def dial_plain(self) -> grpc.Channel:
        """A channel that blocks its caller, for threads."""
        if self.encrypted:
            return grpc.secure_channel(self.address, self._credentials(), options=self._options())
        return grpc.insecure_channel(self.address, options=self._options())

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authorities)

    def _options(self) -> _Options:
        rules: _Options = [("grpc.service_config", self.service_config)] if self.service_config else []
        return [
            *rules,
            ("grpc.enable_retries", 1),
            # Without its own pool a new channel would share the connection of the one that it replaces, half dead or
            # not.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            # gRPC waits a second before its second try and two minutes later on; a person waits for none of these.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
