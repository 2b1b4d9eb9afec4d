"""Streams and their policies between messages and the core, and updates by mask."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cta.v1 import stream_pb2 as api
from cta_core.errors import InvalidInput
from cta_core.privacy import Mask
from cta_core.profile import Profile
from cta_core.stream import Autonomy, CanaryPolicy, InConsumer, Policy, Stream
from cta_server.rpc.convert.problems import Problems
from cta_server.rpc.convert.stream import (
    STREAM_STATE,
    UPDATABLE,
    change_of,
    fields_of,
    policy,
    policy_of,
    stream,
    stream_of,
)

# Whole milliseconds: durations are kept to the microsecond.
MILLIS = st.integers(0, 10**7).map(float)
SECONDS = st.integers(0, 10**6).map(lambda n: n / 1000)
SHARES = st.floats(0.001, 0.999)
COUNTS = st.integers(1, 2**31 - 1)

POLICIES = st.builds(
    Policy,
    autonomy=st.sampled_from(Autonomy),
    silent_autonomy=st.sampled_from(Autonomy),
    min_confidence=st.floats(0, 1),
    open_after=COUNTS,
    analysis_events=COUNTS,
    analysis_wait_seconds=SECONDS,
    analysis_sample=COUNTS,
    canary=st.builds(
        CanaryPolicy,
        max_error_rate=SHARES,
        max_p95_ms=MILLIS,
        sureness=SHARES,
        min_events=st.integers(0, 2**31 - 1),
        max_events=COUNTS,
        wait_seconds=SECONDS,
        in_consumer=st.sampled_from(InConsumer),
    ),
    bake_seconds=SECONDS,
    bake_max_error_rate=SHARES,
    stage_timeout_ms=MILLIS,
    max_event_bytes=COUNTS,
    max_depth=COUNTS,
    max_quarantined=COUNTS,
    keep_recent=COUNTS,
).filter(lambda policy: not list(policy.problems()))


@given(core=POLICIES)
def test_a_policy_survives_the_way_to_a_message_and_back(core: Policy) -> None:
    """Every field of a policy is set in the message and read back, whatever the defaults are."""
    problems = Problems()
    other = Policy(autonomy=Autonomy.OBSERVE, min_confidence=0.1, open_after=77, bake_seconds=1.25)
    assert policy_of(policy(core), other, "policy", problems) == core
    problems.check()


def test_the_message_has_every_field_of_the_policy() -> None:
    """No field of the core's policy is missing from the contract."""
    assert len(api.Policy.DESCRIPTOR.fields) == len(Policy.__struct_fields__)
    assert len(api.CanaryPolicy.DESCRIPTOR.fields) == len(CanaryPolicy.__struct_fields__)


def test_fields_that_a_policy_leaves_open_take_the_servers_default() -> None:
    """An unset field is the configured default, and a field set to zero is zero."""
    defaults = Policy(autonomy=Autonomy.SUGGEST, min_confidence=0.5, open_after=9)
    problems = Problems()
    read = policy_of(api.Policy(min_confidence=0.0), defaults, "policy", problems)
    problems.check()
    assert (read.autonomy, read.min_confidence, read.open_after) == (Autonomy.SUGGEST, 0.0, 9)


