"""*Transforms* and *Batches*, the worker process's part computed here: torch is there already."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static
from torch.utils.data import DataLoader

from engine.data.loader import epoch_order
from engine.data.open_dataset import open_dataset
from engine.inspection.batch_requests import BatchRequest
from engine.training.setting import TUNE
from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import until
from tests.tui.data.test_data import about_image, line, opened
from tui.app import FmnistApp
from tui.data.batches import BatchesScreen
from tui.data.transforms import StepTable, TransformsScreen
from tui.runs.new_run import NewRunScreen
from tui.widgets.image_page import ImagePage
from tui.widgets.panel import Panel

DEMO = open_dataset("demo", None, Path())
SIZES = [(80, 24), (120, 40), (200, 60)]


pytestmark = pytest.mark.usefixtures("at_once", "no_forks")


@pytest.fixture
def no_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DataLoader loads in this process, whatever its num_workers: it is the app's here, with its threads and signals,
    where the worker process of the program forks (tests/engine/inspection/test_batches.py)."""

    def in_this_process(*arguments: Any, **options: Any) -> "DataLoader[Any]":
        return DataLoader(*arguments, **(options | {"num_workers": 0}))

    monkeypatch.setattr("engine.data.loader.DataLoader", in_this_process)


def border(app: FmnistApp, panel: str) -> str:
    """What stands in a panel's border."""
    shown = app.screen.query_one(panel, Panel)
    return " · ".join((shown._title, shown._doing or shown._right, shown._below, shown._below_right))


def captions(app: FmnistApp) -> list[str]:
    return [tile.caption for tile in app.screen.query_one(ImagePage)._tiles]


