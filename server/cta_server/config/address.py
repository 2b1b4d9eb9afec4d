"""Addresses in the configuration: what may be called over HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit


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