def test_everything_wrong_with_a_stream_is_said_at_once() -> None:
    """A bad id, a share out of range, a negative duration and an unknown enum are all named, as the API names them."""
    message = api.Stream(stream_id="No Good", policy=api.Policy(autonomy=9))  # type: ignore[arg-type]
    message.policy.bake.seconds = -1
    problems = Problems()
    stream_of(message, Policy(), problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert {v.field for v in raised.value.violations} == {
        "stream.stream_id",
        "stream.policy.autonomy",
        "stream.policy.bake",
    }
    problems = Problems()
    message = api.Stream(stream_id="good", policy=api.Policy(canary=api.CanaryPolicy(sureness=1.5), open_after=0))
    message.policy.min_confidence = 2
    stream_of(message, Policy(), problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    assert {v.field for v in raised.value.violations} == {
        "stream.policy.canary.sureness",
        "stream.policy.open_after",
        "stream.policy.min_confidence",
    }


def test_an_update_changes_only_what_its_mask_names() -> None:
    """Fields of policy and canary change one by one; what the mask does not name stays."""
    old = Stream(stream_id="s", description="old", consumer="payments", policy=Policy(open_after=9, bake_seconds=5.0))
    new = Stream(
        stream_id="s",
        description="new",
        contract=b"{}",
        policy=Policy(bake_seconds=7.0, min_confidence=0.4, canary=CanaryPolicy(max_events=10, sureness=0.5)),
    )
    problems = Problems()
    change = change_of(new, ["description", "policy.bake", "policy.canary.max_events"], problems)
    problems.check()
    changed = change(old)
    assert changed == msgspec.structs.replace(
        old,
        description="new",
        policy=Policy(open_after=9, bake_seconds=7.0, canary=CanaryPolicy(max_events=10)),
    )


@pytest.mark.parametrize("path", UPDATABLE)
def test_every_path_that_a_mask_may_name_changes_something(path: str) -> None:
    """A mask of one path takes that field from the new stream."""
    old = Stream(stream_id="s")
    values = {
        "autonomy": Autonomy.OBSERVE,
        "silent_autonomy": Autonomy.OBSERVE,
        "canary": CanaryPolicy(
            max_error_rate=0.2,
            max_p95_ms=1,
            sureness=0.2,
            min_events=2,
            max_events=2,
            wait_seconds=2,
            in_consumer=InConsumer.OFF,
        ),
    }
    other = {n: values.get(n, 0.5) for n in Policy.__struct_fields__}
    new = Stream(
        stream_id="s", description="d", contract=b"{}", consumer="c", policy=Policy(**other), masks=(Mask(path="/a"),)
    )
    problems = Problems()
    change = change_of(new, [path], problems)
    problems.check()
    assert change(old) != old


def test_a_mask_with_unknown_paths_names_the_nearest_known_one() -> None:
    """A slip in a path is refused with what was probably meant; so is an empty mask."""
    problems = Problems()
    change_of(Stream(stream_id="s"), ["policy.autonmy", "revision"], problems)
    change_of(Stream(stream_id="s"), [], problems)
    with pytest.raises(InvalidInput) as raised:
        problems.check()
    first, second, third = raised.value.violations
    assert (first.field, first.remedy) == ("update_mask.paths[0]", "did you mean policy.autonomy?")
    assert second.field == "update_mask.paths[1]"
    assert third.field == "update_mask"


def test_a_stream_shows_its_contracts_as_text_and_its_times() -> None:
    """Declared and learned contract, times to the microsecond and the given status stand in the message."""
    core = Stream(
        stream_id="s", contract=b'{"type":"object"}', learned=b"{}", create_time=1.25, update_time=1_700_000_000.5
    )
    message = stream(core, state=STREAM_STATE["HEALED"], held_count=4)
    assert message.contract_json == '{"type":"object"}'
    assert message.learned_contract_json == "{}"
    assert (message.create_time.seconds, message.create_time.nanos) == (1, 250_000_000)
    assert message.update_time.ToMilliseconds() == 1_700_000_000_500
    assert (message.state, message.held_count) == (api.STREAM_STATE_HEALED, 4)


def test_a_profile_shows_shares_types_quantiles_and_masked_patterns() -> None:
    """Each field of the profile is there by its path; numbers have quantiles, texts have masks without their values."""
    profile = Profile.of([{"id": f"ab-{n}", "amount": n, "note": None if n % 2 else "x"} for n in range(10)])
    amount, id_, note = fields_of(profile)
    assert (amount.path, id_.path, note.path) == ("/amount", "/id", "/note")
    assert (amount.present_share, list(amount.types)) == (1.0, ["integer"])
    assert len(amount.quantiles) == 5
    assert list(amount.quantiles) == sorted(amount.quantiles)
    assert not id_.quantiles
    assert id_.patterns
    assert not any("ab" in pattern for pattern in id_.patterns)
    assert note.null_share == 0.5
