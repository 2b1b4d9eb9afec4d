"""What the command line reads: lines, settings, pages."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta.v1.event_pb2 import OUTCOME_KIND_QUARANTINED
from cta.v1.event_service_pb2 import PackedDetail
from cta.v1.stream_pb2 import AUTONOMY_SUGGEST, MASK_METHOD_DROP, MASK_METHOD_HASH
from cta.v1.stream_service_pb2 import ListStreamsRequest, ListStreamsResponse
from cta_client.cli import inputs
from cta_client.cli.pages import collect
from cta_client.cli.processing import Batch
from cta_client.cli.settings import masks_of, names, policy_of
from cta_client.cli.verbs.faults import parsed


def test_lines_are_bytes_as_they_are(tmp_path: Path) -> None:
    """Broken text is read like any other: the gate decides, not the reader."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"a":1}\r\n\n  {"b": "\xff"}\n{"c":3}')
    assert list(inputs.read(str(file))) == [b'{"a":1}', b'{"b": "\xff"}', b'{"c":3}']


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=1200))
def test_batches_lose_nothing_and_keep_order(lines: list[bytes]) -> None:
    """Whatever the lines, each is sent once, in order, in calls that fit."""
    found = list(inputs.batches(lines))
    assert [line for batch in found for line in batch] == lines
    assert all(0 < len(batch) <= inputs.BATCH_EVENTS for batch in found)


def test_large_events_go_in_small_calls() -> None:
    """No call has more bytes than the API takes, unless one event alone does."""
    lines = [b"x" * 900_000] * 5 + [b"y" * 5_000_000] + [b"z"]
    found = list(inputs.batches(lines))
    assert [len(batch) for batch in found] == [2, 2, 1, 1, 1]


def test_what_fits_no_call_is_told_after_the_rest() -> None:
    """An event beyond the wire's limit stops the sending, and what came before it was sent."""
    sent = []
    with pytest.raises(click.UsageError, match="Event 2 has"):
        sent.extend(inputs.batches([b"a", b"x" * (inputs.EVENT_BYTES + 1), b"b"]))
    found = inputs.batches([b"a", b"x" * (inputs.EVENT_BYTES + 1)])
    assert next(found) == [b"a"]


