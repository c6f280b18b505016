"""A model's predictions on *Data*: captions, mistakes, and the images of a cell of the confusion matrix."""

import contextlib
import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import OptionList

from engine.data import holdout
from engine.data.open_dataset import open_dataset
from engine.errors import InspectionCancelledError, InspectionError
from engine.evaluation import predictions, quality
from engine.evaluation.predictions import Predictions, PredictionSource
from engine.evaluation.requests import Suspects
from engine.sources import RunCheckpoint
from engine.worker.client import WorkerClient
from tests.support.made_up import MadeUpRun, ScreensApp
from tests.support.waiting import until
from tests.tui.data.test_data import about_image, drawn, frame, line, opened, where
from tui.app import FmnistApp
from tui.cli.main import main
from tui.data.overview import ClassCards
from tui.data.quality import QualityScreen
from tui.dialogs.prompt import PromptScreen
from tui.runs.confusion import ConfusionMatrix
from tui.runs.confusion_matrix import MatrixScreen

DEMO = open_dataset("demo", None, Path())
LABELS = DEMO.test.labels


def made_up(split: str = "test", checksum: str = DEMO.checksum) -> Predictions:
    """A model that predicts the next class for every seventh image, the later the less confidently."""
    labels = DEMO.splits[split].labels
    wrong = np.arange(len(labels)) % 7 == 0
    predicted = np.where(wrong, (labels + 1) % 10, labels).astype(np.uint8)
    probability = np.linspace(0.99, 0.51, len(labels), dtype=np.float32)
    of_label = np.where(wrong, 1 - probability, probability).astype(np.float32)
    other = (1 - of_label).astype(np.float32)
    top = np.stack([predicted, (predicted + 1) % 10], axis=1)
    chances = np.stack([probability, 1 - probability], axis=1)
    return Predictions(checksum, predicted, probability, of_label, other, top, chances, "my run, epoch 3", split)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What was asked of which checkpoint; the answer is made up."""
    questions: list[tuple[str, str, str]] = []

    def answer(worker: object, source: PredictionSource, split: str, progress: object) -> Predictions:
        checkpoint = source.network.source
        assert isinstance(checkpoint, RunCheckpoint)
        questions.append((checkpoint.run, checkpoint.at, split))
        if checkpoint.at == "9":
            raise InspectionError("there is no checkpoint at the end of epoch 9")
        return made_up(split, "other data" if checkpoint.at == "8" else DEMO.checksum)

    monkeypatch.setattr(predictions, "ask", answer)
    monkeypatch.setattr(predictions, "find_source", lambda home, network: PredictionSource("", "key", network))
    return questions


async def test_captions_show_the_prediction(home: Path, asked: list[tuple[str, str, str]]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("t")
        screen.predictions.show(RunCheckpoint("r1", "3"), "test")
        await until(pilot, lambda: "my run, epoch 3" in where(app))
        assert asked == [("r1", "3", "test")]
        names = DEMO.classes
        assert f"▸✗0 {names[LABELS[0]]}→{names[(LABELS[0] + 1) % 10]} 99%" in drawn(app)
        assert f" 1 {names[LABELS[1]]} 99%" in drawn(app)
        about = about_image(app)
        assert f"my run, epoch 3 predicts \n✗ {names[(LABELS[0] + 1) % 10]}  99.0%" in about
        assert f"✓ {names[LABELS[0]]}" in about  # the label, which is not among the most probable
        assert "my run, epoch 3: 85.7% correct" in where(app)
        await pilot.press("O")
        cards = app.screen.query_one(ClassCards)
        await until(pilot, lambda: cards._grid is not None)
        assert "my run, epoch 3: 85.7% right" in frame(app)
        shirts = LABELS == 0
        share = 100 * (made_up().predicted == LABELS)[shirts].mean()
        assert f"  {share:.1f}% █" in cards.text().splitlines()[0]
        await pilot.press("escape")
        await pilot.press("W")
        assert where(app).endswith(f"of {len(range(0, 1000, 7))}")
        assert "wrong predictions · by margin" in where(app)
        assert about_image(app).startswith("image 0 ")  # the most confident mistake first
        await pilot.press("right")
        assert about_image(app).startswith("image 7 ")
        await pilot.press("S")
        await pilot.press("home")
        assert about_image(app).startswith("image 994 ")
        await pilot.press("W")
        assert "of 1,000" in where(app)
        for sort in ("class", "brightness", "loss", "margin"):
            await pilot.press("s")
            assert f"by {sort}" in where(app)
        await pilot.press("t")
        await pilot.press("W")  # nothing is known of the training set
        assert "wrong predictions" not in where(app)


async def test_an_error_is_shown_and_changes_nothing(home: Path, asked: list[tuple[str, str, str]]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        for at, words in (("9", "no checkpoint at the end of epoch 9"), ("8", "trained on other data")):
            app.clear_notifications()
            screen.predictions.show(RunCheckpoint("r1", at), "train")
            await until(pilot, lambda: len(app._notifications) > 0)
            assert words in next(iter(app._notifications)).message
            assert screen.browse.predictions == {}
            assert "Images of train" in where(app)
        await pilot.press("o")  # there is no run
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
        app.watch_run(run.folder)
        await until(pilot, lambda: bool(getattr(app.screen, "_state", None) and app.screen._state.tests))  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert isinstance(app.screen, MatrixScreen)
        assert line(app, "#cell").startswith("T-shirt/top predicted as Trouser: 47, 47.0% of its 100 images")
        matrix = app.screen.query_one(ConfusionMatrix)
        assert any(style == "chosen" for row in matrix._lines for _, style in row)
        await pilot.press("down", "right", "j", "l", "up", "left")
        assert line(app, "#cell").startswith("Trouser predicted as Pullover")
        await pilot.press("h")
        assert line(app, "#cell").startswith("Trouser predicted as Trouser: 53")
        await pilot.press("n")
        await pilot.press("k", "k", "k", "right", "enter")
        await until(pilot, lambda: "predicted as Pullover" in where(app))
        assert asked == [("20260101-101010-aaaa", "3", "test")]
        screen = await opened(pilot)
        expected = [i for i in range(1000) if LABELS[i] == 0 and made_up().predicted[i] == 2]
        assert screen.browse.shown_indices() == expected
        await pilot.press("2", "enter", "escape")
        assert not isinstance(app.screen, MatrixScreen)


async def test_a_cell_of_validation_images_leads_to_training_images(
    home: Path, asked: list[tuple[str, str, str]]
) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa", name="my run", val=600)
    run.train(range(1, 4), "val")
    app = ScreensApp(home)
    async with app.run_test(size=(140, 45)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: bool(getattr(app.screen, "_state", None) and app.screen._state.vals))  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert isinstance(app.screen, MatrixScreen)
        await pilot.press("enter")
        await until(pilot, lambda: "predicted as Trouser" in where(app))
        assert asked == [("20260101-101010-aaaa", "3", "train")]
        assert "Images of train" in where(app)
        assert "validation images" in where(app)
        screen = await opened(pilot)
        held_out = holdout.draw(DEMO.train.labels, 600, 0)
        predicted = made_up("train").predicted
        expected = {int(one) for one in held_out if DEMO.train.labels[one] == 0 and predicted[one] == 1}
        assert expected
        assert set(screen.browse.shown_indices()) == expected
        await pilot.press("W")
        await until(pilot, lambda: "wrong predictions" in where(app))
        assert set(screen.browse.shown_indices()) <= set(held_out.tolist())
        await pilot.press("escape")
        assert len(screen.browse.shown_indices()) == len(DEMO.train)


def suspects(kind: str) -> dict[str, Suspects]:
    def part(split: str, indices: list[int], others: list[int], elsewhere: list[bool]) -> Suspects:
        scores = np.linspace(0.01, 0.4, len(indices), dtype=np.float32)
        return Suspects(kind, split, np.array(indices, int), scores, np.array(others, int), np.array(elsewhere, bool))

    if kind == "duplicates":
        return {
            "train": part("train", [70, 50, 9], [50, 70, 3], [False, False, True]),
            "test": part("test", [3], [9], [True]),
        }
    return {"train": part("train", [70, 50, 9], [1, 2, 3], [False] * 3), "test": part("test", [], [], [])}


async def test_suspicious_images_are_listed_with_the_reason(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(worker: object, kind: str, *_: object) -> dict[str, Suspects]:
        asked.append(kind)
        if kind == "dark":
            raise InspectionError("it can't be done")
        return suspects(kind)

    monkeypatch.setattr(quality, "ask", answer)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("Q")
        assert isinstance(app.screen, QualityScreen)
        assert "Northcutt" in line(app, "#why")
        await pilot.press("enter")
        await until(pilot, lambda: "label errors" in where(app))
        assert screen.browse.shown_indices() == [70, 50, 9]
        labels = DEMO.train.labels
        assert screen.browse.caption(70) == f"70 {DEMO.classes[labels[70]]}→Trouser? 1%"
        assert "▸70 " in drawn(app)
        assert "? 1%" in drawn(app), "what stands behind the names is there where they are cut"
        assert "perhaps Trouser: its label has probability 0.01" in about_image(app)
        await pilot.press("Q")
        assert "3 in train, 0 in test" in str(app.screen.query_one(OptionList).get_option_at_index(0).prompt)
        await pilot.press("j", "k", "j")
        assert "Lewis" in line(app, "#why")
        await pilot.press("enter")
        await until(pilot, lambda: "near-duplicates" in where(app))
        assert "70 " in drawn(app)
        assert "≈ 50" in drawn(app)
        assert "nearly train image 50, correlation 0.0100 (P)" in about_image(app)
        await pilot.press("P")
        assert about_image(app).startswith("image 50 ")
        await pilot.press("right", "P")
        assert where(app).startswith("Images of test")
        assert about_image(app).startswith("image 3 ")
        await pilot.press("escape")
        assert "of 1,000" in where(app)
        await pilot.press("Q", "j", "j", "enter")
        await until(pilot, lambda: len(app._notifications) > 0)
        assert next(iter(app._notifications)).message == "it can't be done"
        assert asked == ["label", "duplicates", "dark"]
        await pilot.press("Q", "escape")
        assert app.screen is screen


async def test_a_new_kind_is_listed_and_shown_by_its_entry_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_kind = quality.Kind(
        title="brightest",
        why="score: the sum of its pixels",
        source="this test",
        order=quality.Order.HIGHEST_FIRST,
        find="",
        other=quality.Other.LABEL,
        caption="{label} or {other}",
        reason="like {other} of {split}: {score:.1f}",
    )
    monkeypatch.setitem(quality.KINDS, "brightest", made_up_kind)
    monkeypatch.setattr(quality, "ask", lambda worker, kind, *_: suspects(kind))
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
        main(["data", "--help"])
    assert "outliers, brightest" in " ".join(shown.getvalue().split())
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, QualityScreen))
        await pilot.press("end")
        assert line(app, "#why") == "Suspicious: score: the sum of its pixels.\nSource: this test."
        await pilot.press("enter")
        await until(pilot, lambda: "brightest" in where(app))
        label = DEMO.classes[DEMO.train.labels[70]]
        assert f"▸70 {label} or Trouser" in drawn(app)
        assert f"image 70 {label}" in about_image(app)
        assert "like Trouser of train: 0.0" in about_image(app)


async def test_escape_cancels(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def answer(worker: WorkerClient, kind: str, *_: object) -> dict[str, Suspects]:
        begun.set()
        while not worker._cancelled:
            time.sleep(0.01)
        ended.set()
        raise InspectionCancelledError("cancelled")

    monkeypatch.setattr(quality, "ask", answer)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.worker._asked = 1
        await pilot.press("Q", "enter")
        await until(pilot, begun.is_set)
        assert "finding label errors" in where(app)
        assert "(Esc cancels)" in where(app)
        app.worker._asked = 2
        await pilot.press("escape")
        await until(pilot, ended.is_set)
        assert where(app).startswith("Images of train · 0–")
