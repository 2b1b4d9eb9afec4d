"""Whether the server can listen as it is configured: address, port, and the files of TLS.

`app` asks before it opens the store, because opening brings an older store up to date: a start that is bound to fail
must leave it to the release that uses it. Nothing is kept open, so `RpcServer.start` still has to take the port; what
it finds then is told in fewer words. `RpcServer` takes its credentials from here.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from pathlib import Path

import grpc

from cta_core.errors import InvalidInput
from cta_server.config import ServerSettings


def check_listening(settings: ServerSettings) -> None:
    """Raises `InvalidInput`, which names the key to change, when the server could not listen."""
    credentials(settings)
    try:
        # An empty host stands for every address, for gRPC as well.
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no name"
        raise InvalidInput.of("server.host", f"{settings.host} is not known here: {told}") from error
    refusals = [refusal for family, _, _, _, place in found if (refusal := _refusal(family, place)) is not None]
    # A name may stand for several addresses; gRPC is content with one.
    if len(refusals) == len(found):
        raise _named(settings, refusals[0]) from refusals[0]


def _refusal(family: int, place: tuple[object, ...]) -> OSError | None:
    """Why nobody can listen there; None where one can."""
    try:
        with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            # As gRPC does: connections that ended a moment ago do not count, a server that listens does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return error
    return None


def _named(settings: ServerSettings, refusal: OSError) -> InvalidInput:
    """What the operator has to change."""
    host, port = settings.host, settings.port
    if refusal.errno == errno.EADDRINUSE:
        return InvalidInput.of(
            "server.port", f"{port} is taken on {host}: another server is there; stop it, or choose another port"
        )
    if refusal.errno in (errno.EACCES, errno.EPERM):
        return InvalidInput.of("server.port", f"{port} may not be used by this user; choose one above 1023")
    if refusal.errno == errno.EADDRNOTAVAIL:
        return InvalidInput.of("server.host", f"{host} is no address of this machine")
    return InvalidInput.of("server.host", f"cannot listen on {host}: {refusal.strerror or refusal}")


def credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    """TLS by the settings' files; None without. Raises `InvalidInput`, which names the key of a file that is none."""
    if not settings.tls_cert:
        return None
    key, certificate = _read("tls_key", settings.tls_key), _read("tls_cert", settings.tls_cert)
    authorities = _read("tls_client_ca", settings.tls_client_ca) if settings.tls_client_ca else None
    _check_pair(settings)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authorities, require_client_auth=authorities is not None
    )


def _check_pair(settings: ServerSettings) -> None:
    """Refuses files that do not fit together; gRPC would say only that it cannot listen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a passphrase would be asked for at the terminal; gRPC cannot read one.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (ssl.SSLError, ValueError) as error:
        told = "they do not belong together" if "MISMATCH" in str(error) else "they must be PEM, without a passphrase"
        raise InvalidInput.of(
            "server.tls_cert", f"{settings.tls_cert} and {settings.tls_key} (server.tls_key) cannot be used: {told}"
        ) from error
    if settings.tls_client_ca:
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError as error:
            raise InvalidInput.of("server.tls_client_ca", f"{settings.tls_client_ca} must be PEM") from error


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput.of(f"server.{key}", f"{path} cannot be read: {error.strerror or error}") from error
