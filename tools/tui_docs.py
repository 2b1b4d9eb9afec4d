"""The tables of docs/tui.md out of the table of verbs: `python tools/tui_docs.py` writes them, `--check` compares."""

from __future__ import annotations

import sys
from pathlib import Path

from cta_tui.verbs import VERBS, Section

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tui.md"
BEGIN, END = "<!-- keys: made by tools/tui_docs.py -->", "<!-- end of keys -->"


def tables() -> str:
    """A section a table."""
    lines: list[str] = []
    for section in Section:
        lines += [f"### {section.value}", "", "| key | what it does |", "|---|---|"]
        for verb in VERBS:
            if verb.section is section:
                keys = ", ".join(f"`{key}`" for key in (verb.key, *filter(None, verb.also.split(","))))
                lines.append(f"| {keys} | {verb.help} |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Writes or compares."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"
    if "--check" in sys.argv:
        return int(made != text)
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
