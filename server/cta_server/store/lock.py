"""The lock that keeps a second process off a store. It says who holds it; it does not wait. `file.StoreFile` takes it.

The lock belongs to the open file, so the kernel releases it when the process ends, by kill -9 too. A child made by
fork shares the open file and would keep the lock alive after its parent died; the child therefore closes its copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path

from cta_server.store.errors import StoreLocked


class StoreLock:
    """An exclusive lock on one file, held from construction until `release`. Raises `StoreLocked`."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            self._forget()
            raise StoreLocked(path, holder) from error
        except OSError:
            self._forget()
            raise
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def release(self) -> None:
        """Gives the store free for others; a second call does nothing."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # at once, also for a child that did not close its copy yet
            self._forget()

    def _forget(self) -> None:
        """Closes this process's copy of the open file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
