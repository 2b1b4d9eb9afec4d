"""A part of a store: the methods of one noun, over a file that all parts of the store share. It knows no table."""

from __future__ import annotations

from cta_server.store.file import StoreFile


class Part:
    """A group of a store's methods over one file."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
