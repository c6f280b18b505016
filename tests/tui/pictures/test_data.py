"""*Data* and what opens from it."""

from pathlib import Path

import pytest
from textual.widgets import Input

from engine.evaluation import predictions, quality
from engine.evaluation.predictions import PredictionSource
from engine.sources import RunCheckpoint
from tests.tui.data.test_predictions import made_up, suspects
from tests.tui.pictures.conftest import SIZES, Picture, opened, still
from tests.tui.pictures.world import NETWORK
from tui.data.data import DataScreen

READY = ("of 6,000", "image 0 ")


async def test_grid(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, *READY)


async def test_filtered_sorted_and_marked(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("slash")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "sneak, 3"
        await pilot.press("enter")
        await still(pilot, ("Dress, Sneaker",))
        await pilot.press("s", "m", "right", "m", "right")
        await picture(pilot, "by class", "✓ 2 marked")


async def test_the_random_figure(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("R")
        await picture(pilot, "random 3×3, seed 0")


async def test_enlarged(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("right", "enter")
        await picture(pilot, "image 1 of 6,000", name="image")
        await pilot.press("v", "down", "right")
        await picture(pilot, "pixel [", name="numbers")


async def test_overview(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("O")
        await picture(pilot, "6,000 images in 10 classes")


async def test_predictions(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "ask", lambda worker, source, split, progress: made_up(split))
    monkeypatch.setattr(predictions, "find_source", lambda home, network: PredictionSource("", "key", network))
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        screen = pilot.app.screen
        assert isinstance(screen, DataScreen)
        screen.predictions.show(RunCheckpoint("r1", "3"), "test")
        await picture(pilot, "my run, epoch 3", name="all")
        await pilot.press("W")
        await picture(pilot, "wrong predictions", name="wrong")


async def test_quality(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "ask", lambda worker, kind, *_: suspects(kind))
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("Q")
        await picture(pilot, "Northcutt", name="kinds")
        await pilot.press("enter")
        await picture(pilot, "label errors", name="label-errors")
        await pilot.press("Q", "j", "enter")
        await picture(pilot, "near-duplicates", name="duplicates")


@pytest.mark.usefixtures("answers")
async def test_transforms(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("right", "T")
        await picture(pilot, "ToTensor()", "original", name="none")
        await pilot.press("c")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "CenterCrop(20); Pad(4); Normalize(0.25, 0.5)"
        await pilot.press("enter")
        await picture(pilot, "CenterCrop(20)", "Normalize(0.25, 0.5)", name="three-steps")


@pytest.mark.usefixtures("answers")
async def test_batches(home: Path, picture: Picture) -> None:
    async with opened(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("B")
        await picture(pilot, "torch.Size([64, 1, 28, 28])")


@pytest.mark.usefixtures("answers")
async def test_an_image_through_the_network(home: Path, picture: Picture) -> None:
    app = opened(home)
    app.settings["model"] = NETWORK
    async with app.run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("t", "right", "right", "F")
        await still(pilot, ("test image 2",))
        await pilot.press("j")
        await picture(pilot, "test image 2", "hidden", name="stages")
        await pilot.press("tab")
        await picture(pilot, "test image 2", name="answer")
        await pilot.press("tab", "c", "right", "down", "space", "I")
        await picture(pilot, "edited (2)", "pixel [15, 15]", name="edited")


@pytest.mark.usefixtures("answers")
async def test_the_terms_of_an_output(home: Path, picture: Picture) -> None:
    app = opened(home)
    app.settings["model"] = NETWORK
    async with app.run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("F")
        await still(pilot, ("train image 0",))
        await pilot.press("j", "number_sign")
        await picture(pilot, "784 products")
