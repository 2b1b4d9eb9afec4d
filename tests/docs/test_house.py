"""The house rules that a machine can look at: sizes, docstrings, doors, and what no file may name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.server import ROOT, SOURCES

LONGEST = 500
"""Lines of a module. Beyond it a module has more than one subject, or a reason below."""

LONG = {
    "core/cta_core/diagnosis/lexicon.py": "words and their groups: data, which one place holds best",
}
"""Longer modules, each with its reason."""

OWN = (*SOURCES[:-1], "tests", "tools", "benchmarks", "examples")
"""Folders of what people write; `generated` is made."""

SECRETS = (
    re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w"),
    re.compile(r"https?://[\w.-]+/simple\b"),
    # Hosts in parts, so that this file names none itself.
    re.compile("|".join((r"files\.python" + r"hosted\.", r"py" + r"pi\.org/(?:simple|packages)"))),
    re.compile("regis" + r"try\.(?:npm" + "js|yarn" + "pkg)"),
    re.compile(r'"resolved"\s*:\s*"https?:'),
    re.compile(r"--(?:extra-)?index-url[ =]\S+://"),
)
"""Paths of one machine, and hosts of package registries: they mean nothing to anybody else."""

TEXTS = {".py", ".pyi", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".proto", ".sh", ".tcss", ""}
"""Endings of files that are read for what they may not name."""

PASSED_OVER = {".venv", ".venv-gen", ".git", "dist", "build", "__pycache__", "node_modules"}


def secret_of(text: str) -> str:
    """The first of `SECRETS` that a text names; empty if there is none."""
    return next((hit[0] for pattern in SECRETS if (hit := pattern.search(text))), "")


def modules(*folders: str) -> Iterator[Path]:
    """Every Python file below folders of the repository."""
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if not PASSED_OVER & set(path.parts))


def name_of(path: Path) -> str:
    """The path from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def files() -> Iterator[Path]:
    """Every text file of the repository that is no one's tool's."""
    for path in sorted(ROOT.iterdir()):
        if path.name in PASSED_OVER or (path.name.startswith(".") and path.name not in (".ci", ".gitattributes")):
            continue
        found = [path] if path.is_file() else path.rglob("*")
        yield from (
            file for file in found if file.is_file() and file.suffix in TEXTS and not PASSED_OVER & set(file.parts)
        )


def test_modules_have_one_subject() -> None:
    """No module is longer than a reader keeps in mind, unless a reason is given, and no reason outlives its module."""
    long = {
        name_of(path): count for path in modules(*OWN) if (count := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert set(long) == set(LONG), {name: count for name, count in long.items() if name not in LONG}


def test_modules_say_what_they_are_for() -> None:
    """Every module has a docstring, unless it is empty."""
    assert [
        name_of(path)
        for path in modules(*OWN)
        if (tree := ast.parse(path.read_text("utf-8"))).body and not ast.get_docstring(tree)
    ] == []


def test_tests_state_a_sentence() -> None:
    """Every test says in its docstring what should hold."""
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in modules("tests")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_test_is_skipped() -> None:
    """A test that does not run proves nothing."""
    mark = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    found = [name_of(path) for path in modules("tests") if mark.search(path.read_text("utf-8"))]
    assert [name for name in found if name != name_of(Path(__file__))] == []


def test_packages_are_doors() -> None:
    """What a package's `__init__` imports or makes it names in `__all__`; one without names has none."""
    closed = []
    for path in modules(*SOURCES[:-1]):
        if path.name != "__init__.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        brought = [
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module != "__future__"
            for alias in node.names
        ]
        public = [
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        named = any(
            isinstance(target, ast.Name) and target.id == "__all__"
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
        if (brought or public) and not named:
            closed.append(name_of(path))
    assert closed == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    """The repository means the same on every machine."""
    found = [
        f"{name_of(path)}: {hit}"
        for path in files()
        if path != Path(__file__) and (hit := secret_of(path.read_text("utf-8", "replace")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "/" + "work/main/x",
        " /home/ada/x",
        "https://index.example/" + "simple",
        "regis" + "try." + "npm" + "js",
        "https://py" + "pi.org/packages",
        '"resol' + 'ved": "https://x"',
        "--index-" + "url https://x",
    ],
)
def test_the_search_finds_what_it_is_for(text: str) -> None:
    """A path of a machine, or a registry's host, would be found."""
    assert secret_of(text)


@pytest.mark.parametrize("text", ["docs/work/x", "https://index.example/project/cta-act", "~/work"])
def test_the_search_leaves_the_rest_alone(text: str) -> None:
    """A relative path, or a page of a project, is not."""
    assert not secret_of(text)
