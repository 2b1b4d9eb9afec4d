"""Makes `generated/cta` from `proto/`: message classes, gRPC stubs and typed stubs.

Runs with the oldest toolchain that we support, pinned in `tools/generate.txt`, so that the generated code works with
every runtime that `pyproject.toml` allows. `make proto` calls it in an environment of its own; `--check` fails on a
difference. buf cannot drive the Python gRPC generator, hence this script.
"""

from __future__ import annotations

import filecmp
import importlib.resources
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = '"""Generated from proto/ by tools/generate.py. Do not edit."""\n'


def generate(into: pathlib.Path) -> None:
    """Writes the package `cta` below `into`."""
    from grpc_tools import protoc  # noqa: PLC0415 - only the generator's environment has it

    well_known = str(importlib.resources.files("grpc_tools") / "_proto")
    protos = sorted(str(file.relative_to(ROOT / "proto")) for file in (ROOT / "proto").rglob("*.proto"))
    code = protoc.main(
        [
            "protoc",
            f"-I{ROOT / 'proto'}",
            f"-I{well_known}",
            f"--python_out={into}",
            f"--grpc_python_out={into}",
            f"--mypy_out={into}",
            f"--mypy_grpc_out={into}",
            *protos,
        ]
    )
    if code:
        raise SystemExit(code)
    for folder in (into / "cta", into / "cta" / "v1"):
        (folder / "__init__.py").write_text(HEADER, encoding="utf-8")
    (into / "cta" / "py.typed").touch()


def differences(left: pathlib.Path, right: pathlib.Path) -> list[str]:
    """Files that differ between two trees, or that only one of them has."""
    compared = filecmp.dircmp(left, right, ignore=["__pycache__"])
    found = [*compared.left_only, *compared.right_only, *compared.diff_files]
    for name in compared.common_dirs:
        found += differences(left / name, right / name)
    return found


def main() -> int:
    """Generates, or with `--check` compares."""
    target = ROOT / "generated"
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder)
        generate(made)
        if "--check" in sys.argv[1:]:
            stale = differences(made / "cta", target / "cta")
            if stale:
                print("generated/ is stale, run `make proto`:", *stale, sep="\n  ")
            return 1 if stale else 0
        shutil.rmtree(target / "cta", ignore_errors=True)
        shutil.copytree(made / "cta", target / "cta")
    return subprocess.call(["git", "-C", str(ROOT), "add", "--intent-to-add", "generated"])


if __name__ == "__main__":
    sys.exit(main())
