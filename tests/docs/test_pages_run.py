"""What the pages tell a reader to type does what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.pages import DOCS, PAGES, Shell, blocks, commands

SCHEMA = (
    """{"type": "object", "required": ["id", "amount", "currency"], "properties": {"amount": {"type": "number"}}}"""
)

RUN = [page for page in PAGES if any(block.mark == "run" for block in blocks(page))]


@pytest.mark.timeout(120)  # the tutorial has some thirty commands, each a process of its own
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    """A reader who types what a page says, in order and in an empty folder, sees what it says."""
    with Shell(tmp_path) as shell:
        if page.name == "README.md":
            # The README speaks of files that a reader has: those that the tutorial makes, and a schema.
            (tmp_path / "orders.schema.json").write_text(SCHEMA, "utf-8")
            for block in blocks(DOCS / "first-incident.md")[:2]:
                shell.follow(block)
        for block in blocks(page):
            shell.follow(block)
        told = [command for block in blocks(page) if block.mark == "run" for command in commands(block.text)]
        assert 0 < len(told) <= shell.ran
