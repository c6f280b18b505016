"""*Data* with a model's eyes: captions, mistakes, and the images of a cell of the confusion matrix."""

from pathlib import Path

import numpy as np
import pytest

from engine.data.dataset import open_dataset
from engine.errors import InspectionError
from engine.inspection import predictions
from engine.inspection.predictions import Predictions
from tests.tui.made_up import MadeUpRun, ScreensApp
from tests.tui.test_data_screen import drawn, line, opened, until
from tui.app import FmnistApp
from tui.screens.matrix import MatrixScreen
from tui.screens.overview import ClassTable
from tui.screens.prompt import PromptScreen
from tui.widgets.confusion import ConfusionMatrix

DEMO = open_dataset("demo", None, Path())
LABELS = DEMO.test.labels


def made_up(split: str = "test", checksum: str = DEMO.checksum) -> Predictions:
    """A model that takes every seventh image for the next class, the later the less surely."""
    labels = DEMO.splits[split].labels
    wrong = np.arange(len(labels)) % 7 == 0
    predicted = np.where(wrong, (labels + 1) % 10, labels).astype(np.uint8)
    probability = np.linspace(0.99, 0.51, len(labels), dtype=np.float32)
    own = np.where(wrong, 1 - probability, probability).astype(np.float32)
    return Predictions("my run", "3", split, checksum, predicted, probability, own, (1 - own).astype(np.float32))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What was asked of which checkpoint; the answer is made up."""
    questions: list[tuple[str, str, str]] = []

    def answer(inspector: object, folder: Path, at: str, split: str, tell: object) -> Predictions:
        questions.append((folder.name, at, split))
        if at == "9":
            raise InspectionError("there is no checkpoint at the end of epoch 9")
        return made_up(split, "other data" if at == "8" else DEMO.checksum)

    monkeypatch.setattr(predictions, "ask", answer)
    return questions


async def test_captions_tell_what_the_model_takes_an_image_for(home: Path, asked: list[tuple[str, str, str]]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("t")
        screen.look(home / "runs" / "r1", "3", "test")
        await until(pilot, lambda: "my run at 3" in line(app, "#where"))
        assert asked == [("r1", "3", "test")]
        names = DEMO.classes
        assert f"▸✗0 {names[LABELS[0]]}→{names[(LABELS[0] + 1) % 10]} 99%" in drawn(app)
        assert f" 1 {names[LABELS[1]]} 99%" in drawn(app)
        assert f"taken for {names[(LABELS[0] + 1) % 10]}, probability 0.9900" in line(app, "#chosen")
        assert "85.7% right" in line(app, "#where")
        await pilot.press("o")
        await until(pilot, lambda: "right" in app.screen.query_one(ClassTable).text())
        shirts = LABELS == 0
        share = 100 * (made_up().predicted == LABELS)[shirts].mean()
        assert f"{share:.1f}%" in app.screen.query_one(ClassTable).text().splitlines()[2]
        await pilot.press("escape")
        await pilot.press("W")
        assert f"of {len(range(0, 1000, 7))}, page" in line(app, "#where")
        assert "wrong ones · by margin" in line(app, "#where")
        assert line(app, "#chosen").startswith("image 0 ")  # the surest mistake first
        await pilot.press("right")
        assert line(app, "#chosen").startswith("image 7 ")
        await pilot.press("S")
        await pilot.press("home")
        assert line(app, "#chosen").startswith("image 994 ")
        await pilot.press("W")
        assert "of 1,000" in line(app, "#where")
        for sort in ("class", "brightness", "loss", "margin"):
            await pilot.press("s")
            assert f"by {sort}" in line(app, "#where")
        await pilot.press("t")
        await pilot.press("W")  # nothing is known of the training set
        assert "wrong ones" not in line(app, "#where")


async def test_what_can_not_be_asked_is_told(home: Path, asked: list[tuple[str, str, str]]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        for at, words in (("9", "no checkpoint at the end of epoch 9"), ("8", "trained on other data")):
            app.clear_notifications()
            screen.look(home / "runs" / "r1", at, "train")
            await until(pilot, lambda: len(app._notifications) > 0)
            assert words in next(iter(app._notifications)).message
            assert screen.browse.predictions == {}
            assert "train: images" in line(app, "#where")
        await pilot.press("w")  # there is no run
        assert isinstance(app.screen, PromptScreen)
        assert "no run" in line(app, "#verdict")
        await pilot.press("enter")
        assert isinstance(app.screen, PromptScreen)


async def test_a_cell_of_the_confusion_matrix_leads_to_its_images(
    home: Path, asked: list[tuple[str, str, str]]
) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa", name="my run")
    run.train(range(1, 4))
    app = ScreensApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        app.attach(run.folder)
        await until(pilot, lambda: bool(getattr(app.screen, "_state", None) and app.screen._state.tests))  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert isinstance(app.screen, MatrixScreen)
        assert line(app, "#cell").startswith("T-shirt/top taken for Trouser: 47, 47.0% of its 100 images")
        matrix = app.screen.query_one(ConfusionMatrix)
        assert any(style == "chosen" for row in matrix._lines for _, style in row)
        await pilot.press("down", "right", "j", "l", "up", "left")
        assert line(app, "#cell").startswith("Trouser taken for Pullover")
        await pilot.press("h")
        assert line(app, "#cell").startswith("Trouser taken for Trouser: 53")
        await pilot.press("n")
        await pilot.press("k", "k", "k", "right", "enter")
        await until(pilot, lambda: "taken for Pullover" in line(app, "#where"))
        assert asked == [("20260101-101010-aaaa", "3", "test")]
        screen = await opened(pilot)
        expected = [i for i in range(1000) if LABELS[i] == 0 and made_up().predicted[i] == 2]
        assert screen.browse.shown_indices() == expected
        await pilot.press("2", "enter", "escape")
        assert not isinstance(app.screen, MatrixScreen)
