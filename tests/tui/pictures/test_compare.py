"""*Compare*: three runs and a group over each other, their tables, and what two of them get right."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.evaluation.requests import EvaluationComparison
from engine.progress import Progress, silent
from engine.runs import store
from engine.training import events as ev
from engine.worker.client import WorkerClient
from tests.support.made_up import CLASSES, MadeUpRun, evaluated, progress
from tests.tui.pictures.conftest import SIZES, Picture, opened, still
from tui.runs.compare import CompareScreen

ACCURACIES = [0.91, 0.99, 0.84, 0.93, 0.88, 0.98, 0.71, 0.97, 0.99, 0.96]


def runs(home: Path) -> None:
    """A slow run, a fast one, one that has validation images, and a group of two of which one ended early."""
    described: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("slow and steady", 4, {"lr": 1e-4}),
        ("fast", 3, {"lr": 1e-2, "optimizer": "adam"}),
        ("held out", 3, {"val": 600}),
        ("pair seed 0", 4, {"seed": 0}),
        ("pair seed 1", 2, {"seed": 1}),
    )
    for at, (name, epochs, settings) in enumerate(described):
        run = MadeUpRun(home, f"20260101-10101{at}-aaaa", name=name, dead=True, **settings)
        request = store.read_run(run.folder)
        more: dict[str, Any] = {"device_name": "Some GPU" if at == 1 else "Some CPU", "versions": {"torch": "2.10.0"}}
        if name.startswith("pair"):
            more["group"] = {"id": "pair", "name": "pair", "size": 2}
        store.write_run(run.folder, request | more)
        for epoch in range(1, epochs + 1):
            run.add(*(progress(epoch, step, 1.2 + at / 4 + step / 500) for step in range(10, 101, 10)))
            each: list[float | None] = [one - 0.03 * at * (label % 3) for label, one in enumerate(ACCURACIES)]
            result = dataclasses.replace(evaluated(epoch), accuracy=0.7 + 0.03 * epoch + 0.02 * at, per_class=each)
            run.add(dataclasses.replace(result, split="val" if "val" in settings else "test"))
        run.add(ev.Finished(epochs=10, seconds=20))


def disagreement(request: Any) -> EvaluationComparison:
    labels = [6] * 7 + [2] * 3 + [0] + [6] * 2 + [4] * 2
    wrong = [0] * 5 + [4] * 2 + [6] * 3 + [6] + [0, 2] + [2, 6]
    return EvaluationComparison(
        first=str(request.first.path), second=str(request.second.path), model="mlp", data="Fashion-MNIST",
        classes=tuple(CLASSES), accuracy=(0.912, 0.919), fixed=tuple(range(11)), broken=tuple(range(11, 15)),
        labels=tuple(labels), predicted_as=tuple(wrong), checksum="sum",
    )  # fmt: skip


async def test_runs_and_a_group_side_by_side(home: Path, picture: Picture) -> None:
    runs(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("pair", "held out"))
        await pilot.press(*"mmmm", "d")
        await picture(pilot, "pair, mean of 2, from epoch 2 on of 1", name="charts")
        await pilot.press("end", "left")
        await picture(pilot, ", of ", name="cursor")
        await pilot.press("tab", "tab", "down")
        await picture(pilot, "≠ 1e-4", name="settings")
        await pilot.press("tab", "s")
        await picture(pilot, "the largest differences", name="classes")


async def test_what_two_get_right(home: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(home)
    for at in (0, 1):
        folder = store.find(home, f"20260101-10101{at}-aaaa")
        folder.checkpoints.mkdir()
        folder.checkpoint("e.pt").write_bytes(b"")
        entry = Entry(file="e.pt", epoch=1, step=100, bytes=1, sha256="ab", reason="epoch", t=0.0, accuracy=0.5)
        manifest.write(folder, [entry])

    def answer(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        return disagreement(request)

    monkeypatch.setattr(WorkerClient, "ask", answer)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("pair", "held out"))
        await pilot.press("end", "m", "up", "m", "d")
        await still(pilot, ("fast",))
        assert isinstance(pilot.app.screen, CompareScreen)
        await pilot.press("E")
        await picture(pilot, "McNemar's test: p = 0.118", name="images")


async def test_the_help(home: Path, picture: Picture) -> None:
    runs(home)
    async with opened(home, "runs").run_test(size=SIZES[0]) as pilot:
        await still(pilot, ("pair", "held out"))
        await pilot.press(*"mmmm", "d")
        await still(pilot, ("mean of 2",))
        await pilot.press("tab", "tab", "question_mark")
        await picture(pilot, "Keys", "This screen")
