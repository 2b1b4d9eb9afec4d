"""Writes the generated parts of the pages in docs/; `--check` says whether they are fresh.

A page holds hand-written text and parts between `<!-- begin NAME -->` and `<!-- end NAME -->`. This tool replaces what
stands between the marks by what `pages.PARTS` makes of the code: the configuration's docstrings, the kinds of steps,
the comments of the proto files, the tables of the store. Nothing is written twice, so nothing can differ.

Run it after a change of any of those: `python tools/docs.py`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pages import PARTS

DOCS = Path(__file__).resolve().parents[1] / "docs"
MARK = re.compile(r"(<!-- begin (?P<name>[a-z-]+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)


def written(text: str) -> str:
    """A page with its generated parts anew."""
    return MARK.sub(lambda found: f"{found[1]}\n{PARTS[found['name']]().strip()}\n\n{found[3]}", text)


def main() -> int:
    """Writes or checks the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is stale")
    check = parser.parse_args().check
    used: set[str] = set()
    stale: list[str] = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        used |= {found["name"] for found in MARK.finditer(text)}
        fresh = written(text)
        if fresh != text:
            stale.append(page.name)
            if not check:
                page.write_text(fresh, "utf-8")
    problems = [f"docs/{name} is stale: run python tools/docs.py" for name in stale] if check else []
    problems += [f"no page has the part {name}" for name in sorted(set(PARTS) - used)]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
