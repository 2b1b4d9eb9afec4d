"""Files of events: what may be opened, and what is read out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cta_core.errors import InvalidInput
from cta_server.runtime.sources.lines import open_below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sources beside a secret."""
    (tmp_path / "secret.jsonl").write_text('{"secret":1}\n')
    folder = tmp_path / "sources"
    (folder / "monday").mkdir(parents=True)
    (folder / "a.jsonl").write_text('{"n":1}\n{"n":2}\n')
    (folder / "monday" / "b.jsonl").write_text('{"n":3}\n')
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    return folder


def lines(folder: Path, name: str, offset: int = 0) -> list[bytes]:
    """All lines of a file."""
    file = open_below(folder, name, offset)
    try:
        found: list[bytes] = []
        while part := file.read(2):
            found += part
        return found
    finally:
        file.close()


@pytest.mark.parametrize("name", ["a.jsonl", "monday/b.jsonl"])
def test_files_below_the_folder_are_read(folder: Path, name: str) -> None:
    """A plain file in the folder, or deeper, gives its lines."""
    assert len(lines(folder, name)) == (2 if name == "a.jsonl" else 1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret.jsonl",
        "monday/../../secret.jsonl",
        "monday/../a.jsonl",
        "/etc/hostname",
        "link.jsonl",
        "linked/secret.jsonl",
        "linked/sources/a.jsonl",
        "monday",
        "monday/",
        "pipe",
        "nothing.jsonl",
        "a.jsonl/b",
        "a\0.jsonl",
        "x" * 5000,
    ],
)
def test_nothing_else_can_be_opened(folder: Path, name: str) -> None:
    """Ways out of the folder, links, folders, pipes and names of nothing are refused as the caller's error."""
    with pytest.raises(InvalidInput) as caught:
        open_below(folder, name)
    assert [violation.field for violation in caught.value.violations] == ["file"]


def test_lines_come_as_they_are(folder: Path) -> None:
    """Bad JSON and bad UTF-8 are passed on; blank lines are not, nor line ends; the last line needs none."""
    (folder / "odd.jsonl").write_bytes(b'{"n":1}\r\n\n  \n\xff\xfe\n{broken\n {"n":2} ')
    assert lines(folder, "odd.jsonl") == [b'{"n":1}', b"\xff\xfe", b"{broken", b'{"n":2}']


def test_a_very_long_line_is_cut_and_the_next_one_is_whole(folder: Path) -> None:
    """Of a line of 40 MiB the first 16 MiB are read, enough to see that it is too long, and the line after it is
    whole.
    """
    with (folder / "long.jsonl").open("wb") as file:
        for _ in range(40):
            file.write(b"x" * (1 << 20))
        file.write(b'\n{"n":1}\n')
    found = lines(folder, "long.jsonl")
    assert [len(found[0]), *found[1:]] == [16 << 20, b'{"n":1}']


def test_reading_goes_on_from_an_offset(folder: Path) -> None:
    """A file opened at the offset of another reader gives what that one had not read."""
    file = open_below(folder, "a.jsonl")
    assert file.read(1) == [b'{"n":1}']
    offset = file.offset
    file.close()
    assert lines(folder, "a.jsonl", offset) == [b'{"n":2}']
