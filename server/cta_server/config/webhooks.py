"""The configuration's keys about notifications: which webhooks there are, what each is told, and where secrets lie.

Data and its rules only; `runtime.notify` sends. A webhook's address may itself be a secret, so nothing here shows more
of it than its host.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from cta_core.errors import InvalidInput, Violation
from cta_core.notice import TYPES
from cta_server.config.address import is_address

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PATTERN: Final = re.compile(r"[A-Za-z0-9_.*?-]{1,128}")
SOURCE: Final = re.compile(r"[!-~]{1,200}")
"""A URI reference without blanks; longer ones serve nobody."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
SECRET_BYTES: Final = range(24, 65)
"""Lengths that Standard Webhooks allows: 192 to 512 bits."""
KEPT_SECONDS: Final = 30 * 86_400.0
"""How long notices are kept for webhooks that are behind: ten times the default of `max_age_seconds`."""


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One receiver of notifications."""

    name: str
    """Name in `cta system webhooks`, in the log, and of its place in the journal: small letters, digits, `_`, `-`."""
    url: str
    """Where events are posted, http(s)://HOST[:PORT][/PATH][?QUERY]. Only its host is ever shown."""
    secrets: tuple[str, ...] = ()
    """Keys of the signature, each `whsec_BASE64`, or better `env:VARIABLE` or `file:PATH` that holds such a text. Each
    signs every event, so that a new one can be added before the old one goes. None: events are not signed."""
    types: tuple[str, ...] = ("*",)
    """Types of events that are sent, as patterns with `*` and `?`: `act.cta.incident.*`."""
    streams: tuple[str, ...] = ("*",)
    """Streams whose events are sent, as patterns with `*` and `?`."""
    timeout_seconds: float = 10.0
    """How long the receiver may take to answer, seconds. It should take the event and work later."""
    max_age_seconds: float = 259_200.0
    """How old an event may grow while it cannot be delivered, seconds; then it is skipped, counted and logged. 3 days:
    a weekend. At most 30 days."""

    @property
    def host(self) -> str:
        """What may be shown of the address: scheme, host and port."""
        found = urlsplit(self.url)
        host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
        return f"{found.scheme}://{host}{f':{found.port}' if found.port else ''}"

    @property
    def wanted_types(self) -> tuple[str, ...]:
        """The types that are sent, each by name."""
        return tuple(type_ for type_ in TYPES if any(fnmatchcase(type_, pattern) for pattern in self.types))

    @property
    def wanted_streams(self) -> tuple[str, ...]:
        """The patterns of streams; none where all are sent."""
        return () if "*" in self.streams else self.streams

    def shown(self) -> dict[str, Any]:
        """The settings without what is secret."""
        return {**msgspec.structs.asdict(self), "url": self.host, "secrets": ["(set)"] * len(self.secrets)}

    def keys(self, environment: Mapping[str, str], where: str) -> tuple[bytes, ...]:
        """The secrets, read. Raises `InvalidInput` with every one that is missing or none."""
        found: list[Violation] = []
        keys: list[bytes] = []
        for index, text in enumerate(self.secrets):
            try:
                keys.append(_key(_resolved(text, environment)))
            except ValueError as error:
                found.append(Violation(f"{where}.secrets[{index}]", str(error)))
        if found:
            raise InvalidInput(found)
        return tuple(keys)

    def problems(self, where: str) -> Iterator[Violation]:
        """What is wrong with the values, by key."""
        if not NAME.fullmatch(self.name):
            yield Violation(f"{where}.name", "must be 1 to 63 small letters, digits, `_` and `-`")
        if not is_address(self.url, query=True):
            yield Violation(f"{where}.url", "must be http(s)://HOST[:PORT][/PATH][?QUERY] without user and fragment")
        for index, pattern in enumerate(self.types):
            if not any(fnmatchcase(type_, pattern) for type_ in TYPES):
                yield Violation(f"{where}.types[{index}]", f"{pattern!r} fits no type; there are {', '.join(TYPES)}")
        for index, pattern in enumerate(self.streams):
            if not PATTERN.fullmatch(pattern):
                yield Violation(f"{where}.streams[{index}]", "must be a stream's id, with `*` and `?` for any")
        for name in ("types", "streams"):
            if not getattr(self, name):
                yield Violation(f"{where}.{name}", 'names nothing; leave it out, or say ["*"], for all')
        if not 0.1 <= self.timeout_seconds <= 60:
            yield Violation(f"{where}.timeout_seconds", "must lie between 0.1 and 60")
        if not 1 <= self.max_age_seconds <= KEPT_SECONDS:
            yield Violation(f"{where}.max_age_seconds", f"must lie between 1 and {KEPT_SECONDS:.0f}, 30 days")


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told what happens."""

    source: str = ""
    """The `source` of every event, a URI that names this installation; empty: `urn:cta-act:ID`, with an id that the
    store keeps."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """The receivers."""

    def problems(self) -> Iterator[Violation]:
        """What is wrong with the values, by key."""
        if self.source and not SOURCE.fullmatch(self.source):
            yield Violation("notify.source", "must be a URI of at most 200 printable ASCII letters without blanks")
        known: set[str] = set()
        for index, webhook in enumerate(self.webhooks):
            yield from webhook.problems(f"notify.webhooks[{index}]")
            if webhook.name in known:
                yield Violation(f"notify.webhooks[{index}].name", f"{webhook.name!r} is taken; each needs its own")
            known.add(webhook.name)


def _resolved(text: str, environment: Mapping[str, str]) -> str:
    """The secret's text, wherever it lies. Raises `ValueError` without quoting it."""
    kind, _, place = text.partition(":")
    if kind == "env":
        if not environment.get(place):
            raise ValueError(f"the environment has no {place}")
        return environment[place].strip()
    if kind == "file":
        try:
            return Path(place).read_text(encoding="ascii").strip()
        except UnicodeDecodeError:
            raise ValueError(f"{place} holds no secret: it must be whsec_ and base64") from None
        except OSError as error:
            raise ValueError(f"{place} cannot be read: {error.strerror or 'no such file'}") from None
    return text


def _key(secret: str) -> bytes:
    """The bytes that sign. Raises `ValueError` without quoting the secret."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("must be whsec_ and base64, or env:VARIABLE or file:PATH that holds such a text")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is whsec_ and no base64 after it") from None
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"has {len(key)} bytes; Standard Webhooks asks for 24 to 64")
    return key
