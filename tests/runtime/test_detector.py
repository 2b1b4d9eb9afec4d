"""The detector: which failures are of one cause, and when they become an incident."""

from __future__ import annotations

from cta_core.incident import Incident, State
from cta_core.quarantine import HeldBreach, HeldReason
from cta_server.runtime.detector import WINDOW_SECONDS, Detector, adapter_key, gate_key, stage_key


def key(*paths: str) -> str:
    """The key of an event in which these fields are missing."""
    return gate_key(HeldReason.CONTRACT, [HeldBreach(path=path, rule="required", message="") for path in paths])


def incident(failure: str, state: State = State.CANARY, adapter_id: str = "") -> Incident:
    """An open incident for failures of one kind."""
    return Incident(incident_id="inc_1", stream_id="s", state=state, failure_keys=(failure,), adapter_id=adapter_id)


def test_the_fifth_failure_opens_one_incident() -> None:
    """The policy's number of failures opens an incident once, and further failures do not open another."""
    detector = Detector()
    assert detector.count("s", [key("/amount")] * 4, 0.0, 5) == []
    assert detector.count("s", [key("/amount")] * 3, 1.0, 5) == [key("/amount")]
    assert detector.count("s", [key("/amount")] * 9, 2.0, 5) == []


def test_stray_failures_never_add_up() -> None:
    """Failures further apart than the window do not open an incident."""
    detector = Detector()
    for day in range(20):
        assert detector.count("s", [key("/amount")], day * WINDOW_SECONDS, 5) == []


def test_streams_and_keys_are_counted_apart() -> None:
    """Failures of other streams or of another kind do not help to open an incident."""
    detector = Detector()
    assert detector.count("a", [key("/amount")] * 4, 0.0, 5) == []
    assert detector.count("b", [key("/amount")] * 4, 0.0, 5) == []
    assert detector.count("a", [key("/currency")] * 4, 0.0, 5) == []


def test_array_members_fail_alike() -> None:
    """The third item of an array that fails is the same failure as the first."""
    assert key("/items/0/qty") == key("/items/2/qty")


def test_a_shared_rule_is_the_same_cause_while_the_incident_is_open() -> None:
    """An event that breaks a rule of an open incident belongs to it, one that breaks another does not."""
    detector = Detector()
    detector.changed(incident(key("/amount", "/currency")))
    assert detector.incident_for("s", key("/amount")) == "inc_1"
    assert detector.incident_for("s", key("/amount", "/other")) == "inc_1"
    assert detector.incident_for("s", key("/other")) == ""
    assert detector.incident_for("t", key("/amount")) == ""


def test_a_promoted_incident_takes_only_its_adapters_refusals() -> None:
    """After the promotion the same breach is news, while what the adapter refuses still belongs to its incident."""
    detector = Detector()
    detector.changed(incident(key("/amount"), State.PROMOTED, "adp_1"))
    assert detector.incident_for("s", key("/amount")) == ""
    refused = adapter_key("adp_1", gate_key(HeldReason.ADAPTER_REFUSED, []))
    assert detector.incident_for("s", refused) == "inc_1"


def test_a_resolved_incident_takes_nothing() -> None:
    """Once it is resolved its failures count anew."""
    detector = Detector()
    detector.changed(incident(key("/amount")))
    detector.changed(incident(key("/amount"), State.RESOLVED))
    assert detector.incident_for("s", key("/amount")) == ""
    assert detector.count("s", [key("/amount")] * 5, 0.0, 5) == [key("/amount")]


def test_stage_failures_have_their_own_key() -> None:
    """Stage and error class make the key; the same error in another stage is another cause."""
    assert stage_key("Auditor", "KeyError") != stage_key("Intake", "KeyError")


def test_hostile_paths_keep_keys_small() -> None:
    """A thousand broken fields with long names make a bounded key."""
    assert len(key(*(f"/{'x' * 500}{i}" for i in range(1000)))) < 64 * 220
