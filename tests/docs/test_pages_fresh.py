"""The pages tell of everything that there is, and only of that."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from google.protobuf.json_format import ParseDict

from cta.v1 import event_service_pb2, incident_service_pb2, stream_service_pb2, system_service_pb2
from cta.v1.errors_pb2 import ErrorReason
from cta_client.channel import methods
from cta_client.cli.root import cta
from cta_client.cli.settings import names
from cta_core.adapter.file import load as load_adapter
from cta_core.adapter.guard import Test
from cta_core.adapter.steps import KINDS
from cta_core.stream import CanaryPolicy
from cta_server.config import config_reference
from cta_server.config import load as load_config
from cta_server.rpc.admission import GROUPS
from helpers.pages import DOCS, PAGES, Block, blocks, commands
from helpers.server import ROOT, environment

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]+)?\)")
ALL = (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
MESSAGES = {
    request.DESCRIPTOR.name: request
    for module in (event_service_pb2, incident_service_pb2, stream_service_pb2, system_service_pb2)
    for request in vars(module).values()
    if hasattr(request, "DESCRIPTOR") and hasattr(request, "FromString")
}


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / f"{name}.md").read_text("utf-8")


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_generated_parts_are_fresh() -> None:
    """What is generated in the pages is what the code says now."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_check_finds_a_stale_page() -> None:
    """A page whose generated part was edited by hand differs from what the tool writes."""
    script = (
        "import docs; text = (docs.DOCS / 'policy.md').read_text('utf-8'); assert docs.written(text) == text; "
        "stale = text.replace('AUTONOMOUS', 'SOMETIMES'); assert docs.written(stale) == text"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_rpc_is_told_with_its_errors() -> None:
    """No RPC is missing from the page of the API."""
    text = page("api")
    assert [method.name for method in methods() if f"| `{method.name}`" not in text] == []


def test_every_command_is_told() -> None:
    """Whatever `cta` can be told to do stands in a page, also what other packages add to it."""
    told = "".join(path.read_text("utf-8") for path in PAGES)
    context = click.Context(cta)
    groups = {name: cta.get_command(context, name) for name in cta.list_commands(context)}
    names_ = [
        f"cta {name} {verb}" if verb else f"cta {name}"
        for name, command in groups.items()
        for verb in (command.list_commands(context) if isinstance(command, click.Group) else [""])
    ]
    assert len(names_) > 45
    assert [name for name in names_ if name not in told] == []


def test_every_message_and_enum_is_told() -> None:
    """The reference has a section for every message and every enum of the contract."""
    told = set(re.findall(r"^### (\w+)$", page("api-reference"), re.MULTILINE))
    declared = {
        name
        for file in (ROOT / "proto" / "cta" / "v1").glob("*.proto")
        for name in re.findall(r"^(?:message|enum) (\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert told == declared


def test_every_error_reason_is_told() -> None:
    """Whoever gets a reason finds it, with its code and remedy."""
    told = re.findall(r"^\| `([A-Z_]+)` \| `[A-Z_]+` \| \S", page("errors"), re.MULTILINE)
    assert set(told) == {name.removeprefix("ERROR_REASON_") for name, _ in ErrorReason.items()} - {"UNSPECIFIED"}


def test_every_key_of_the_configuration_is_told() -> None:
    """A key stands in the page of the configuration or, if it is the policy's, in that of the policy."""
    for row in config_reference():
        text = page("policy" if row.key.startswith("policy.") else "configuration")
        assert f"| `{row.key}` |" in text, row.key


def test_every_setting_of_a_stream_is_told() -> None:
    """What `--set` takes stands in the page of the policy."""
    assert [name for name in names() if f"| `{name}` |" not in page("policy")] == []


def test_the_events_that_a_canary_needs_are_those_that_it_asks_for() -> None:
    """The table of sample sizes is what the policy derives."""
    rows = re.findall(r"^\| ([\d.]+) % \| (\d+) \| (\d+) \| (\d+) \|$", page("policy"), re.MULTILINE)
    assert len(rows) == 4
    for rate, *counts in rows:
        for sureness, count in zip((0.90, 0.95, 0.99), counts, strict=True):
            policy = CanaryPolicy(max_error_rate=float(rate) / 100, sureness=sureness)
            assert policy.smallest_sample() == int(count), (rate, sureness)


def test_every_limit_is_told_with_its_calls() -> None:
    """The calls that a limit counts stand beside it."""
    for rpc, group in GROUPS.items():
        assert re.search(rf"^\| `limits\.{group}` \|.*\b{rpc}\b", page("api"), re.MULTILINE), rpc


def test_every_kind_of_step_has_a_section_with_an_example() -> None:
    """A reader finds each kind of step with its parameters and something that it does."""
    text = page("adapters")
    for kind, cls in KINDS.items():
        section = text.split(f"\n### {kind}\n", 1)[1].split("\n### ", 1)[0]
        for field in cls.__struct_fields__:
            assert field == "when" or f"| `{field}` |" in section, (kind, field)
        assert "| event | becomes |" in section


def test_every_test_of_a_condition_is_told() -> None:
    """A reader finds each test that a guard can make."""
    assert [test for test in Test if f"| `{test}` |" not in page("adapters")] == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    """Every link to a file of the repository finds the file, and its heading if it names one."""
    for target, anchor in LINK.findall(path.read_text("utf-8")):
        found = (path.parent / target) if target else path
        assert found.exists(), f"{path.name}: {target}"
        assert not anchor or anchor[1:] in anchors(found), f"{path.name}: {target}{anchor}"


def trouble_of(block: Block) -> str:
    """Why a block is not what its language says; empty if it is."""
    try:
        match block.language:
            case "toml":
                tomllib.loads(block.text)
            case "json":
                json.loads(block.text)
            case "python":
                compile(block.text, f"{block.page}:{block.line}", "exec")
    except (ValueError, SyntaxError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_blocks_are_what_they_say(path: Path) -> None:
    """A block of TOML configures a server, one of JSON is JSON, and one of Python compiles."""
    troubles = [f"{block.page}:{block.line}: {trouble}" for block in blocks(path) if (trouble := trouble_of(block))]
    assert troubles == []


def test_toml_blocks_configure_a_server(tmp_path: Path) -> None:
    """The server takes every worked example of a configuration."""
    for path in PAGES:
        for block in blocks(path):
            if block.language == "toml":
                file = tmp_path / "cta.toml"
                file.write_text(block.text, "utf-8")
                assert load_config(file).origins, f"{block.page}:{block.line}"


def test_adapter_files_of_the_pages_are_adapters() -> None:
    """Every adapter that a page shows as a file can be applied."""
    shown = [block for path in PAGES for block in blocks(path) if '"format": "cta-adapter/1"' in block.text]
    assert len(shown) >= 2
    for block in shown:
        assert load_adapter(block.text.encode()).program.steps


def test_grpcurl_lines_name_what_there_is() -> None:
    """A call for grpcurl names an RPC that exists, and its body is that RPC's request."""
    known = {method.full_name.rpartition(".")[0] + "/" + method.name: method for method in methods()}
    lines = [
        line for path in PAGES for block in blocks(path) for line in commands(block.text) if line.startswith("grpcurl ")
    ]
    assert len(lines) >= 5
    for line in lines:
        *_, body, _address, name = shlex.split(line)
        request = MESSAGES[known[name].input_type.name]()
        ParseDict(json.loads(body), request)
