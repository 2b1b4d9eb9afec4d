"""The themes, and what a style's name looks like in the one that is on.

Blue means good: it keeps its distance to attention and bad for every kind of colour vision (simulated, CAM02-UCS: at
least 19 between any two), and the lowest contrast of any text is 4.9:1. Every state has a sign and a word as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

DARK: Final = Theme(
    name="loop-dark",
    primary="#3F97E8",
    secondary="#C3CCD6",
    accent="#3F97E8",
    success="#3F97E8",
    warning="#FFE14D",
    error="#E8662E",
    foreground="#E6EAEF",
    background="#0F141A",
    surface="#161D26",
    panel="#222C38",
    dark=True,
    variables={"quiet": "#93A0AE", "footer-key-foreground": "#FFE14D"},
)
LIGHT: Final = Theme(
    name="loop-light",
    primary="#245BFF",
    secondary="#59636E",
    accent="#245BFF",
    success="#245BFF",
    warning="#8A6A00",
    error="#7A0010",
    foreground="#1B2129",
    background="#FBFAF7",
    surface="#F1EFE9",
    panel="#DEDBD2",
    dark=False,
    variables={"quiet": "#59636E", "footer-key-foreground": "#8A6A00"},
)
CONTRAST: Final = Theme(
    name="loop-contrast",
    primary="#7CC0FF",
    secondary="#FFFFFF",
    accent="#FFFFFF",
    success="#7CC0FF",
    warning="#FFFF00",
    error="#FF8C5A",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#3A3A3A",
    dark=True,
    variables={"quiet": "#E0E0E0", "footer-key-foreground": "#FFFF00"},
)
THEMES: Final = (DARK, LIGHT, CONTRAST)
STYLES: Final = frozenset({"", "good", "attention", "bad", "quiet", "accent", "strong", "reverse"})
"""Every name that a drawing may use, alone or several with a blank between."""


def style_of(name: str, theme: Theme) -> Style:
    """The style of a name, or of several with a blank between."""
    colours = {
        "good": theme.success or theme.primary,
        "attention": theme.warning or "yellow",
        "bad": theme.error or "red",
        "quiet": theme.variables.get("quiet", theme.secondary or theme.foreground or "grey70"),
        "accent": theme.accent or theme.primary,
    }
    return _style(name, tuple(colours.items()))


@lru_cache(maxsize=256)
def _style(name: str, table: tuple[tuple[str, str], ...]) -> Style:
    colours = dict(table)
    style = Style()
    for part in name.split():
        if part in colours:
            style += Style(color=Color.parse(colours[part]).rich_color)
        elif part == "strong":
            style += Style(bold=True)
        elif part == "reverse":
            style += Style(reverse=True)
    return style
