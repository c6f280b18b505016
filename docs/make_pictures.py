"""Make the README's pictures from the program itself: docs/data.svg and docs/train.svg.

    FMNIST_TUI_DATA=... python docs/make_pictures.py

Opens the app on the data that is found (the demo data where there is none), starts the tutorial's run beside it, and
takes the second picture while it trains, past its half. Ends the run, and leaves no file but the two.
"""

import asyncio
import contextlib
import os
import re
import tempfile
from pathlib import Path

from engine.errors import RunError
from engine.runs import client, store
from engine.runs.follower import Follower
from engine.runs.state import Fold
from engine.training.config import TrainConfig
from tui.app import FmnistApp

HERE = Path(__file__).parent
SIZE = (120, 40)  # columns, rows
HALF_WAY = 5.6  # epochs
HALF_CELL = 12.2  # the height of "▀" in the units of Rich's SVG, where a line is 24.4 high and its baseline at 18.5


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder  # the pictures say ~, whoever makes them
        home, data_dir = Path(folder) / "fmnist-tui", None
        if found := os.environ.pop("FMNIST_TUI_DATA", ""):
            data_dir = Path(folder) / "data"
            data_dir.symlink_to(Path(found).absolute())
        await picture_of_the_data(home, data_dir)
        run = await asyncio.to_thread(client.start, home, TrainConfig(), data_dir=data_dir)
        try:
            await picture_of_the_run(home, data_dir, run)
        finally:
            with contextlib.suppress(RunError):  # it has ended by itself
                client.command(run, "stop")
            while store.alive(run):
                await asyncio.sleep(0.1)


async def picture_of_the_data(home: Path, data_dir: Path | None) -> None:
    app = FmnistApp(home=home, data_dir=data_dir)
    app.picture_style = "blocks"  # whatever terminal this is started in
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(2)
        await pilot.press("right", "right")
        await pilot.pause(0.5)
        write(app, "data.svg")


async def picture_of_the_run(home: Path, data_dir: Path | None, run: Path) -> None:
    follower, fold = Follower(run), Fold()
    app = FmnistApp(home=home, data_dir=data_dir, watch=run)
    async with app.run_test(size=SIZE) as pilot:
        while not (state := fold.snapshot()).done and (state.x < HALF_WAY or not agrees(app)):
            await pilot.pause(0.1)
            for event in follower.poll():
                fold.add(event)
        write(app, "train.svg")


def agrees(app: FmnistApp) -> bool:
    """Whether the panels that are drawn anew every few seconds show the same epoch by now."""
    return len(set(re.findall(r",&#160;epoch&#160;(\d+)", app.export_screenshot()))) == 1


def write(app: FmnistApp, name: str) -> None:
    (HERE / name).write_text(tidy(app.export_screenshot(title="fmnist-tui")), encoding="utf-8")


def tidy(svg: str) -> str:
    """Rich's SVG at half its size: no web fonts (a picture in a page may not load them), short names, no clipping of
    single lines, and each `▀` a rectangle that fills its half of the cell, which not every font's glyph does."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+-", "", svg)
    svg = re.sub(r' clip-path="url\(#line-\d+\)"', "", svg)
    svg = re.sub(r'<clipPath id="line-\d+">.*?</clipPath>\s*', "", svg, flags=re.DOTALL)
    svg = svg.replace(' shape-rendering="crispEdges"', "").replace(
        "<style>", "<style>\n    rect { shape-rendering: crispEdges }"
    )
    return re.sub(r'<text class="(\w+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)">▀+</text>', half_block, svg)


def half_block(text: re.Match[str]) -> str:
    style, x, baseline, width = text.groups()
    return f'<rect class="{style}" x="{x}" y="{float(baseline) - 18.5:.1f}" width="{width}" height="{HALF_CELL}"/>'


if __name__ == "__main__":
    asyncio.run(main())
