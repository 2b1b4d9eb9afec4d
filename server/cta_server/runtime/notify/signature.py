"""The signature of an event, in the scheme of Standard Webhooks. Pure; called for every attempt.

What is signed is the id, the time of the attempt and the body, so that a receiver can refuse what was changed, and what
was recorded and is played again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed_headers(keys: Sequence[bytes], id_: str, time: int, body: bytes) -> dict[str, str]:
    """The headers `webhook-id` and `webhook-timestamp`, and `webhook-signature` with a signature for each key."""
    headers = {"webhook-id": id_, "webhook-timestamp": str(time)}
    if keys:
        content = b".".join((id_.encode(), str(time).encode(), body))
        made = (hmac.digest(key, content, hashlib.sha256) for key in keys)
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)
    return headers
