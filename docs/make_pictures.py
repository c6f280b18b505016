"""Make the documents' pictures from the program itself: docs/data.svg and docs/train.svg of the README, and those of
every screen in docs/screens/, which docs/screens.md shows.

    FMNIST_TUI_DATA=... python docs/make_pictures.py              # all of them, in some minutes
    FMNIST_TUI_DATA=... python docs/make_pictures.py readme runs  # the README's two, or screens by their names in SHOTS

Trains five runs on the data that is found (the demo data where there is none), a race and two studies, takes the
pictures, ends what it started, and leaves no file but the pictures and their page.
"""

import asyncio
import contextlib
import html
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from engine import race
from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.lab import listing
from engine.runs import branch, client, store
from engine.runs.follower import Follower
from engine.runs.state import Fold
from engine.studies import client as studies
from engine.studies import trials
from engine.training.config import TrainConfig
from tui.app import FmnistApp
from tui.runs.study_source import sweep

HERE = Path(__file__).parent
README = (120, 40)  # columns, rows
SIZES = ((140, 45), (80, 24))
HALF_WAY = 5.6  # epochs
HALF_CELL = 12.2  # the height of "▀" in the units of Rich's SVG, where a line is 24.4 high and its baseline at 18.5
STILL_S = 1.2  # without a change, before a picture is taken
TEMPORARY, SHOWN_FOR_IT = r"/tmp/tmp[a-z0-9_]{8}", "/home/researcher"  # of the same length
WAIT = "wait:"  # among the keys, before a text that is waited for
LONGEST_S = 60.0  # that a picture waits for its screen


@dataclass(frozen=True)
class Shot:
    """A picture of a screen: what is pressed to come there, and a text that is on it when it is all there."""

    name: str
    about: str
    start: str  # the first screen
    keys: tuple[str, ...] = ()
    until: str = ""
    watched: str = ""  # the name of the run to begin with
    first: str = ""  # what is on the first screen before the keys are pressed
    searched: bool = False  # taken when there are a race and studies too


TRAINS = "fast"  # the name of the run that trains
PARAMETERS = "669,706"  # of the tutorial's network
CELLS = """\
# %% [markdown]
# ## Shared memory, and a graph

# %%
import torch
import torch.nn.functional as F

t = torch.ones(5)
n = t.numpy()
rows = torch.arange(12.0).view(3, 4)
last = rows[:, -1]

# %%
t.add_(1)

# %%
w = torch.randn(5, 3, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
loss = F.binary_cross_entropy_with_logits(t @ w + b, torch.zeros(3))
loss.backward()
loss

# %%
loss.backward()
"""  # of the document that is shown
STUDIES = (  # what is typed after `sweep new`
    ("sizes", "batch_size=64,256", "optimizer=sgd,adam", "epochs=1", "--sampler", "grid"),
    ("first", "lr=1e-4..1e-1:log", "optimizer=sgd,adam", "momentum=0..0.95", "batch_size=64,128,256", "epochs=2",
     "--trials", "14", "--metric", "val_accuracy", "--parallel", "2"),
)  # fmt: skip
DOCUMENT = "cells.py"
OPENS_DOCUMENT = (
    "o", "wait:Open a document", *f"~/{DOCUMENT}", "enter", "wait:idle", *"jrrr", "wait:grad_fn", "r",
    "wait:RuntimeError", "k", "k",
)  # fmt: skip
OPENS_STUDIES = ("end", "O")  # from a run that is no trial
OPENS_CHAPTER = ("enter", "wait:idle", *"rrrrrrrr")


