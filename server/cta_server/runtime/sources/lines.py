"""JSON Lines files below one folder: which file a name means, and its lines from a place on.

Decides what may be opened: plain files below the folder, reached without `..` and without symbolic links. Does not look
into the lines: what is no event is for the gate to hold. Everything here blocks and is called off the event loop.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

from cta_core.errors import InvalidInput

_LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a line that are read. Three times what the largest event may have, so the gate sees that it is too long;
the rest of a longer line is passed over, so that memory stays bounded."""
_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Bytes of lines read at a time, one line at least."""


class LineFile:
    """A file that is read forward."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._file = os.fdopen(descriptor, "rb")
        self._file.seek(offset)

    @property
    def offset(self) -> int:
        """Where the next line begins."""
        return self._file.tell()

    def read(self, count: int) -> list[bytes]:
        """The next lines that are not blank, without their ends; fewer when they are long, none at the end of the
        file.
        """
        lines: list[bytes] = []
        size = 0
        while len(lines) < count and size < _BATCH_BYTES and (line := self._file.readline(_LONGEST)):
            if not line.endswith(b"\n"):
                self._skip_rest(line)
            if line := line.strip(b" \t\r\n"):
                lines.append(line)
                size += len(line)
        return lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _skip_rest(self, part: bytes) -> None:
        while part and not part.endswith(b"\n"):
            part = self._file.readline(_LONGEST)


def open_below(folder: Path, name: str, offset: int = 0) -> LineFile:
    """The file of that name below the folder; `InvalidInput` says why there is none.

    Each part of the name is opened from the one before it and must not be a symbolic link, so that no change of the
    folder meanwhile leads out of it.
    """
    parts = name.split("/")
    if not all(parts) or any(part in (".", "..") or "\0" in part for part in parts):
        raise InvalidInput.of("file", "name a file below the folder of sources, `monday/orders.jsonl`")
    with contextlib.ExitStack() as opened:
        try:
            place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, place)
            for part in parts[:-1]:
                place = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
                opened.callback(os.close, place)
            # Not to wait: a pipe without a writer would never open.
            found = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
        except OSError as error:
            why = (
                "is a symbolic link or leads through one"
                if error.errno in (errno.ELOOP, errno.ENOTDIR)
                else "cannot be opened"
            )
            raise InvalidInput.of("file", f"{name!r} {why}; name a plain file below the folder of sources") from None
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise InvalidInput.of("file", f"{name!r} is no plain file")
    return LineFile(found, offset)
