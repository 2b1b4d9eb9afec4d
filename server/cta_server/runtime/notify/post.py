"""One attempt over HTTP: the body goes out, a status comes back, within a time.

It follows no redirect, verifies certificates, keeps no cookies, uses no proxy and reads nothing of the answer's body.
It decides nothing about what the status means.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from cta_core.errors import InvalidInput
from cta_server.runtime.notify.answer import Answer, retry_after

if TYPE_CHECKING:
    import aiohttp


class Post(Protocol):
    """Sends one body."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer. Raises nothing but what cancels it."""
        ...


def load_library() -> None:
    """Imports the library for HTTP, which takes half a second that the event loop should not wait for.

    Raises `InvalidInput` where it is missing.
    """
    try:
        importlib.import_module("aiohttp")
    except ImportError:
        raise InvalidInput.of("notify.webhooks", "need an HTTP client: pip install 'cta-act[webhooks]'") from None


class HttpPost:
    """Sends by aiohttp. Without webhooks it is never called, and the library need not be there."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer."""
        import aiohttp  # noqa: PLC0415 - see the class
        from yarl import URL  # noqa: PLC0415 - as above

        if self._session is None:
            # Each receiver is asked once at a time, so the pool needs no limit.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        began = time.monotonic()
        status, wait, error = 0, 0.0, ""
        try:
            async with self._session.post(
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                status = response.status
                wait = retry_after(response.headers.get("retry-after", ""), self._clock())
        except TimeoutError:
            error = f"no answer within {seconds:g} s"
        except aiohttp.ClientConnectorCertificateError:
            error = "its certificate is not trusted"
        except aiohttp.ClientConnectorDNSError:
            error = "its host has no address"
        except aiohttp.ClientConnectorError as failed:
            # The system's own words for the number: the exception's text names the address.
            number = failed.os_error.errno
            error = f"cannot be reached: {os.strerror(number) if number else 'no address of its host answers'}"
        except (aiohttp.ClientError, OSError, ValueError) as failed:
            error = f"no HTTP answer: {type(failed).__name__}"
        return Answer(status=status, retry_after=wait, error=error, seconds=time.monotonic() - began)

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # connections close in the loop's next turn
