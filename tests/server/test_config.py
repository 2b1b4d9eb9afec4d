"""The configuration: four places, one result, every mistake told at once."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from cta_core.errors import InvalidInput
from cta_core.stream import Autonomy, Policy
from cta_server.config import Origin, Settings, config_reference, load


def violations(
    file: Path | None = None, environment: dict[str, str] | None = None, flags: dict[str, str] | None = None
) -> dict[str, str]:
    """What is wrong with a configuration."""
    with pytest.raises(InvalidInput) as raised:
        load(file, environment, flags)
    return {violation.field: violation.remedy for violation in raised.value.violations}


def test_later_places_win_and_the_origin_of_each_value_is_known(tmp_path: Path) -> None:
    """Defaults give way to the file, the file to the environment, the environment to flags."""
    file = tmp_path / "cta.toml"
    file.write_text('[server]\nhost = "::1"\nport = 1\n[limits]\nwatches = 7\n[policy.canary]\nmax_events = 500\n')
    made = load(file, {"CTA_SERVER_PORT": "2", "CTA_LOG_LEVEL": "debug"}, {"log.level": "error"})
    settings = made.settings
    assert (settings.server.host, settings.server.port, settings.log.level) == ("::1", 2, "error")
    assert (settings.limits.watches, settings.policy.canary.max_events) == (7, 500)
    origins = {key: origin for key, _, origin in made.entries()}
    assert origins["server.host"] is Origin.FILE
    assert origins["server.port"] is Origin.ENVIRONMENT
    assert origins["log.level"] is Origin.FLAG
    assert origins["store.path"] is Origin.DEFAULT


def test_without_anything_the_defaults_count() -> None:
    """The server runs without a file; the demonstration's consumer is known."""
    settings = load().settings
    assert settings == Settings()
    assert (settings.server.host, settings.server.port, settings.policy) == ("127.0.0.1", 50510, Policy())
    assert [stage.name for stage in settings.consumers["payments"].stages] == ["Intake", "Retriever", "Auditor"]
    assert [stage.kind for stage in settings.consumers["payments"].stages] == ["step", "tool", "step"]


def test_unknown_keys_are_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    """A slip in the file, the environment or a flag is named with what was probably meant, all at once."""
    file = tmp_path / "cta.toml"
    file.write_text('[server]\nprot = 1\n[stroe]\npath = "x"\n')
    found = violations(file, {"CTA_LIMITS_WATCHE": "1"}, {"log.levl": "debug"})
    assert found == {
        "server.prot": "is no key of the configuration; did you mean server.port?",
        "stroe": "is no key of the configuration; did you mean store?",
        "CTA_LIMITS_WATCHE": "is no key of the configuration; did you mean CTA_LIMITS_WATCHES?",
        "log.levl": "is no key of the configuration; did you mean log.level?",
    }


def test_variables_of_the_client_are_left_alone() -> None:
    """CTA_SERVER and CTA_TOKEN name the server and the token of the command line, and are no keys of the server."""
    assert load(None, {"CTA_SERVER": "host:1", "CTA_TOKEN": "t", "HOME": "/"}).settings == Settings()


def test_values_of_the_wrong_type_are_told_with_their_place(tmp_path: Path) -> None:
    """A text for a number, a number for a section and a stage without its call are told together."""
    file = tmp_path / "cta.toml"
    file.write_text('log = 1\n[server]\nport = "80"\n[consumers.mine]\nstages = [{name = "A"}]\n')
    found = violations(file, {"CTA_SERVER_REFLECTION": "perhaps"})
    assert set(found) == {"log", "server.port", "consumers.mine", "server.reflection"}
    assert "environment" in found["server.reflection"]
    assert "call" in found["consumers.mine"]


def test_values_out_of_range_are_told_by_their_keys() -> None:
    """Ports, limits, halves of a TLS pair and policies are checked together."""
    found = violations(
        None,
        {"CTA_SERVER_PORT": "70000", "CTA_SERVER_TLS_CERT": "c.pem", "CTA_LIMITS_BATCHES": "0"},
        {"policy.canary.sureness": "1.5"},
    )
    assert set(found) == {"server.port", "server.tls_key", "limits.batches", "policy.canary.sureness"}


