"""Words for numbers and times, the same as the command line's; plain functions without a clock of their own."""

from __future__ import annotations

import time as clocks

from cta_client.cli.words import count, plain, share, span

__all__ = ["ago", "bar", "clock", "count", "plain", "rate", "share", "short", "span", "spark"]

BLOCKS = " ▁▂▃▄▅▆▇█"


def ago(then: float, now: float) -> str:
    """How long ago: `now`, `12 s ago`; empty when unset."""
    if not then:
        return ""
    passed = now - then
    return "now" if passed < 1.5 else f"{span(passed).split(' min')[0]}{' min' if 60 <= passed < 3600 else ''} ago"


def clock(then: float, *, millis: bool = False) -> str:
    """The time of day at this machine's place: `12:06:41`; empty when unset."""
    if not then:
        return ""
    told = clocks.strftime("%H:%M:%S", clocks.localtime(then))
    return f"{told}.{int(then * 1000) % 1000:03d}" if millis else told


def rate(per_second: float) -> str:
    """`4,210/s`; a slow one with its decimal."""
    return f"{count(per_second)}/s" if per_second >= 10 or per_second == 0 else f"{per_second:.1f}/s"


def short(key: str) -> str:
    """An id that a person can say: its kind and its last six letters."""
    kind, sign, rest = key.partition("_")
    return f"{kind}…{rest[-6:]}" if sign and len(rest) > 8 else key


def spark(samples: tuple[float, ...], cells: int) -> str:
    """The samples as blocks, newest right."""
    shown = samples[-cells:]
    most = max(shown, default=0.0)
    if most <= 0:
        return ("▁" * len(shown)).rjust(cells)
    return "".join(BLOCKS[max(1, round(8 * each / most))] for each in shown).rjust(cells)


def bar(part: float, cells: int) -> str:
    """A share as a bar of so many cells; never full before it is."""
    full = min(int(part * cells), cells) if part < 1 else cells
    return "█" * full + "░" * (cells - full)
