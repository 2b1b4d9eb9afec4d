"""The errors of the store, by what the operator can do about them.

CtaError (core)
+-- StoreError
    +-- StoreLocked         another process uses the store: stop it, or give this one another folder
    +-- StoreTooNew         a newer release wrote the store: start that release, or restore a copy
    +-- StoreCorrupt        the file is damaged or is no store: restore a copy
    +-- StoreUnavailable    (transient) the disk is full, slow or not writable: mend it, then retry
    +-- StoreConflict       a row contradicts one that is there: a defect of the caller
    +-- StoreClosed         the store was closed: the server is stopping
ports.StaleRevision         (runtime) the thing changed: look again
"""

from __future__ import annotations

from pathlib import Path

from cta_core.errors import CtaError
from cta_server.runtime.errors import StoreDown


class StoreError(CtaError):
    """Something is wrong with a file of the store."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}")


class StoreLocked(StoreError):
    """Another process uses the store."""

    def __init__(self, path: Path, holder: str) -> None:
        self.holder = holder
        """Process id of the other process as text; empty where it is unknown."""
        self.who = f"process {holder}" if holder else "another process"
        """The same in words."""
        super().__init__(path, f"in use by {self.who}; stop it, or choose another store folder")


class StoreTooNew(StoreError):
    """A newer release wrote the store."""

    def __init__(self, path: Path, unknown: tuple[str, ...]) -> None:
        self.unknown = unknown
        """Migrations that are in the file and not in this release."""
        super().__init__(path, f"written by a newer release (unknown: {', '.join(unknown)}); start that release")


class StoreCorrupt(StoreError):
    """The file is damaged, or it is not a store."""


class StoreUnavailable(StoreError, StoreDown):
    """The file cannot be read or written now."""


class StoreConflict(StoreError):
    """A row contradicts one that is there."""


class StoreClosed(StoreError, StoreDown):
    """The store was closed."""

    closed = True

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the store is closed")
