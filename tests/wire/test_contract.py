"""The archive's contract over HTTP, Native both ways: the tests of `store/test_archive`, one by one."""

from __future__ import annotations

from store import test_archive

OPENS_ITS_OWN = {"test_trimming_keeps_the_newest"}
"""Makes archives on SQLite; the rest take the one that is given."""

globals().update(
    {name: test for name, test in vars(test_archive).items() if name.startswith("test_") and name not in OPENS_ITS_OWN}
)
