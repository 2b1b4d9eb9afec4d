"""What `pip install` gives: the wheel's content, and the command out of a fresh environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from helpers.server import ROOT

PACKAGES = {"cta", "cta_client", "cta_core", "cta_server", "cta_tui"}
PLAIN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as an installer builds it, but with the backend that is here."""
    folder = tmp_path_factory.mktemp("wheel")
    script = f"import hatchling.build; print(hatchling.build.build_wheel({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=PLAIN, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def names(wheel: Path) -> list[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_five_packages_and_nothing_else(wheel: Path) -> None:
    """An installation brings our packages and no folder that could be in anybody's way."""
    tops = {name.split("/", 1)[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_wheel_is_typed_and_whole(wheel: Path) -> None:
    """Every module of the sources is in the wheel, with the marks of typed packages and the demo's consumer."""
    inside = set(names(wheel))
    for package, root in (("cta_core", "core"), ("cta_server", "server"), ("cta_client", "client")):
        assert f"{package}/py.typed" in inside
        sources = {
            path.relative_to(ROOT / root).as_posix()
            for path in (ROOT / root / package).rglob("*.py")
            if "__pycache__" not in path.parts
        }
        assert sources <= inside, sources - inside
    assert "cta_server/consumers/payments.py" in inside
    assert "cta/v1/event_pb2.py" in inside


@pytest.mark.timeout(60)
def test_the_command_runs_from_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """`cta --help` and `cta serve --help` run where only the wheel is installed, beside its requirements."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], env=PLAIN, check=True)
    (site,) = home.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The requirements come from this environment, so that no index is asked; our own packages must not.
    requirements = Path(str(distribution("grpcio").locate_file("")))
    (site / "requirements.pth").write_text(f"{requirements}\n", "utf-8")
    run = "import sys; from cta_client.cli import main; main(sys.argv[1:])"
    where = "import cta_core, cta_server, cta_client, cta; print(cta_core.__file__, cta_server.__file__, cta.__file__)"
    python = home / "bin" / "python"
    found = subprocess.run([python, "-c", where], env=PLAIN, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert all(path.startswith(str(site)) for path in found.stdout.split()), found.stdout
    for arguments in (["--help"], ["serve", "--help"], ["streams", "create", "--help"]):
        command = [str(python), "-c", run, *arguments]
        done = subprocess.run(command, env=PLAIN, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Usage: cta" in done.stdout