SHOTS = (
    Shot("data", "Browse the images", "data", ("right", "right"), "of 60,000"),
    Shot("image", "One image", "data", ("enter",)),
    Shot("numbers", "Its pixels as numbers", "data", ("enter", "v")),
    Shot("random", "The tutorial's figure", "data", ("R",), "random 3×3"),
    Shot("overview", "The classes", "data", ("O",)),
    Shot("batches", "Batches, as training gets them", "data", ("B",)),
    Shot("transforms", "A pipeline of transforms, step by step", "data", ("T",)),
    Shot("form", "A new run", "train", (), "Start training"),
    Shot("rates", "Learning rates tried", "train", ("F",), "steepest", first="Start training"),
    Shot("run", "A run that trains", "train", (), "samples/s", watched=TRAINS),
    Shot("layers", "Its layers while it trains", "train", ("v",), "", watched=TRAINS),
    Shot("matrix", "Its confusion matrix", "train", ("enter",), "predicted", watched=TRAINS),
    Shot("race", "A race of branches", "train", ("ampersand",), "(lowest)", "tutorial", "took", searched=True),
    Shot("runs", "All runs", "runs", ("down",), "fast"),
    Shot(
        "compare",
        "Runs side by side",
        "runs",
        ("down", "m", "m", "m", "d", "wait:adam", "tab", "tab"),
        "other than",
        first="large batches",
    ),
    Shot("studies", "Studies, searches for the best settings", "runs", OPENS_STUDIES, "best so far", searched=True),
    Shot(
        "study",
        "A study's trials",
        "runs",
        (*OPENS_STUDIES, "wait:best so far", "enter"),
        "14 of 14 done",
        searched=True,
    ),
    Shot("model", "A model's modules", "model", ("down", "down"), "Linear", first=PARAMETERS),
    Shot("parameters", "Its parameters", "model", ("v", "down"), "weight", first=PARAMETERS),
    Shot("tensor", "The values of a tensor", "model", ("v", "enter"), "0.0", first=PARAMETERS),
    Shot("forward", "An image through the network", "model", ("F",), "largest", first=PARAMETERS),
    Shot(
        "sum",
        "The sum behind an output",
        "model",
        ("F", "wait:largest", "end", "number_sign"),
        "products",
        first=PARAMETERS,
    ),
    Shot(
        "editor",
        "An image changed by keys",
        "model",
        ("F", "wait:largest", "c", "down", "space"),
        "edited",
        first=PARAMETERS,
    ),
    Shot(
        "autograd",
        "Autograd, step by step",
        "model",
        ("A", "space", "space", "space"),
        "is freed",
        first=PARAMETERS,
    ),
    Shot("checkpoints", "Checkpoints, and other files of weights", "checkpoints", (), "epoch"),
    Shot("file", "What is in a file", "checkpoints", ("enter",), "float32", first="epoch"),
    Shot(
        "evaluation",
        "What a file's weights reach on the test set",
        "checkpoints",
        ("enter", "wait:float32", "E", "wait:network", "enter"),
        "mistaken",
        first="epoch",
    ),
    Shot("difference", "Two checkpoints compared", "checkpoints", ("m", "down", "m", "d"), "changed", first="epoch"),
    Shot("course", "The lab: the course, and documents", "lab", (), "exercises"),
    Shot("lab", "A document, its variables, and the graph", "lab", OPENS_DOCUMENT, "RuntimeError", first="exercises"),
    Shot("prediction", "An exercise asks for a prediction", "lab", OPENS_CHAPTER, "no prediction", first="exercises"),
    Shot("help", "The keys of a screen", "runs", ("question_mark",), "Keys"),
)


async def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.environ["HOME"] = folder  # the pictures say ~, whoever makes them
        os.environ["FMNIST_TUI_CONFIG"] = f"{folder}/config.toml"
        home, data_dir = Path(folder) / "fmnist-tui", None
        (Path(folder) / DOCUMENT).write_text(CELLS)
        if found := os.environ.pop("FMNIST_TUI_DATA", ""):
            data_dir = Path(folder) / "data"
            data_dir.symlink_to(Path(found).absolute())
        if not names or "readme" in names:
            await pictures_of_the_readme(home, data_dir)
        chosen = [shot for shot in SHOTS if not names or shot.name in names]
        if chosen:
            (HERE / "screens").mkdir(exist_ok=True)
            await asyncio.to_thread(finished_runs, home, data_dir)
            with training(home, data_dir, TrainConfig(epochs=200, lr=0.01), TRAINS):
                await pictures_of([shot for shot in chosen if not shot.searched], home, data_dir)
        if any(shot.searched for shot in chosen):
            await asyncio.to_thread(finished_race, home)
            await finished_studies(home, data_dir)
            await pictures_of([shot for shot in chosen if shot.searched], home, data_dir)
        if chosen:
            for lab in listing.living(home):
                listing.stop(home, lab)
        write_page()


# The README's


async def pictures_of_the_readme(home: Path, data_dir: Path | None) -> None:
    app = FmnistApp(home=home, data_dir=data_dir)
    app.pictures.style = "blocks"  # whatever terminal this is started in
    async with app.run_test(size=README) as pilot:
        await pilot.pause(2)
        await pilot.press("right", "right")
        await pilot.pause(0.5)
        write(app, HERE / "data.svg")
    with training(home, data_dir, TrainConfig(), "") as run:
        follower, fold = Follower(run), Fold()
        app = FmnistApp(home=home, data_dir=data_dir, watch=run)
        async with app.run_test(size=README) as pilot:
            while not (state := fold.snapshot()).done and (state.x < HALF_WAY or not agrees(app)):
                await pilot.pause(0.1)
                for event in follower.poll():
                    fold.add(event)
            write(app, HERE / "train.svg")


def agrees(app: FmnistApp) -> bool:
    """Whether the panels that are drawn anew every few seconds show the same epoch by now."""
    return len(set(re.findall(r",&#160;epoch&#160;(\d+)", app.export_screenshot()))) == 1


# The screens'


