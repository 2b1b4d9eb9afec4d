"""The errors of the gRPC face itself, by what the caller can do about them. `errors` maps them like those of core and
runtime.

CtaError (core)
+-- PageTokenMismatch   the token belongs to another list: start at its first page
+-- TooManyCalls        (transient) too many calls of this kind are open: retry
|   +-- TracesBehind    (transient) too many traces wait to become runs: retry
+-- NotInThisVersion    a later version has it: look at GetServerInfo.features
+-- Unauthenticated     the call carries no token, or a wrong one
"""

from __future__ import annotations

from cta_core.errors import CtaError


class PageTokenMismatch(CtaError):
    """The page token is none, or belongs to a list with other filters."""

    def __init__(self) -> None:
        super().__init__(
            "the page token belongs to another list; leave it empty to start, and keep the filters between pages"
        )


class TooManyCalls(CtaError):
    """As many calls of this kind as the configuration allows are open."""

    def __init__(self, key: str, limit: int) -> None:
        self.key, self.limit = key, limit
        super().__init__(f"{limit} calls of this kind are open already (limits.{key}); retry in a moment")


class TracesBehind(TooManyCalls):
    """So many traces wait to become runs that no more are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__("exports", limit)
        self.args = (f"{limit} traces wait to become runs, more than are written; retry in a moment",)


class NotInThisVersion(CtaError):
    """The call belongs to the API, and a later version answers it."""

    def __init__(self, rpc: str) -> None:
        super().__init__(
            f"{rpc} is part of the API but not of this version; GetServerInfo lists the features there are"
        )


class Unauthenticated(CtaError):
    """The server wants a token and the call has none, or a wrong one."""

    def __init__(self) -> None:
        super().__init__("send the server's token as metadata: `authorization: Bearer TOKEN`")