def test_a_file_that_is_missing_or_no_toml_is_an_error_with_its_name(tmp_path: Path) -> None:
    """The message says which file, and what is wrong with it."""
    assert "nowhere.toml cannot be read" in violations(tmp_path / "nowhere.toml")["config"]
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe")
    assert "bad.toml is not TOML" in violations(bad)["config"]
    bad.write_text("[server")
    assert "bad.toml is not TOML" in violations(bad)["config"]


def test_consumers_of_a_file_stand_beside_the_demonstrations(tmp_path: Path) -> None:
    """A file adds consumers; one of the same name replaces."""
    file = tmp_path / "cta.toml"
    file.write_text(
        '[consumers.mine]\npath = ["src"]\nstages = [{name = "A", call = "m:f"}]\n'
        '[consumers.payments]\nstages = [{name = "B", call = "m:g", kind = "tool"}]\n'
    )
    consumers = load(file).settings.consumers
    assert [stage.name for stage in consumers["mine"].stages] == ["A"]
    assert [stage.name for stage in consumers["payments"].stages] == ["B"]


def test_a_policy_of_the_configuration_is_the_default_of_streams() -> None:
    """Every field of the policy can be set, by its words."""
    settings = load(None, {"CTA_POLICY_AUTONOMY": "SUGGEST", "CTA_POLICY_BAKE_SECONDS": "1.5"}).settings
    assert (settings.policy.autonomy, settings.policy.bake_seconds) == (Autonomy.SUGGEST, 1.5)


def test_the_token_is_never_shown() -> None:
    """The entries say that a secret is set, and not what it is."""
    shown = {key: value for key, value, _ in load(None, {"CTA_SERVER_TOKEN": "hush"}).entries()}
    assert shown["server.token"] == "(set)"
    assert "hush" not in json.dumps(shown)


def test_the_reference_describes_every_key_with_its_default() -> None:
    """Each value of the configuration has a row; its default is the one that is in force without a file."""
    rows = {row.key: row for row in config_reference()}
    for key, value, _ in load().entries():
        if key.startswith("consumers."):
            continue
        row = rows[key]
        default = msgspec.json.decode(row.default)
        assert value == (default if isinstance(default, str) else row.default)
        assert row.environment == "CTA_" + key.replace(".", "_").upper()
    assert {"consumers.<name>.stages", "consumers.<name>.stages[].call"} <= set(rows)
    assert all(len(row.meaning) > 10 for row in rows.values())


HOOK = """
[notify]
source = "https://cta.example/eu"
[[notify.webhooks]]
name = "pager"
url = "https://hooks.example:8443/a/b?token=hush-address"
secrets = ["whsec_hush-inline", "env:HOOK_SECRET"]
types = ["act.cta.incident.*"]
streams = ["orders", "eu-*"]
timeout_seconds = 3.0
max_age_seconds = 3600.0
"""


def test_webhooks_come_from_a_file_or_as_json(tmp_path: Path) -> None:
    """A list of tables in the file and the JSON of one in the environment say the same."""
    file = tmp_path / "cta.toml"
    file.write_text(HOOK)
    (webhook,) = load(file).settings.notify.webhooks
    assert (webhook.name, webhook.host, webhook.timeout_seconds) == ("pager", "https://hooks.example:8443", 3.0)
    assert len(webhook.wanted_types) == 7
    assert webhook.wanted_streams == ("orders", "eu-*")
    given = load(None, {"CTA_NOTIFY_WEBHOOKS": '[{"name":"a","url":"http://[::1]:9/x"}]'})
    (webhook,) = given.settings.notify.webhooks
    assert (webhook.host, webhook.wanted_streams, len(webhook.wanted_types)) == ("http://[::1]:9", (), 12)
    assert {key: origin for key, _, origin in given.entries()}["notify.webhooks"] is Origin.ENVIRONMENT


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "clickhouse://cta:hush@db.example:8123/cta?secure=true",
            "clickhouse://cta:***@db.example:8123/cta?secure=true",
        ),
        ("clickhouse://:hush@db.example", "clickhouse://:***@db.example"),
        ("clickhouse://cta:hu@sh/hush@db.example", "clickhouse://cta:***@db.example"),
        ("clickhouse://cta@db.example:8123", "clickhouse://cta@db.example:8123"),
        ("clickhouse://db.example:8123/cta", "clickhouse://db.example:8123/cta"),
        ("chdb:///srv/a:b@c", "chdb:///srv/a:b@c"),
    ],
)
def test_the_password_of_the_archive_is_never_shown(url: str, shown: str) -> None:
    """The entries say where the archive is and who asks, and not the password."""
    for made in (load(flags={"store.archive": url}), load(environment={"CTA_STORE_ARCHIVE": url})):
        assert {key: value for key, value, _ in made.entries()}["store.archive"] == shown