def finished_runs(home: Path, data_dir: Path | None) -> None:
    """Four runs that differ, one of them a branch and one stopped, trained one after the other."""
    configs = {
        "tutorial": TrainConfig(epochs=3),
        "adam": TrainConfig(epochs=3, optimizer="adam"),
        "augmented": TrainConfig(epochs=2, lr=0.02, momentum=0.9),
        "large batches": TrainConfig(epochs=3, lr=0.05, batch_size=256),
    }
    for name, config in configs.items():
        run = client.start(home, config, data_dir=data_dir, name=name)
        while store.alive(run):
            time.sleep(0.2)


def finished_race(home: Path) -> None:
    """From the tutorial's first epoch on."""
    point = branch.branch_point(store.find(home, "tutorial"), "1")
    changes = race.typed(["lr=1e-3|1e-2|3e-2", "lr=1e-2 momentum=0.9"])
    for run in race.begin(race.plan(point, changes)):
        while store.alive(run):
            time.sleep(0.2)


async def finished_studies(home: Path, data_dir: Path | None) -> None:
    where = ["--data-dir", str(data_dir)] if data_dir is not None else []
    for words in STUDIES:
        await sweep(home, ["new", *words, *where])
        folder = Home(home).study(words[0])
        while (seen := trials.read(folder)) is None or not seen.over or studies.worker_lives(folder):
            await asyncio.sleep(0.5)


@contextlib.contextmanager
def training(home: Path, data_dir: Path | None, config: TrainConfig, name: str) -> Iterator[RunFolder]:
    """A run that trains until the end of the block."""
    run = client.start(home, config, data_dir=data_dir, name=name)
    try:
        yield run
    finally:
        with contextlib.suppress(RunError):  # it has ended by itself
            client.command(run, "stop")
        while store.alive(run):
            time.sleep(0.1)


async def pictures_of(shots: Sequence[Shot], home: Path, data_dir: Path | None) -> None:
    for shot in shots:
        for size in SIZES:
            await picture_of(shot, size, home, data_dir)


async def picture_of(shot: Shot, size: tuple[int, int], home: Path, data_dir: Path | None) -> None:
    run = store.find(home, shot.watched) if shot.watched else None
    app = FmnistApp(home=home, data_dir=data_dir, start=shot.start, watch=run)
    app.pictures.style = "blocks"
    async with app.run_test(size=size) as pilot:
        await still(app, pilot, shot, shot.first)
        for key in shot.keys:
            if key.startswith(WAIT):
                await still(app, pilot, shot, key.removeprefix(WAIT))
            else:
                await pilot.press(key)
                await pilot.pause(0.6)
        await still(app, pilot, shot, shot.until)
        write(app, HERE / "screens" / f"{shot.name}-{size[0]}x{size[1]}.svg")


async def still(app: FmnistApp, pilot: Pilot[None], shot: Shot, text: str) -> None:
    """Wait until the text is on the screen, and nothing changes any more."""
    before, quiet, waited = "", 0.0, 0.0
    while waited < LONGEST_S and (quiet < STILL_S or text not in plain(before)):
        await pilot.pause(0.2)
        waited += 0.2
        now = app.export_screenshot()
        quiet = quiet + 0.2 if now == before or shot.watched == TRAINS else 0.0
        before = now
    if text not in plain(before):
        raise SystemExit(f"{shot.name}: {text!r} never came on the screen")


def plain(svg: str) -> str:
    """The text of a screenshot."""
    return html.unescape(re.sub(r"<[^>]+>", "", svg)).replace("\xa0", " ")


def write_page() -> None:
    """docs/screens.md: every picture, by its name."""
    lines = ["# The screens", "", "<!-- Made by docs/make_pictures.py; do not edit. -->", ""]
    lines += [
        "Each at 140×45 and at 80×24 cells, on Fashion-MNIST with five runs, and a race and two studies. Images are",
        "half blocks here; in kitty, Ghostty and terminals with sixels they are [true",
        "pixels](data.md#images-as-pixels).",
        "As sixels a thumbnail takes 0.20 to 0.31 of the bytes of half blocks for all its pixels, in kitty 0.1.",
        "",
    ]
    for shot in SHOTS:
        lines += [f"## {shot.about}", ""]
        lines += [
            f"![{shot.about}, {columns}×{rows}](screens/{shot.name}-{columns}x{rows}.svg)" for columns, rows in SIZES
        ]
        lines += [""]
    (HERE / "screens.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def write(app: FmnistApp, path: Path) -> None:
    path.write_text(tidy(app.export_screenshot(title="fmnist-tui")), encoding="utf-8")


def tidy(svg: str) -> str:
    """Rich's SVG at half its size: no web fonts (a picture in a page may not load them), short names, no clipping of
    single lines, and each `▀` a rectangle that fills its half of the cell, which not every font's glyph does."""
    svg = re.sub(TEMPORARY, SHOWN_FOR_IT, svg)
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
    asyncio.run(main(sys.argv[1:]))
