"""*Train*: the form, a run in each of its states, its layers and its mistakes."""

import math
from pathlib import Path
from typing import Any

import pytest

from engine.inspection import lr_find
from engine.runs import client, store
from engine.training import events as ev
from engine.training.lr_sweep import GrowingLrCurve, LrCurve, Sweep
from engine.training.setup import TrainingSetup
from tests.support.made_up import STEPS, MadeUpRun, progress
from tests.tui.pictures.conftest import SIZES, Picture, opened, still, typed
from tests.tui.pictures.world import layer_stats, made_up_run, run_with_checkpoints, validated_run
from tui.app import FmnistApp


def watched(home: Path, run: MadeUpRun) -> FmnistApp:
    return opened(home, watch=run.folder)


def made_up_curve(prepared: TrainingSetup, sweep: Sweep, **_: Any) -> LrCurve:
    """A loss that falls as the rate grows, trembles and diverges."""
    growing = GrowingLrCurve()
    for at in range(sweep.steps):
        lr = sweep.lr(at)
        if not growing.add(lr, 2.3 - 0.7 / (1 + (0.02 / lr) ** 1.5) + lr**3 + 0.03 * math.sin(1.7 * at)):
            break
    return growing.curve


async def test_the_form(home: Path, picture: Picture) -> None:
    async with opened(home, "train").run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "Start training", name="as-it-opens")
        await pilot.press("down", "down", "right")
        await picture(pilot, "Start training", name="changed")


async def test_a_run_that_trains(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home)
    run.train([3])
    run.add(progress(4, 50))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "training", "my run", "epoch 4/10", "35%", name="loss")
        for panel in ("accuracy", "log", "classes", "confusion"):
            await pilot.press("tab")
            await picture(pilot, "training", "epoch 4/10", name=panel)
        await pilot.press("tab", "L", "left_square_bracket")
        await picture(pilot, "the end of epoch 2", name="log-scale-and-checkpoint")


async def test_a_run_of_several(home: Path, picture: Picture) -> None:
    run = made_up_run(home)
    run.add(progress(1, 50))
    made_up_run(home, "20260101-121212-cccc", name="the other")
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "run 1 of 2")


async def test_a_paused_run(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home)
    run.add(progress(3, 50), ev.Edited(epoch=3, step=40, setting="lr", before=1e-3, after=2e-3, lr=2e-3, from_epoch=3))
    run.add(ev.Paused(epoch=3, step=50, reason="asked"))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "paused", "▽ edit")


async def test_a_loss_that_is_not_finite(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home)
    run.add(
        progress(3, 60, loss=float("nan")),
        ev.Warned(code="non_finite_loss", message="the loss is NaN at epoch 3, step 55", epoch=3, step=55),
        ev.Paused(epoch=3, step=60, reason="non_finite_loss"),
    )
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "paused: loss not finite", "c then goes back")


async def test_a_finished_run(home: Path, picture: Picture) -> None:
    run = made_up_run(home, demo=True, dead=True)
    run.train(range(1, 11))
    run.add(ev.Finished(epochs=10, seconds=20))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "finished", "demo data")


async def test_a_run_that_stopped_early(home: Path, picture: Picture) -> None:
    run = validated_run(home)
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "stopped early after epoch 5", name="loss")
        await pilot.press("tab")
        await picture(pilot, "validation accuracy", name="accuracy")


async def test_a_run_that_failed(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home, dead=True)
    run.add(ev.Failed(message="OutOfMemoryError: CUDA out of memory", log="host.log", epoch=3, step=7))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "OutOfMemoryError")


async def test_a_run_whose_process_is_gone(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home, dead=True)
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "ended without finishing")


async def test_a_branch_with_its_parents_curve(home: Path, picture: Picture) -> None:
    parent = run_with_checkpoints(home, dead=True)
    child = made_up_run(home, "20260101-111111-bbbb", name="child")
    store.write_run(child.folder, store.read_run(child.folder) | {"parent": {"run": parent.folder.id}})
    child.add(
        ev.Branched(parent=parent.folder.id, checkpoint="epoch-0002.pt", epoch=2, step=STEPS, evaluated=True,
                    changes={"lr": 1.0}, notes=[]),
        progress(3, 40),
    )  # fmt: skip
    async with watched(home, child).run_test(size=SIZES[0]) as pilot:
        await picture(pilot, "child", "epoch 3/10")


async def test_the_layers(home: Path, picture: Picture) -> None:
    run = made_up_run(home)
    for step in range(1, 100, 10):
        run.add(layer_stats(1, step, gradient=0.1 * (1 + step)), progress(1, step))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("epoch 1/10",))
        await pilot.press("v")
        await picture(pilot, "0.weight", "step 91", name="parameters")
        await pilot.press("v", "down")
        await picture(pilot, "45.0%", name="outputs")


async def test_the_confusion_matrix(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home)
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("epoch 2/10",))
        await pilot.press("enter")
        await still(pilot, ("T-shirt/top predicted as Trouser",))
        await pilot.press("down", "right")
        await picture(pilot, "Trouser predicted as Pullover")


async def test_the_stop_dialog(home: Path, picture: Picture) -> None:
    run = run_with_checkpoints(home)
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("epoch 2/10",))
        await pilot.press("x")
        await picture(pilot, "Stop my run?", "detach")


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [("c", "lr=x2 epochs=20", "lr 1e-3 → 2e-3"), ("c", "seed=1", "can't be changed"),
     ("b", "lr=/2 name=slower", "lr 1e-3 → 5e-4")],
    ids=["change", "refused", "branch"],
)  # fmt: skip
async def test_a_prompt(home: Path, picture: Picture, key: str, text: str, words: str) -> None:
    run = run_with_checkpoints(home)
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("epoch 2/10",))
        await typed(pilot, key, text, enter=False)
        await picture(pilot, words)


@pytest.mark.parametrize("differences", [[], ["torch 2.1.0, now 2.1.1"]], ids=["how-far", "differs"])
async def test_a_resume_is_asked_about(
    home: Path, picture: Picture, differences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "expected_differences", lambda folder: differences)
    run = run_with_checkpoints(home, dead=True)
    if not differences:
        run.add(ev.Finished(epochs=10, seconds=20))
    async with watched(home, run).run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("my run",))
        await pilot.press("space")
        await picture(pilot, *(differences or ["Train up to which epoch"]))


async def test_a_learning_rate_range_test(
    home: Path, picture: Picture, answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lr_find, "range_test", made_up_curve)  # a loss that diverges differs from machine to machine
    async with opened(home, "train").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("Start training",))
        await pilot.press("F")
        await picture(pilot, "valley", "steepest", "log x", "a new mlp")