def test_values_that_cannot_be_hide_no_others() -> None:
    """A value of the wrong type is told together with those that are out of their bounds, each once."""
    found = violations(
        flags={
            "limits.batches": "-1",
            "server.drain_seconds": "-2",
            "log.level": "loud",
            "adviser.timeout_seconds": "x",
        }
    )
    assert found.keys() == {"limits.batches", "server.drain_seconds", "log.level", "adviser.timeout_seconds"}


def test_the_secrets_and_the_address_of_a_webhook_are_never_shown(tmp_path: Path) -> None:
    """The entries name the host, how many secrets there are, and nothing else of either."""
    file = tmp_path / "cta.toml"
    file.write_text(HOOK)
    shown = {key: value for key, value, _ in load(file).entries()}["notify.webhooks"]
    assert json.loads(shown)[0] | {"timeout_seconds": 3.0} == {
        "name": "pager",
        "url": "https://hooks.example:8443",
        "secrets": ["(set)", "(set)"],
        "types": ["act.cta.incident.*"],
        "streams": ["orders", "eu-*"],
        "timeout_seconds": 3.0,
        "max_age_seconds": 3600.0,
    }


@pytest.mark.parametrize(
    ("more", "field", "word"),
    [
        ('urll = "x"', "notify.webhooks", "urll"),
        ("timeout_seconds = 0.0", "notify.webhooks[0].timeout_seconds", "between"),
        ("timeout_seconds = nan", "notify.webhooks[0].timeout_seconds", "between"),
        ("max_age_seconds = 9e9", "notify.webhooks[0].max_age_seconds", "30 days"),
        ('types = ["act.cta.incidents.*"]', "notify.webhooks[0].types[0]", "fits no type"),
        ("types = []", "notify.webhooks[0].types", "names nothing"),
        ('streams = ["a b"]', "notify.webhooks[0].streams[0]", "stream's id"),
        ('streams = "orders"', "notify.webhooks", "array"),
        ("secrets = [7]", "notify.webhooks", "secrets"),
        ('[[notify.webhooks]]\nname = "pager"\nurl = "http://x.example"', "notify.webhooks[1].name", "taken"),
        ('[[notify.webhooks]]\nname = "Two Words"\nurl = "http://x.example"', "notify.webhooks[1].name", "letters"),
        ('[[notify.webhooks]]\nname = "two"\nurl = "ftp://x.example"', "notify.webhooks[1].url", "http"),
        ('[[notify.webhooks]]\nname = "two"\nurl = "https://u:p@x.example"', "notify.webhooks[1].url", "user"),
        ('[[notify.webhooks]]\nname = "two"', "notify.webhooks", "url"),
        ('[notify.other]\nname = "two"', "notify.other", "no key"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_by_its_key(tmp_path: Path, more: str, field: str, word: str) -> None:
    """Unknown keys and values out of range are told with key and remedy before anything starts."""
    file = tmp_path / "cta.toml"
    file.write_text(f'[[notify.webhooks]]\nname = "pager"\nurl = "https://hooks.example/x"\n{more}\n')
    found = violations(file)
    assert set(found) == {field}
    assert word in found[field]


def test_json_that_is_none_is_told_without_its_text() -> None:
    """A slip in the environment's JSON is told by the key; the text may hold secrets and is not repeated."""
    found = violations(None, {"CTA_NOTIFY_WEBHOOKS": "[{hush"})
    assert set(found) == {"notify.webhooks"}
    assert found["notify.webhooks"].startswith("JSON is malformed")
    assert "hush" not in found["notify.webhooks"]
    assert set(violations(None, {"CTA_NOTIFY_SOURCE": "two words"})) == {"notify.source"}