def test_settings_become_a_policy() -> None:
    """Every kind of field is written as a person writes it."""
    policy, paths = policy_of(
        ("autonomy=suggest", "bake=2", "canary.wait=0.5s", "canary.max_error_rate=0.02", "max_depth=50")
    )
    assert policy.autonomy == AUTONOMY_SUGGEST
    assert policy.bake.seconds == 2
    assert policy.canary.wait.nanos == 500_000_000
    assert policy.canary.max_error_rate == 0.02
    assert policy.max_depth == 50
    assert paths == (
        "policy.autonomy",
        "policy.bake",
        "policy.canary.wait",
        "policy.canary.max_error_rate",
        "policy.max_depth",
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("max_depth=deep", "--set max_depth=deep: write a number."),
        ("max_depth=1.5", "--set max_depth=1.5: "),
        ("bake=abc", "--set bake=abc: write a time like 30s, 5m, 12h or 7d."),
        ("bake=-3", "--set bake=-3: write a time"),
        ("autonomy=LOUD", "--set autonomy=LOUD: there are OBSERVE, SUGGEST, "),
        ("canary=5", "--set canary=5: it has parts. There are canary.max_error_rate, "),
        ("bakes=5", "Did you mean bake?"),
        ("bake", "write NAME=VALUE"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(setting: str, told: str) -> None:
    """A value that its field cannot take is a usage error with what was typed and what would be right."""
    with pytest.raises(click.UsageError, match=re.escape(told)) as refused:
        policy_of(("autonomy=suggest", setting))
    assert "suggest" not in refused.value.message


def test_an_option_of_its_own_is_named_as_it_was_typed() -> None:
    """`--keep-events 7x` is told by that option, not by the setting that it stands for."""
    with pytest.raises(click.UsageError, match=r"^--keep-events 7x: write a time like"):
        policy_of((), {"keep_events": "7x"})
    policy, paths = policy_of(("bake=5m",), {"keep_events": "7d"})
    assert (policy.bake.seconds, policy.keep_events.seconds) == (300, 7 * 86400)
    assert paths == ("policy.bake", "policy.keep_events")


def test_a_line_keeps_its_number(tmp_path: Path) -> None:
    """Empty lines are no events, but they count as lines."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}\n\n \n[]\n")
    numbers: list[int] = []
    assert list(inputs.read(str(file), numbers)) == [b"{}", b"[]"]
    assert numbers == [1, 4]


def test_like_events_are_told_together() -> None:
    """Events of one call with the same outcome for the same reason are one row, with their lines and the field."""
    details = [PackedDetail(index=index, path="/a", message="is missing") for index in (0, 1, 3, 5, 7)]
    details.append(PackedDetail(index=2, message="the event is not JSON"))
    batch = Batch(kinds=[OUTCOME_KIND_QUARANTINED] * 9, details=details)
    first, second = batch.troubles(range(11, 20))
    assert (first.where, first.why) == ("11-12,14,16,...", "/a: is missing")
    assert first.lines == (11, 12, 14, 16, 18)
    assert (second.where, second.why) == ("13", "the event is not JSON")


def test_every_field_of_the_policy_can_be_set() -> None:
    """The names come from the API's own message."""
    assert {"autonomy", "min_confidence", "canary.sureness", "keep_recent", "stage_timeout"} <= set(names())


def test_parameters_are_json_where_they_can_be() -> None:
    """Numbers stay numbers, words need no quotes."""
    assert parsed(("to=amt", "factor=100", 'map={"a": 1}', "text=1 2")) == {
        "to": "amt",
        "factor": 100,
        "map": {"a": 1},
        "text": "1 2",
    }


class Pages:
    """A list call over numbered streams, three a page."""

    def __init__(self, total: int) -> None:
        self.total, self.sizes = total, list[int]()

    async def __call__(self, request: ListStreamsRequest) -> ListStreamsResponse:
        """One page."""
        self.sizes.append(request.page_size)
        begin = int(request.page_token or 0)
        stop = min(begin + min(request.page_size, 3), self.total)
        answer = ListStreamsResponse(next_page_token=str(stop) if stop < self.total else "")
        for number in range(begin, stop):
            answer.streams.add(stream_id=f"s{number}")
        return answer


@pytest.mark.parametrize(("limit", "count", "more"), [(0, 10, False), (4, 4, True), (10, 10, False), (99, 10, False)])
async def test_pages_are_walked_to_the_limit(limit: int, count: int, more: bool) -> None:
    """There are as many entries as were asked for, each once, and the token says whether there are more."""
    answer = await collect(Pages(10), ListStreamsRequest(), limit)
    assert [stream.stream_id for stream in answer.streams] == [f"s{number}" for number in range(count)]
    assert bool(answer.next_page_token) is more


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("500ms", 0.5), ("0.5s", 0.5), ("90m", 5400), ("12h", 43200), ("1.5d", 129600), ("30d", 2592000)],
)
def test_ages_have_units(text: str, seconds: float) -> None:
    """Seconds, minutes, hours and days; a bare number is seconds."""
    policy, paths = policy_of([f"keep_events={text}"])
    assert policy.keep_events.ToTimedelta().total_seconds() == seconds
    assert paths == ("policy.keep_events",)


def test_masks_are_a_pointer_and_a_method() -> None:
    """A pointer alone is a hash, and a pointer may hold an equals sign."""
    found = masks_of(["/card=hash", "/note=DROP", "/holder", "/a=b=hash"])
    assert [(mask.path, mask.method) for mask in found] == [
        ("/card", MASK_METHOD_HASH),
        ("/note", MASK_METHOD_DROP),
        ("/holder", MASK_METHOD_HASH),
        ("/a=b", MASK_METHOD_HASH),
    ]


@pytest.mark.parametrize("text", ["/card=cut", "/card=", "=hash=", "/card=MASK_METHOD_HASH"])
def test_an_unknown_method_is_refused_with_an_example(text: str) -> None:
    """The error shows how a mask is written."""
    with pytest.raises(click.UsageError, match="POINTER=drop"):
        masks_of([text])
