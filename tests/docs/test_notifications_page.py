"""What the page of notifications shows is what the server sends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import ParseDict

from cta.v1.incident_pb2 import Incident
from cta_core.incident import Incident as CoreIncident
from cta_core.incident import Mark, State
from cta_core.notice import of_incident
from cta_server.rpc.convert import notice as convert
from cta_server.runtime.notify.cloudevent import cloud_event
from cta_server.runtime.notify.signature import signed_headers
from helpers.pages import DOCS, blocks

PAGE = blocks(DOCS / "notifications.md")
SECRET = "whsec_" + "b2YtYS10ZXN0LWFuZC1vZi1ub3RoaW5nLWVsc2U="


def verifier() -> Callable[[str, dict[str, str], bytes], bool]:
    """The page's own function."""
    (block,) = (block for block in PAGE if block.language == "python")
    names: dict[str, Any] = {}
    exec(compile(block.text, "notifications.md", "exec"), names)  # noqa: S102 - the page's code is what is tested
    found: Callable[[str, dict[str, str], bytes], bool] = names["verified"]
    return found


def test_the_pages_verifier_accepts_what_is_signed_and_nothing_else() -> None:
    """Another secret, another body, another id and an old time are all refused; a second secret is accepted."""
    verified = verifier()
    now = int(time.time())
    keys = (b"another-secret-of-a-test", b"of-a-test-and-of-nothing-else")
    headers = signed_headers(keys, "inc_1-2", now, b"{}")
    assert verified(SECRET, headers, b"{}")
    assert not verified("whsec_c29tZWJvZHktZWxzZXMtc2VjcmV0LWtleQ==", headers, b"{}")
    assert not verified(SECRET, headers, b"{ }")
    assert not verified(SECRET, headers | {"webhook-id": "inc_1-3"}, b"{}")
    assert not verified(SECRET, signed_headers(keys, "inc_1-2", now - 600, b"{}"), b"{}")


def test_the_pages_event_has_the_fields_of_a_real_one() -> None:
    """The example has every attribute of an event and no other; its data is an incident of the API."""
    (block,) = (block for block in PAGE if block.language == "json")
    shown = json.loads(block.text)
    marks = (Mark(state=State.AWAITING_APPROVAL, time=1.0),)
    real = CoreIncident(
        incident_id="inc_1", stream_id="payments", adapter_id="a", confidence=0.5, marks=marks, revision=1
    )
    (told,) = of_incident(real, 0)
    sent = json.loads(cloud_event(told, "urn:x", convert.data))
    assert list(shown) == list(sent)
    assert set(shown["data"]) <= set(sent["data"])
    assert shown["subject"] == f"payments/{ParseDict(shown['data'], Incident()).incident_id}"
