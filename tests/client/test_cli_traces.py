"""`cta runs import` and `export`: files of traces against a server, as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from cta_client.cli.exits import Exit

Run = Callable[..., Result]

ERROR = {"type": "KeyError", "message": "no amount", "stack": "in audit\nraise KeyError"}
LINES: list[dict[str, Any]] = [
    {"run": "a", "time": "2026-01-31T12:00:00Z", "kind": "step", "name": "Intake", "output": {"amount": 1.5}},
    {"run": "b", "time": "2026-01-31T12:00:05Z", "kind": "step", "name": "Intake", "output": {"amount": 2.5}},
    {"run": "a", "time": "2026-01-31T12:00:01Z", "kind": "tool", "name": "rates", "args": {"c": "USD"}, "result": 0.9},
    {"run": "b", "time": "2026-01-31T12:00:06Z", "kind": "error", "name": "Audit", "error": ERROR},
]


def written(folder: Path, *more: str) -> str:
    """The file, with more lines below."""
    file = folder / "trace.jsonl"
    file.write_text("\n".join((*(json.dumps(line) for line in LINES), *more)) + "\n", "utf-8")
    return str(file)


def ids(run: Run, stream_id: str) -> list[str]:
    """The stream's runs, newest first."""
    listed = json.loads(run("runs", "list", "--stream", stream_id, "-o", "json").stdout)
    return [each["runId"] for each in listed.get("runs", [])]


def test_a_file_of_traces_becomes_runs_once(run: Run, tmp_path: Path) -> None:
    """One run a trace, shown with its error and stack; importing it again makes none."""
    run("streams", "create", "imported")
    told = run("runs", "import", written(tmp_path), "--stream", "imported")
    assert "2 runs imported, 1 of them failed." in told.stderr
    found = ids(run, "imported")
    again = run("runs", "import", written(tmp_path), "--stream", "imported")
    assert "0 runs imported, 0 of them failed; 2 known already." in again.stderr
    assert ids(run, "imported") == found
    shown = run("runs", "show", found[0]).stdout
    assert "Stack of KeyError in Audit" in shown
    assert "raise KeyError" in shown
    shown = run("runs", "show", found[1]).stdout
    assert "rates" in shown


def test_bad_lines_import_nothing_unless_told_to_go_on(run: Run, tmp_path: Path) -> None:
    """Each is told with its number and field; with --keep-going they are counted and the rest is imported."""
    run("streams", "create", "strict")
    file = written(tmp_path, '{"run":"a","kind":"walk","name":"x"}', "{", '{"run":"a","kind":"step","name":"Book"}')
    told = run("runs", "import", file, "--stream", "strict", code=Exit.REFUSED).stderr
    assert "nothing was imported" in told
    assert "line 5: kind: must be one of step, tool" in told
    assert "line 6: the line: is no entry" in told
    assert ids(run, "strict") == []
    told = run("runs", "import", file, "--stream", "strict", "--keep-going").stderr
    assert "2 bad lines left out:" in told
    assert "2 runs imported" in told
    assert len(ids(run, "strict")) == 2


def test_a_trace_comes_from_a_pipe(run: Run) -> None:
    """`-` reads standard input; a line may name its own stream; none at all is told."""
    run("streams", "create", "piped")
    text = json.dumps(LINES[0] | {"stream": "piped"})
    assert "1 run imported" in run("runs", "import", "-", text=text).stderr
    told = run("runs", "import", "-", text=json.dumps(LINES[0]), code=Exit.REFUSED).stderr
    assert "line 1: stream: name the stream in the line, or with --stream" in told
    told = run("runs", "import", "-", "--stream", "nowhere", text=json.dumps(LINES[0]), code=Exit.REFUSED).stderr
    assert "STREAM_NOT_FOUND" in told


def test_what_is_exported_can_be_imported(run: Run, tmp_path: Path) -> None:
    """The lines of a run make the same run in another stream."""
    run("streams", "create", "first")
    run("streams", "create", "second")
    run("runs", "import", written(tmp_path), "--stream", "first")
    out = tmp_path / "out.jsonl"
    run("runs", "export", *reversed(ids(run, "first")), "--to", str(out))
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["name"] for line in lines] == ["Intake", "rates", "Intake", "Audit"]
    moved = "\n".join(json.dumps(line | {"stream": "second"}) for line in lines)
    run("runs", "import", "-", text=moved)

    def traces(stream_id: str) -> list[Any]:
        return [
            json.loads(run("runs", "show", each, "-o", "json").stdout)["run"]["trace"] for each in ids(run, stream_id)
        ]

    assert traces("second") == traces("first")
