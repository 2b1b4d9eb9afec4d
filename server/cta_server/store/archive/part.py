"""What the parts of the archive share: the file. It knows no table."""

from __future__ import annotations

from cta_server.store.file import StoreFile


class Part:
    """A group of the archive's methods over one file."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
