"""Pictures of the control room, out of the running app: `make pictures`.

A server of its own, the demo's story up to the question for the reader, then each view at its size. Writes
docs/pictures/*.svg; with CTA_PICTURES_PNG=FOLDER and CairoSVG installed also PNGs there. Nothing is drawn by hand.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

from cta_tui import launch

launch.prepare()

from cta_client.channel import connect  # noqa: E402 - after `prepare`
from cta_client.demo.server import running  # noqa: E402
from cta_client.demo.tour import Tour  # noqa: E402
from cta_tui.messages import GuideShown, Told  # noqa: E402

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
PATIENCE_SECONDS = 90.0

SHOTS: Sequence[tuple[str, tuple[int, int], Sequence[str], str]] = (
    # name, size, keys, theme
    ("overview-80x24", (80, 24), ("1", "h"), "loop-dark"),
    ("overview-120x40", (120, 40), ("1", "h"), "loop-dark"),
    ("overview-200x60", (200, 60), ("1", "h"), "loop-dark"),
    ("overview-light", (120, 40), ("1", "h"), "loop-light"),
    ("incident-80x24", (80, 24), ("2",), "loop-dark"),
    ("incident-120x40", (120, 40), ("2",), "loop-dark"),
    ("approve-120x40", (120, 40), ("2", "a"), "loop-dark"),
    ("events-120x40", (120, 40), ("3", "t"), "loop-dark"),
    ("adapters-120x40", (120, 40), ("4",), "loop-dark"),
    ("signatures-120x40", (120, 40), ("5",), "loop-dark"),
    ("runs-120x40", (120, 40), ("6", "j", "j"), "loop-dark"),
    ("sources-120x40", (120, 40), ("7",), "loop-dark"),
    ("server-120x40", (120, 40), ("8",), "loop-contrast"),
    ("help-120x40", (120, 40), ("2", "question_mark"), "loop-dark"),
)


async def main(wanted: Sequence[str]) -> None:
    """Takes the pictures whose name begins with one of `wanted`; all when it is empty."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cta-pictures-") as folder:
        async with running(Path(folder)) as server, connect(server.address) as client:
            told: list[Told] = []

            def tell(title: str, sentence: str, hint: str = "") -> None:
                told.append(Told(title=title, sentence=sentence, hint=hint))

            app = launch.room(server.address)
            async with app.run_test(size=(120, 40)) as pilot:
                story = asyncio.create_task(Tour(client, tell, pace=0.3).play(), name="the story")
                await until(lambda: bool(told) and told[-1].hint.startswith("2 shows the fix"))
                await until(lambda: bool(app.model.waiting) and bool(app.model.waiting[0].canary_id))
                for name, size, keys, theme in SHOTS:
                    if not wanted or name.startswith(tuple(wanted)):
                        app.tell(GuideShown(shown=False))
                        app.tell(told[-1])
                        await shoot(pilot, name, size, keys, theme)
                story.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - the story is told by a callback
            await asyncio.sleep(0.05)


async def shoot(pilot: Pilot[None], name: str, size: tuple[int, int], keys: Sequence[str], theme: str) -> None:
    """One picture."""
    app = pilot.app
    app.theme = theme
    await pilot.resize_terminal(*size)
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3)
    await pilot.pause(0.5)
    save(app, FOLDER / f"{name}.svg")
    if len(app.screen_stack) > 1:
        await pilot.press("escape")
    sys.stdout.write(f"{name}\n")


def save(app: App[None], file: Path) -> None:
    """The picture, and a PNG of it where one is wanted."""
    drawn = app.export_screenshot(title="CTA-ACT")
    file.write_text(drawn, "utf-8")
    if PNG is not None:
        import cairosvg  # noqa: PLC0415 - wanted by few

        PNG.mkdir(parents=True, exist_ok=True)
        # Text is placed by the letters' width: any monospaced font that is there will do.
        local = drawn.replace("Fira Code", "DejaVu Sans Mono").encode()
        cairosvg.svg2png(bytestring=local, write_to=str(PNG / f"{file.stem}.png"), output_width=1400)


PNG = Path(os.environ["CTA_PICTURES_PNG"]) if os.environ.get("CTA_PICTURES_PNG") else None

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
