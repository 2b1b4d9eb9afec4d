"""Addresses in the configuration: what may be called over HTTP, and an address without its password."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

HIDDEN: Final = "***"
"""Stands where a password was."""

# To the last `@`: a password that was not written as it should be, with `/` or `@` in it, is hidden whole.
_PASSWORD: Final = re.compile(r"(?<=://)([^:/?#@]*):.*@", re.DOTALL)


def is_address(text: str, *, query: bool) -> bool:
    """Whether it is `http(s)://HOST[:PORT][/PATH]`, without user and fragment, in printable ASCII without blanks.

    Args:
        text: The address.
        query: A query may follow.
    """
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    more = found.fragment or "@" in found.netloc or (found.query and not query)
    return found.scheme in ("http", "https") and bool(found.hostname) and port != 0 and plain and not more


def without_password(url: str) -> str:
    """The address as it may be shown: who asks and where stay, `***` stands for the password."""
    return _PASSWORD.sub(rf"\1:{HIDDEN}@", url)
