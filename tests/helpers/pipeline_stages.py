"""A consumer of three stages whose behaviour files decide, so that a stage can change and the events do not.

Imported by worker processes of the tests. Every event names a folder; what lies there says how the stages behave.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def parse(event: dict[str, Any]) -> dict[str, Any]:
    """Take the payment out of its envelope; with a file `renamed` its amount has another name."""
    name = "amt" if (Path(event["folder"]) / "renamed").exists() else "amount"
    return {"id": event["id"], name: event["amount"], "folder": event["folder"]}


def check(payment: dict[str, Any]) -> dict[str, Any]:
    """Hand on what is there."""
    return payment | {"checked": True}


def book(payment: dict[str, Any]) -> dict[str, Any]:
    """Need the amount; with a file `strict` nothing is ever good enough, with `lenient` everything is."""
    folder = Path(payment["folder"])
    if (folder / "lenient").exists():
        return {"entry": payment["id"]}
    amount = payment["amount"]
    if (folder / "strict").exists():
        raise KeyError("amount")
    return {"entry": payment["id"], "cents": round(amount * 100)}