def steps_of(app: FmnistApp) -> StepTable:
    return app.screen.query_one(StepTable)


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_an_image_before_and_after_the_pipeline(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("right", "T")
        assert isinstance(app.screen, TransformsScreen)
        await until(pilot, lambda: captions(app) == ["original", "after"])
        assert "ToTensor()" in border(app, "#pipeline")
        steps = app.screen.query_one(StepTable)
        await until(pilot, lambda: "float32 1×28×28 0 to 0.4941" in " ".join(steps.text().split()))
        assert max(len(row) for row in steps.text().splitlines()) < size[0]
        label = DEMO.train.labels[1]
        hot = ", ".join("1." if at == label else "0." for at in range(10))
        assert f"target for mse, label {label}: tensor([{hot}])" in line(app, "#target")
        await pilot.press("c")
        await typed(pilot, "RandomCrop(28, padding=4); Normalize(0.286, 0.353)")
        await until(pilot, lambda: "seed 0" in captions(app))
        await until(pilot, lambda: "RandomCrop(28, padding=4)  random" in steps.text())
        assert "in a DataLoader · drawn with its minimum as black" in border(app, "#images")
        await pilot.press("r")
        await until(pilot, lambda: "seed 0" not in captions(app))
        await pilot.press("right")
        await until(pilot, lambda: "train image 2 " in border(app, "#images"))
        await pilot.press("c")
        await typed(pilot, "RandomCrop(40)")
        screen = app.screen if isinstance(app.screen, TransformsScreen) else app.screen_stack[-2]
        assert isinstance(screen, TransformsScreen)
        screen.on_image_page_resized()  # another request takes the place of the first
        await until(pilot, lambda: len(app._notifications) > 0)
        assert "RandomCrop(40) raised" in next(iter(app._notifications)).message
        await until(pilot, lambda: "RandomCrop(28, padding=4)" in border(app, "#pipeline"))  # the last that worked
        await pilot.press("escape", "2")
        assert isinstance(app.screen, NewRunScreen)
        assert "RandomCrop(28, padding=4)" in app.screen._form.command_line  # the next run trains with it
        await pilot.press("1", "T", "semicolon")
        await typed(pilot, "flip ;shift( 2 )")
        await until(pilot, lambda: "shift(2)  random" in steps_of(app).text())
        await pilot.press("0")
        await until(pilot, lambda: captions(app) == ["original", "after"])
        assert (app.settings["transform"], app.settings["augment"]) == ("", "")


async def test_what_a_recipe_does_to_a_batch_is_seen(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        app.settings["batch_size"] = TUNE
        await pilot.press("B")
        await until(pilot, lambda: "torch.Size([64, 1, 28, 28])" in line(app, "#about"))  # what a run begins with
        assert "augmented" not in line(app, "#about")
        await pilot.press("semicolon")
        await typed(pilot, "RandomCrop(28)")
        assert "torchvision's transforms belong to --transform" in line(app, "#verdict")
        await typed(pilot, "shift(3);cutout(10)")
        await until(pilot, lambda: "augmented on cpu: shift(3); cutout(10)" in line(app, "#about"))
        assert isinstance(app.screen, BatchesScreen)
        assert app.screen._answer is not None
        assert not np.array_equal(app.screen._answer.images, DEMO.train.images[:64])
        app.settings["val"] = "1000"
        await pilot.press("n")
        await until(pilot, lambda: "train batch 2 of 79" in border(app, "#panel"))
        await pilot.press("t")
        await until(pilot, lambda: "test batch 1 of 16" in border(app, "#panel"))
        assert "augmented" not in line(app, "#about")
        await pilot.press("escape", "2")
        assert "--augment 'shift(3); cutout(10)'" in app.screen._form.command_line  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES)
async def test_the_batches_of_an_epoch(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("B")
        assert isinstance(app.screen, BatchesScreen)
        await until(pilot, lambda: "torch.Size" in line(app, "#about") and len(captions(app)) > 1)
        about = line(app, "#about")
        assert "Feature batch shape: torch.Size([64, 1, 28, 28]) torch.float32, 0 to 1\n" in about
        assert "Labels batch shape: torch.Size([64]) torch.int64; both on cpu" in about
        assert "train batch 1 of 94 · in the files' order" in border(app, "#panel")
        assert "resident on the device: " in border(app, "#panel")
        assert captions(app)[1] == f"1 {DEMO.classes[DEMO.train.labels[1]]}"
        assert f"X[0]: image 0, y {DEMO.train.labels[0]} " in border(app, "#panel")
        if size[0] >= 110:
            assert about_image(app).startswith(f"image 0 {DEMO.classes[DEMO.train.labels[0]]}")
        await pilot.press("n")
        await until(pilot, lambda: "batch 2 of 94" in border(app, "#panel"))
        assert captions(app)[0].startswith("64 ")
        await pilot.press("s")
        order = epoch_order(6000, 0, 0)
        await until(pilot, lambda: "shuffled, seed 0, epoch 1" in border(app, "#panel"))
        assert captions(app)[0].startswith(f"{order[64]} ")
        await pilot.press("p")
        await until(pilot, lambda: captions(app)[0].startswith(f"{order[0]} "))
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: captions(app)[0].startswith(f"{epoch_order(6000, 0, 1)[0]} "))
        await pilot.press("c")
        await typed(pilot, "16")
        await until(pilot, lambda: "torch.Size([16, 1, 28, 28])" in line(app, "#about"))
        assert app.settings["batch_size"] == 16
        await pilot.press("right", "down", "l")
        assert f"X[{min(15, 2 + app.screen.query_one(ImagePage).grid[0])}]: " in border(app, "#panel")
        await pilot.press("pagedown", "pageup", "left", "up", "h")
        await pilot.press("o")
        await until(pilot, lambda: "DataLoader, num_workers=0, first batch" in border(app, "#panel"))
        await pilot.press("o", "o", "o")
        await until(pilot, lambda: "resident" in border(app, "#panel"))
        await pilot.press("t")
        await until(pilot, lambda: "test batch 1 of 63 · in the files' order" in border(app, "#panel"))
        if size[0] == 120:
            await pilot.press("number_sign")
            await until(pilot, lambda: "DataLoader, num_workers=2" in line(app, "#times"))
            assert "× slower" in line(app, "#times")
            assert "µs per image" in line(app, "#times")
        await pilot.press("escape", "2")
        assert "--batch-size 16" in app.screen._form.command_line  # type: ignore[attr-defined]
        assert "--shuffle" in app.screen._form.command_line  # type: ignore[attr-defined]


async def test_the_settings_of_a_recipe_chosen_in_the_form_are_those_of_the_batches(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.press("home", "right", "right", "right")
        assert isinstance(app.screen, NewRunScreen)
        form = app.screen._form
        assert form.values["recipe"] == "accurate"
        await pilot.press("1", "B")
        await until(pilot, lambda: "torch.Size([250, 1, 28, 28])" in line(app, "#about"))
        assert "augmented on cpu: flip(alternate); cutout(8)" in line(app, "#about")
        await pilot.press("semicolon")
        await typed(pilot, "")
        await until(pilot, lambda: "augmented" not in line(app, "#about"))
        assert form.values["augment"] == ""
        assert app.settings is form.values


async def test_what_is_made_is_said_and_the_last_batch_stays_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = FmnistApp(home=home, dataset="demo")
    go_on, asked = threading.Semaphore(0), app.worker.ask

    def later(request: Any, *arguments: Any) -> Any:
        if isinstance(request, BatchRequest):
            go_on.acquire(timeout=10)
        return asked(request, *arguments)

    monkeypatch.setattr(app.worker, "ask", later)
    monkeypatch.setattr(type(app.worker), "ready", True)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("B")
        await until(pilot, lambda: "making train batch 1" in border(app, "#panel"))
        shown = app.screen.query_one("#panel", Panel)
        said = str(shown.query_one(".panel-text", Static).content)
        assert shown.has_class("-text")
        assert said.startswith("Making train batch 1 …\n64 images of demo, in the files' order\n")
        assert "as training makes its batches, device auto" in said
        go_on.release()
        await until(pilot, lambda: "train batch 1 of 94" in border(app, "#panel"))
        assert not shown.has_class("-text")
        page = app.screen.query_one(ImagePage)
        await until(pilot, lambda: len(captions(app)) == page.capacity > 4)
        before = captions(app)
        await pilot.press("t", "right")
        await until(pilot, lambda: "making test batch 1" in border(app, "#panel"))
        assert captions(app) == before
        assert not shown.has_class("-text")
        assert "train batch 1 of 94" in border(app, "#panel")  # and the image that is chosen is one of train
        label = DEMO.train.labels[1]
        assert f"X[1]: image 1, y {label} {DEMO.classes[label]}" in border(app, "#panel")
        go_on.release()
        await until(pilot, lambda: "test batch 1 of 16" in border(app, "#panel"))
        go_on.release(9)
