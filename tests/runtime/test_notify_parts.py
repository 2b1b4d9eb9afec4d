"""The pure parts of notifications: signature, envelope, waiting times, and which states are told."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cta_core.adapter.revision import AdapterRevision
from cta_core.incident import Incident, Mark, State
from cta_core.machine import AdapterState
from cta_core.notice import TYPES, Notice, of_adapter, of_incident
from cta_server.rpc.convert import notice as convert
from cta_server.runtime.notify.answer import LONGEST_ASKED, LONGEST_DELAY, Answer, delay, retry_after
from cta_server.runtime.notify.cloudevent import cloud_event, ping
from cta_server.runtime.notify.signature import signed_headers

KEYS = (b"k" * 24, b"n" * 64)
NOW = 1_800_000_000.0


def secret(key: bytes) -> str:
    """A key as it is written."""
    return f"whsec_{base64.b64encode(key).decode()}"


def escalated() -> Notice:
    """The notice of an incident that was escalated at NOW."""
    marks = (Mark(state=State.DETECTED, time=NOW - 1), Mark(state=State.ESCALATED, time=NOW))
    (notice,) = of_incident(
        Incident(incident_id="inc_1", stream_id="orders", revision=7, create_time=NOW - 1, marks=marks), 1
    )
    return notice


@pytest.mark.parametrize("key", KEYS)
def test_the_reference_library_accepts_the_signature_of_each_key(key: bytes) -> None:
    """While keys are exchanged a receiver that knows either of them can verify."""
    at = int(datetime.now(UTC).timestamp())
    headers = signed_headers(KEYS, "inc_1-2", at, b'{"a":1}')
    assert Webhook(secret(key)).verify(b'{"a":1}', headers) == {"a": 1}
    for change in ({"webhook-id": "inc_1-3"}, {"webhook-timestamp": str(at + 1)}, {"webhook-signature": "v1,AAAA"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret(key)).verify(b'{"a":1}', headers | change)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(b"o" * 24)).verify(b'{"a":1}', headers)


def test_without_keys_there_is_no_signature() -> None:
    """The id and the time are sent all the same: the id tells repeats."""
    assert signed_headers((), "x", 5, b"") == {"webhook-id": "x", "webhook-timestamp": "5"}


def test_a_notice_is_a_cloud_event_with_the_apis_message() -> None:
    """All attributes that CloudEvents asks for are there, and `data` is the incident in proto JSON."""
    body = cloud_event(escalated(), "urn:x", convert.data)
    assert cloud_event(escalated(), "urn:x", convert.data) == body
    event = json.loads(body)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": "inc_1-2",
        "source": "urn:x",
        "type": "act.cta.incident.escalated.v1",
        "subject": "orders/inc_1",
        "time": "2027-01-15T08:00:00.000Z",
        "datacontenttype": "application/json",
    }
    assert data["state"] == "INCIDENT_STATE_ESCALATED"
    assert data["revision"] == "7"
    assert data["marks"] == [{"state": "INCIDENT_STATE_ESCALATED", "time": "2027-01-15T08:00:00Z", "actor": "loop"}]


def test_an_adapter_is_told_without_its_program() -> None:
    """The message of an adapter's notice has its ids and its state, and no field for what it does."""
    (notice,) = of_adapter(
        AdapterRevision(adapter_id="adp_1", stream_id="orders", program=_program(), state=AdapterState.ACTIVE)
    )
    data = convert.data(notice)
    assert data == {
        "adapterId": "adp_1",
        "state": "ADAPTER_STATE_ACTIVE",
        "streamId": "orders",
        "author": "loop",
    }


def _program() -> object:
    from cta_core.adapter.program import Program
    from cta_core.adapter.steps import Rename

    return Program(steps=(Rename(source="/a", target="/b"),))


def test_a_ping_names_its_webhook() -> None:
    """A test event has a type of its own that no filter names."""
    event = json.loads(ping("png_1", "urn:x", "pager", NOW))
    assert (event["type"], event["subject"], event["data"]) == ("act.cta.ping.v1", "pager", {"webhook": "pager"})
    assert event["type"] not in TYPES


def test_every_state_is_told_or_a_step_of_milliseconds() -> None:
    """No state that stays is missing among the types."""
    told = {type_.split(".")[3].upper() for type_ in TYPES if ".incident." in type_}
    assert {state.value for state in State} - told == {"ANALYZING", "CANARY"}
    adapters = {type_.split(".")[3].upper() for type_ in TYPES if ".adapter." in type_}
    assert {state.value for state in AdapterState} - adapters == {"CANARY"}


def test_waits_double_up_to_a_limit_and_vary_by_half() -> None:
    """The first wait is 0.5 to 1 s, each is twice the former, none is longer than the limit, however many failed."""
    failed = Answer(status=500)
    assert [delay(number, failed, lambda: 0.0) for number in (1, 2, 3, 9)] == [0.5, 1.0, 2.0, 128.0]
    assert [delay(number, failed, lambda: 1.0) for number in (1, 2, 3, 9)] == [1.0, 2.0, 4.0, 256.0]
    assert delay(10_000, failed, lambda: 1.0) == LONGEST_DELAY


def test_a_receiver_that_asks_to_wait_is_left_alone_for_that_long() -> None:
    """`Retry-After` makes a wait longer, never shorter, and not longer than an hour."""
    assert delay(1, Answer(status=429, retry_after=30.0), lambda: 0.0) == 30.0
    assert delay(9, Answer(status=503, retry_after=1.0), lambda: 0.0) == 128.0
    assert delay(1, Answer(status=429, retry_after=1e9), lambda: 0.0) == LONGEST_ASKED


def test_a_retry_after_is_a_number_or_a_date() -> None:
    """Both forms of HTTP are understood, and nonsense asks for nothing."""
    later = format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after("120", NOW) == 120.0
    assert retry_after(later, NOW) == 90.0
    assert [retry_after(text, NOW) for text in ("", "soon", "-5", "1e9", "Mon, 99 Foo", "\u0661")] == [0.0] * 6


@pytest.mark.parametrize(
    ("answer", "words", "taken"),
    [
        (Answer(status=204), "", True),
        (Answer(status=302), "answered 302; redirects are not followed", False),
        (Answer(status=404), "answered 404", False),
        (Answer(error="cannot be reached: Connection refused"), "cannot be reached: Connection refused", False),
    ],
)
def test_an_answer_says_what_went_wrong(answer: Answer, words: str, taken: bool) -> None:
    """Only 2xx is taken; everything else has words."""
    assert (answer.words, answer.taken) == (words, taken)
