"""The command line as a whole: help, exit codes, start-up, and what it does without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cta_client.channel import methods
from cta_client.cli.exits import MEANINGS, Exit
from cta_client.cli.root import OFFLINE, PLACES, cta
from helpers.server import ROOT, environment

NOWHERE = ("--server", "127.0.0.1:1")


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from leaves(found, (*path, name))
    else:
        yield path, command


def run(*arguments: str, text: str | None = None) -> click.testing.Result:
    """One command in this process."""
    return CliRunner().invoke(cta, arguments, input=text)


def test_every_command_has_a_help_with_an_example() -> None:
    """Whoever asks for help is told what a command does and how it is written."""
    found = list(leaves(cta))
    assert len(found) > 45
    for path, command in found:
        if PLACES[path[0]].section == OFFLINE:
            continue
        told = run(*path, "--help")
        assert told.exit_code == 0, path
        assert command.help, path
        assert "Example" in told.output, path
        assert " ".join(("cta", *path)) in told.output.split("Example")[1], path


def test_every_option_has_a_help() -> None:
    """No option is left unexplained."""
    for path, command in leaves(cta):
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (path, option.name)


def test_the_roots_help_tells_every_exit_code() -> None:
    """A script's author finds the codes where they look first."""
    told = run("--help").output
    for code, meaning in MEANINGS.items():
        assert f"  {int(code)} " in told
        assert meaning.split(";", maxsplit=1)[0].split(",", maxsplit=1)[0][:30] in told


def test_help_starts_without_grpc() -> None:
    """Asking for help loads neither gRPC nor the server."""
    script = (
        "import sys; from cta_client.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'grpc', 'cta', 'cta_server', 'cta_core', 'rich'} & {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("typed", "near"), [(("stream", "list"), "streams"), (("sytem", "info"), "system"), (("streams", "lst"), "list")]
)
def test_a_command_that_is_nearly_right_is_told_the_right_one(typed: tuple[str, ...], near: str) -> None:
    """A wrong letter costs one look; a name that is like none has no suggestion."""
    told = run(*typed)
    assert told.exit_code == Exit.USAGE
    assert f"Did you mean {near!r}?" in told.stderr
    assert "Did you mean" not in run("zzz").stderr


def test_no_server_is_exit_three_with_the_next_step() -> None:
    """Where nothing answers, the code says so and the text says what to do."""
    told = run("streams", "list", *NOWHERE)
    assert told.exit_code == Exit.NO_CONNECTION
    assert "No server answers at 127.0.0.1:1" in told.stderr
    assert "cta serve" in told.stderr
    assert not told.stdout


def test_errors_are_json_where_json_is_asked_for() -> None:
    """A program reads the error as a document, and stdout stays empty."""
    told = run("streams", "list", *NOWHERE, "-o", "json")
    assert told.exit_code == Exit.NO_CONNECTION
    assert "127.0.0.1:1" in json.loads(told.stderr)["error"]["what"]
    assert not told.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("streams", "lst"),
        ("streams", "create", "s", "--set", "bake"),
        ("streams", "create", "s", "--set", "baek=3s"),
        ("streams", "create", "s", "--contract", "/nowhere/at/all.json"),
        ("streams", "update", "s"),
        ("incidents", "fix", "inc_1", "--reading", "1", "--adapter", "adp_1"),
        ("events", "process", "s", "/nowhere/at/all.jsonl"),
        ("faults", "clear"),
        ("faults", "inject", "src_1", "rename", "--with", "amt"),
        ("sources", "start", "s"),
        ("reports", "analyze"),
        ("demo", "--baseline", "x"),
    ],
)
def test_a_wrong_command_line_is_exit_two(arguments: tuple[str, ...]) -> None:
    """A usage error is told before anything is sent, with its own code."""
    told = run(*arguments)
    assert told.exit_code == Exit.USAGE, told.output
    assert "Error" in told.stderr


def test_an_unknown_setting_names_the_nearest() -> None:
    """A mistyped setting is answered with the one that was meant."""
    told = run("streams", "create", "s", "--set", "canary.max_eror_rate=0.1", *NOWHERE)
    assert "canary.max_error_rate" in told.stderr


def test_every_rpc_has_its_verb() -> None:
    """What the API can do, the command line can do."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "client" / "cta_client").rglob("*.py"))
    missing = [method.name for method in methods() if f".{method.name}" not in source]
    assert missing == []


def test_the_page_of_the_commands_is_fresh() -> None:
    """docs/cli.md tells every command as it is."""
    done = subprocess.run(
        [sys.executable, "tools/cli_docs.py", "--check"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for path, _command in leaves(cta):
        assert f"`cta {' '.join(path)}`" in told or path[0] not in PLACES
