"""Recipes from text to numbers and back: plain casts, number formats with marks and signs, fixed-width texts.

Every reading of the marks that fits is proposed; which one is meant is for the distribution to say, and where two
readings fit equally well a person is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from cta_core.adapter.scalar import JsonType
from cta_core.adapter.steps import Cast, NumberFormat
from cta_core.diagnosis.candidates.recipe import PLACE, Recipe, after
from cta_core.diagnosis.views import INTEGER, View

_SHELL = re.compile(r"(?P<prefix>[^\d+\-.,]*)(?P<body>[+-]?[\d.,'’\u00a0\u202f _]*\d)(?P<suffix>\D*)", re.DOTALL)
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")

GROUP_MARKS = (",", ".", "'", "’", " ", "\u00a0", "\u202f", "_")


def number_recipes(target: View, source: View) -> Iterator[Recipe]:
    """Recipes for a number field whose source carries text."""
    texts = source.texts
    if target.kind != "number" or len(texts) * 2 < len(source.solid):
        return
    whole = target.solid_types == INTEGER
    wanted = JsonType.INTEGER if whole else JsonType.NUMBER
    plain = sum(1 for text in texts if _PLAIN.fullmatch(text))
    if plain >= 0.5 * len(texts):
        cast = (Cast(path=PLACE, to=wanted),)
        yield Recipe(kind="cast", steps=cast, view=after(cast, source), prior=-0.5, family="number")
        if whole:
            # A count may come as `3.0`: the cast to INTEGER takes it, a fraction is refused.
            return
    for decimal, group, prefix, suffix in _readings(texts):
        if (decimal, group, prefix, suffix) == (".", "", "", "") and plain >= 0.5 * len(texts):
            continue
        steps = (NumberFormat(path=PLACE, decimal=decimal, group=group, prefix=prefix, suffix=suffix, to=wanted),)
        view = after(steps, source)
        if view.types["refused"] > 0.5 * view.total:
            continue
        yield Recipe(
            kind="number_format",
            steps=steps,
            view=view,
            prior=-1.0,
            family="number",
            facts=(f"read with decimal mark {decimal!r}, group mark {group!r}",),
        )


def _readings(texts: list[str]) -> Iterator[tuple[str, str, str, str]]:
    shells = [match for text in texts if (match := _SHELL.fullmatch(text))]
    if len(shells) * 2 < len(texts) or not shells:
        return
    prefix = _usual(Counter(match["prefix"] for match in shells))
    suffix = _usual(Counter(match["suffix"] for match in shells))
    if prefix is None or suffix is None:
        return
    bodies = [match["body"].lstrip("+-") for match in shells if match["prefix"] == prefix and match["suffix"] == suffix]
    marks = {letter for body in bodies for letter in body if not letter.isdigit()}
    if not marks:
        yield ".", "", prefix, suffix
        return
    for decimal in (".", ","):
        for group in ("", *GROUP_MARKS):
            if group == decimal or not marks <= {decimal, group}:
                continue
            if group and group not in marks:
                continue
            good = sum(1 for body in bodies if _fits(body, decimal, group))
            if good >= 0.95 * len(bodies):
                yield decimal, group, prefix, suffix


def _usual(found: Counter[str]) -> str | None:
    for text, count in found.most_common(1):
        if count >= 0.9 * sum(found.values()):
            return text
    return None


def _fits(body: str, decimal: str, group: str) -> bool:
    head, mark, tail = body.partition(decimal)
    if mark and (not tail.isdigit() or decimal in tail):
        return False
    if not group:
        return head.isdigit()
    parts = head.split(group)
    return all(part.isdigit() for part in parts) and (
        len(parts) == 1 or (len(parts[0]) <= 3 and all(len(p) == 3 for p in parts[1:]))
    )


def text_recipes(target: View, source: View) -> Iterator[Recipe]:
    """Recipes for a text field whose source carries numbers: the digits, padded where the healthy texts have one
    width.
    """
    if target.kind != "string" or source.kind != "number" or not target.texts:
        return
    digits = sum(1 for text in target.texts if text.isdigit())
    if digits >= 0.98 * len(target.texts):
        if any(v != int(v) for v in source.numbers[:50]):
            return
        widths = Counter(map(len, target.texts))
        padded = any(text[0] == "0" and len(text) > 1 for text in target.texts)
        if padded and len(widths) > 1:
            return  # zeros in front of texts of several widths: which width an event had is gone
        width = next(iter(widths)) if len(widths) == 1 and (padded or len(target.texts) >= 50) else 0
        steps = (Cast(path=PLACE, to=JsonType.STRING, width=width),)
        facts = (f"healthy texts have {width} digits",) if width else ()
        yield Recipe(kind="cast", steps=steps, view=after(steps, source), prior=-0.5, facts=facts)
        return
    plain = sum(1 for text in target.texts if _PLAIN.fullmatch(text))
    if plain >= 0.98 * len(target.texts):
        places = Counter(len(text.partition(".")[2]) for text in target.texts)
        # A fixed number of decimals as text cannot be told from a number that lost its trailing zeros.
        if len(places) > 1 and not any(text.endswith("0") and "." in text for text in target.texts):
            steps = (Cast(path=PLACE, to=JsonType.STRING),)
            yield Recipe(kind="cast", steps=steps, view=after(steps, source), prior=-0.8)
