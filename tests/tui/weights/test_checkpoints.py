"""*Checkpoints*: the runs' files, any other by its path, what is in one, and two compared."""

import asyncio
import math
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.checkpoints.requests import VerifyRequest
from engine.checkpoints.verify import sha256
from engine.errors import InspectionCancelledError
from engine.evaluation import trusted
from engine.evaluation.requests import EvaluationRequest
from engine.home import Home, RunFolder
from engine.models.registry import build
from engine.progress import Progress, silent
from engine.runs import store
from engine.training.config import TrainConfig
from engine.weights.allowlist import TABLE, of
from engine.weights.reading import read
from engine.worker.client import WorkerClient
from tests.engine.runs.test_host_resume import wait
from tests.engine.weights.test_reading import Evil
from tests.support.at_once import at_once  # noqa: F401
from tests.support.hostile import checkpoint, holding, tensor
from tests.support.panels import said
from tests.support.trained import TrainOnce
from tests.support.waiting import until
from tests.tui.data.test_data import about_image, line, where
from tests.tui.model.test_model import edges, shown
from tui import recent_files
from tui.app import FmnistApp
from tui.config.declared import COLUMNS_CHECKPOINTS
from tui.data.data import DataScreen
from tui.detail.pane import DetailText
from tui.dialogs import paths
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.text import TextScreen
from tui.model.model import ModelScreen
from tui.model.tensor import TensorScreen
from tui.weights.checkpoints import CheckpointsScreen
from tui.weights.difference import DifferenceScreen
from tui.weights.file import FileScreen
from tui.weights.file_detail import FileText
from tui.weights.file_list import ListedFile, list_files, matches
from tui.widgets.rows import Rows

SIZES = [(80, 24), (140, 45)]
pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def run(home: Path, train_once: TrainOnce) -> RunFolder:
    return train_once(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam"), "made")


def body(app: FmnistApp) -> str:
    """Of a TextScreen; nothing where there is none (yet)."""
    if not isinstance(app.screen, TextScreen) or not app.screen.query("#body"):
        return ""
    return str(app.screen.query_one("#body", Static).content)


def table(app: FmnistApp) -> str:
    return app.screen.query_one(Rows).text()


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_s_checkpoint_from_the_list_to_its_numbers(
    home: Path, run: RunFolder, size: tuple[int, int]
) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        assert "▸made · epoch-0002.pt" in table(app)
        assert "the end of epoch 2" in table(app)
        if size[0] > 110:
            detail = app.screen.query_one(FileText)
            await until(pilot, lambda: "epoch 2, step" in detail.text())
            assert "adam: step, exp_avg, exp_avg_sq; 18 tensors" in " ".join(detail.text().split())
            await until(pilot, lambda: "512 rows of 28 × 28" in said(app))
            await pilot.press("down")
            await until(pilot, lambda: "epoch 1, step" in detail.text())
            assert "made · epoch-0001.pt" in said(app)
            await pilot.press("tab", "tab", "G", "shift+tab", "shift+tab", "up")  # its text scrolls, no cursor moves
            assert "▸made · epoch-0002.pt" in table(app)
        await pilot.press("slash")
        await typed(pilot, "0001")
        await until(pilot, lambda: "1 of 3 files · filter: 0001 (Esc: show all)" in said(app))
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        assert "not executed; all " in said(app).replace("\n", " ")
        assert "a checkpoint of fmnist-tui" in said(app)
        screen = app.screen
        assert isinstance(screen, FileScreen)
        await until(pilot, lambda: screen._share == 1)
        weight = torch.load(screen.path, weights_only=True)["model"]["linear_relu_stack.0.weight"]
        stats = screen._stats["model.linear_relu_stack.0.weight"]
        assert stats is not None
        assert stats.norm == pytest.approx(float(weight.norm()), rel=1e-5)
        if size[0] > 110:
            text = screen.query_one(DetailText)
            await until(pilot, lambda: text.detail is not None)
            assert "tensor([[" not in text.text()
            await pilot.press("tab", "G")  # to the end of what is printed
            assert f"{float(weight[1, -1]):.4f}]])" in text.text()
            await pilot.press("shift+tab")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[512, 784]" in said(app))
        assert "model.linear_relu_stack.0.weight" in said(app)
        await until(pilot, lambda: shown(app, 0, 0) == pytest.approx(float(weight[0, 0]), abs=6e-5))
        await pilot.press("escape", "v")
        assert "optimizer.param_groups.0.lr" in table(app)
        await pilot.press("v")
        assert "torch._utils._rebuild_tensor_v2" in table(app)
        await pilot.press("v", "E")
        assert app.screen.query_one(Input).value == "mlp"
        await typed(pilot, "mlp")
        await until(pilot, lambda: bool(body(app)))
        assert "mlp on demo data" in body(app)
        await pilot.press("escape", "M")
        await until(pilot, lambda: isinstance(app.screen, ModelScreen) and "checkpoint" in edges(app))


async def test_two_files_beside_each_other(home: Path, run: RunFolder) -> None:
    first, second = (run.checkpoint(f"epoch-000{at}.pt") for at in (1, 2))
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("o")
        app.screen.query_one(Input).value = str(home / "gone.pt")
        await pilot.press("enter")
        assert "no such file" in line(app, "#verdict")
        await typed(pilot, str(first))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        assert recent_files.recent(Home(home).recent_files) == [first]
        await pilot.press("d")
        await typed(pilot, str(second))
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "changed" in said(app))
        states = [torch.load(path, weights_only=True)["model"] for path in (first, second)]
        name = "linear_relu_stack.0.weight"
        apart = states[1][name] - states[0][name]
        row = next(text for text in table(app).splitlines() if f"model.{name}" in text)
        figures = [float(text) for text in row.split("changed")[1].split()[:2]]
        assert figures == pytest.approx(
            [float(apart.norm() / states[0][name].norm()), float(apart.abs().max())], rel=5e-3
        )
        await until(pilot, lambda: "largest at" in app.screen.query_one(DetailText).text())
        for words in ("max |Δ|", "|Δ|", "cosine", "the fraction changed", "the order in the files"):
            await pilot.press("s")
            assert f"by {words}" in said(app)
        await pilot.press("slash")
        await typed(pilot, "same")
        assert len(app.screen.query_one(Rows).rows) == 2
        assert "filter: same (Esc: show all)" in said(app)
        await pilot.press("escape")
        assert "▸" in table(app)
        app.screen.query_one(Rows).find(lambda row: row.key == f"model.{name}")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[512, 784]" in said(app))
        assert 'epoch-0002.pt["model.' in said(app)
        assert f"norm {float(apart.norm()):.4g}" in said(app).replace("\n", " ")
        await pilot.press("escape", "v")
        assert "epoch" in table(app)
        both = list(app.screen.query(FileText).results(FileText))
        await until(pilot, lambda: [f"epoch {at}, step" in one.text() for at, one in enumerate(both, 1)] == [True] * 2)
        await pilot.press("E")
        await typed(pilot, "mlp")
        await until(pilot, lambda: bool(body(app)))
        text = body(app)
        assert "mlp on demo data" in text
        assert "the second file fixes " in text
        screen = app.screen_stack[-2]
        assert isinstance(screen, DifferenceScreen)
        assert screen._evaluated is not None
        fixed, broken = screen._evaluated.fixed, screen._evaluated.broken
        for key, indices, words in (
            ("i", fixed, "fixed by the second file"),
            ("W", broken, "broken by the second file"),
        ):
            if not indices:
                continue
            await pilot.press("escape" if key == "i" else "5", key)
            await until(pilot, lambda: isinstance(app.screen, DataScreen) and words in where(app))  # noqa: B023
            assert where(app).endswith(f"of {len(indices)}")
            assert about_image(app).startswith(f"image {indices[0]} ")
            assert "file predicts" in about_image(app)


async def test_marked_files_are_compared_and_averaged(home: Path, run: RunFolder) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("m", "down", "m")
        assert "2 marked" in said(app)
        assert "▸✓  made · epoch-0001.pt" in table(app)
        await pilot.press("vertical_line", "down", "J", "J", "J", "space", "enter")  # the contents, off
        await until(pilot, lambda: "contents" not in table(app))
        assert app.preferences.get(COLUMNS_CHECKPOINTS) == ("file", "size", "age", "accuracy")
        assert "▸✓  made · epoch-0001.pt" in table(app)
        await pilot.press("vertical_line", "0", "enter")
        await until(pilot, lambda: "contents" in table(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "changed" in said(app))
        assert said(app).startswith("made · epoch 2 → epoch 1")
        await pilot.press("escape", "number_sign")
        await typed(pilot, f"{home / 'mean.pth'} nonsense")
        assert "after that, type a prefix" in line(app, "#verdict")
        await typed(pilot, f"{home}/the mean.pth section:model")  # a name with a space
        await until(pilot, lambda: (home / "the mean.pth").exists())
        states = [torch.load(run.checkpoint(f"epoch-000{at}.pt"), weights_only=True)["model"] for at in (1, 2)]
        mean = torch.load(home / "the mean.pth", weights_only=True)
        for name, tensor in mean.items():
            assert torch.allclose(tensor, (states[0][name] + states[1][name]) / 2)
        await until(pilot, lambda: "4 files" in said(app))
        assert "recently opened" in table(app)
        await pilot.press("escape")
        assert "marked" not in said(app)


async def test_files_of_other_names_are_laid_beside_each_other(home: Path, tmp_path: Path) -> None:
    state = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}
    optimizer = {"state": {0: {"fc.weight": torch.ones(2, 3)}}, "param_groups": []}  # a name that ends alike
    first, second = tmp_path / "bare.pth", tmp_path / "pl.ckpt"
    torch.save(state, first)
    torch.save({"optimizer": optimizer, "state_dict": {f"net.{name}": one + 1 for name, one in state.items()}}, second)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.push_screen(DifferenceScreen(app, first, second))
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "2 changed" in said(app))
        assert "compared with 'state_dict' of pl.ckpt without the prefix net." in said(app)
        app.screen.query_one(Rows).find(lambda row: row.key == "fc.weight")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[2, 3]" in said(app))
        assert 'pl.ckpt["state_dict.net.fc.weight"] - bare.pth["fc.weight"]' in said(app).replace("\n", " ")
        await until(pilot, lambda: "= 1" in line(app, "#value"))


@pytest.mark.parametrize(
    ("tensor", "figures", "not_finite"),
    [
        (torch.ones(2, 3), True, False),
        (torch.tensor([math.inf, 1.0]), True, True),
        (torch.empty(2, 3, device="meta"), False, False),
    ],
)
async def test_a_file_has_columns_for_what_its_tensors_have(
    home: Path, tmp_path: Path, tensor: torch.Tensor, figures: bool, not_finite: bool
) -> None:
    torch.save({"weight": tensor}, tmp_path / "one.pth")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.push_screen(FileScreen(app, tmp_path / "one.pth"))
        await until(pilot, lambda: "1 tensor" in said(app) and "statistics" not in said(app))
        titles = [column.title for column in app.screen.query_one(Rows).columns]
        assert titles[:4] == ["tensor", "shape", "dtype", "size"]
        assert ("mean" in titles and "max" in titles) == figures
        assert ("not finite" in titles) == not_finite
        assert "float32" in table(app)


async def test_the_tensors_of_a_file_are_sorted_by_their_figures(home: Path, tmp_path: Path) -> None:
    small, large, broken = torch.zeros(3), torch.full((9,), 2.0), torch.tensor([math.nan, 1.0])
    torch.save({"b.small": small, "c.large": large, "a.broken": broken}, tmp_path / "three.pth")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.push_screen(FileScreen(app, tmp_path / "three.pth"))
        await until(pilot, lambda: "100.0%" in table(app) and "statistics" not in said(app))

        def order() -> str:
            return "".join(row.key[0] for row in app.screen.query_one(Rows).rows)

        assert order() == "bca"
        for words, expected in (
            ("name", "abc"), ("size", "cba"), ("norm", "cab"), ("std", "bca"),
            ("zeros", "bca"), ("non-finite values", "abc"),
        ):  # fmt: skip
            await pilot.press("s")
            assert (f"by {words}" in said(app), order()) == (True, expected), words
        await pilot.press("s")
        assert (order(), " by " in said(app)) == ("bca", False)


async def test_names_that_differ_are_proposed_and_taken_when_that_is_said(
    home: Path, run: RunFolder, tmp_path: Path
) -> None:
    state = torch.load(run.weights, weights_only=True)
    path = tmp_path / "theirs.pt"
    torch.save({f"net.{name.removeprefix('linear_relu_stack.')}": value for name, value in state.items()}, path)
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "4 files" in said(app))
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "6 tensors" in said(app))
        await pilot.press("E")
        await typed(pilot, "mlp some/thing")
        assert "NEW=OLD" in line(app, "#verdict")
        await typed(pilot, "mlp")
        await until(pilot, lambda: "linear_relu_stack=net" in app.screen.query(Input).first().value)
        assert "does not fit mlp: 6 missing" in said(app)
        await until(pilot, lambda: "net renamed to linear_relu_stack" in line(app, "#verdict"))
        await pilot.press("enter")
        await until(pilot, lambda: bool(body(app)))
        assert "mlp on demo data" in body(app)
        await pilot.press("escape", "i")
        assert app.screen.query_one(Input).value == f"mlp={path}"
        await typed(pilot, f"mlp={path} linear_relu_stack=net")
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and "theirs.pt (mlp)" in where(app))
        assert "correct" in where(app)


async def test_what_is_odd_about_a_file_is_a_list_of_its_own(home: Path, tmp_path: Path) -> None:
    odd = {f"x{at}": tensor((9,), (1,)) for at in range(5)}
    path = checkpoint(holding(good=tensor((4,), (1,)), **odd), tmp_path / "odd.pt")
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 file" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "2 more problems (v)" in said(app))
        await pilot.press("v", "v", "v", "down")
        assert len(app.screen.query_one(Rows).rows) == 5
        assert line(app, "#chosen") == "x1 reaches element 9 of a storage that has 4"
        await pilot.press("b")  # nothing is taken over from it
        await until(pilot, lambda: len(app._notifications) > 0)
        assert "is refused: x0 reaches element 9" in next(iter(app._notifications)).message


async def test_every_byte_is_checked(home: Path, run: RunFolder) -> None:
    path = run.checkpoint("epoch-0002.pt")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        await pilot.press("V")
        await until(pilot, lambda: len(app._notifications) > 0)
        assert "according to the SHA-256 in the run's manifest" in next(iter(app._notifications)).message
        record = read(path).records["0"]
        data = bytearray(path.read_bytes())
        data[record.offset] ^= 1
        path.write_bytes(data)
        await pilot.press("V")
        await until(pilot, lambda: bool(body(app)))
        told = body(app)
        assert "the file is damaged" in told
        assert "model.linear_relu_stack.0.weight: its bytes are not those that were written" in told


async def test_what_takes_long_tells_how_far_it_is_and_ends_with_escape(
    home: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, cancelled = threading.Event(), threading.Event()

    def slow(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        if not isinstance(request, VerifyRequest):
            return answered(self, request, progress)
        progress(3 << 20, 10 << 20)
        going.set()
        assert cancelled.wait(120)
        raise InspectionCancelledError("cancelled")

    answered = WorkerClient.ask
    monkeypatch.setattr(WorkerClient, "ask", slow)
    monkeypatch.setattr(WorkerClient, "cancel", lambda self: cancelled.set())
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        await pilot.press("V")
        await until(pilot, lambda: "checking every byte: 3.0 MiB of 10.0 MiB · Esc cancels" in said(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Esc cancels" not in said(app))
        assert isinstance(app.screen, FileScreen)
        assert not app._notifications
        await pilot.press("escape")
        assert isinstance(app.screen, CheckpointsScreen)


async def test_what_was_asked_for_does_not_come_up_over_another_screen(
    home: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def slow(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        if isinstance(request, EvaluationRequest):
            assert goes_on.wait(120)
        return answered(self, request, progress)

    answered = WorkerClient.ask
    monkeypatch.setattr(WorkerClient, "ask", slow)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        await pilot.press("E")
        await typed(pilot, "mlp")
        await until(pilot, lambda: "evaluating" in said(app))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        goes_on.set()
        await until(pilot, lambda: len(app._notifications) > 0)
        assert isinstance(app.screen, DataScreen)
        assert "epoch-0002.pt: test accuracy" in next(iter(app._notifications)).message


async def test_a_run_goes_on_from_anybodys_file(home: Path, run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    model = build("mlp")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    model(torch.rand(2, 1, 28, 28)).sum().backward()
    optimizer.step()
    torch.save({"model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}, path)
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    begun: list[RunFolder] = []
    app.watch_run = begun.append  # type: ignore[assignment]
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "4 files" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in said(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert "Branch off made" in line(app, "#title")  # of a run's own as from Runs
        await pilot.press("escape", "escape", "G", "enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "training checkpoint" in said(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        prompt = app.screen.query_one(Input)
        assert prompt.value == "model=mlp dataset=demo optimizer=adam"
        prompt.value = "model=mlp"
        await until(pilot, lambda: "add optimizer=adam; any other starts without it" in line(app, "#verdict"))
        prompt.value = "model=mlp optimizer=adam name='theirs"
        await until(pilot, lambda: "a quote is not closed" in line(app, "#verdict"))
        await typed(pilot, "model=mlp optimizer=adam dataset=demo epochs=1 threads=1 name='their weights'")
        await until(pilot, lambda: bool(begun))
    assert store.read_run(begun[0])["name"] == "their weights"
    config = store.read_run(begun[0])["config"]
    assert (config["optimizer"], config["lr"]) == ("adam", 2e-4)
    wait(begun[0], lambda state: state.done)


async def test_a_file_that_another_torchs_list_judges_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.weights.contents.installed", lambda: of("2.99.0"))
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(3)}, path)
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 file" in said(app))
        await pilot.press("enter")
        newest = ".".join(map(str, TABLE[-1].last))
        caveat = f"(checked against the list of torch {newest}, as that of the installed torch 2.99.0 is not known)"
        await until(pilot, lambda: f"allow-list of torch.load(weights_only=True) {caveat}" in said(app))


async def test_a_file_that_would_run_something_is_shown_and_does_not(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"w": torch.zeros(3), "evil": Evil(tmp_path / "made")}, path)
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 file" in said(app))
        assert "recently opened" in table(app)
        await pilot.press("enter")
        await until(pilot, lambda: "1 global outside the allow-list: posix.system" in said(app))
        screen = app.screen
        assert isinstance(screen, FileScreen)
        await until(pilot, lambda: screen._share == 1)
        assert "all values are 0" in line(app, "#chosen")
        await pilot.press("v")
        await pilot.press("v")
        assert "posix.system" in table(app).splitlines()[1]
        assert "no (untrusted)" in table(app)
        await pilot.press("M")
        assert app.screen.query_one(Input).value == f"mlp={path}"
        await pilot.press("escape", "w")
        await typed(pilot, str(tmp_path / "out.safetensors"))
        await until(pilot, lambda: (tmp_path / "out.safetensors").exists())
    assert not (tmp_path / "made").exists()


async def test_a_whole_module_is_loaded_only_after_its_name_was_typed(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "whole.pt"
    torch.save(build("mlp"), path)
    recent_files.remember(Home(home).recent_files, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 file" in said(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "outside the allow-list" in said(app))
        await pilot.press("E")
        assert app.screen.query_one(Input).value == "mlp"  # its numbers alone
        app.screen.query_one(Input).value = "whole.pt"
        await until(pilot, lambda: "executes its author's code" in line(app, "#verdict"))
        await pilot.press("enter")
        await until(pilot, lambda: bool(body(app)))
        assert "NeuralNetwork on demo data" in body(app)
    assert trusted.trusts(home, sha256(path))


def test_a_list_that_can_not_be_read_is_left_out_and_named(home: Path, run: RunFolder) -> None:
    assert [one.path.name for one in list_files(home).files] == ["epoch-0002.pt", "epoch-0001.pt", "model_weights.pth"]
    os.unlink(run.weights)
    run.manifest.write_text("{")
    found = list_files(home)
    assert found.files == []
    (told,) = found.left_out
    assert told.startswith(f"the list of checkpoints {run.manifest} can't be read (not as fmnist-tui writes it: ")
    assert "\n" not in told


async def test_a_long_word_about_what_is_left_out_hides_no_file(home: Path, run: RunFolder) -> None:
    broken = run.other("20200101-101010-" + "b" * 60)
    broken.path.mkdir()
    broken.run_json.write_text("{")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: app.screen.query_one("#tensors").display)
        left_out = app.screen.query_one("#left-out", Static)
        await until(pilot, lambda: left_out.size.height > 1)
        table = app.screen.query_one("#files", Rows)
        await until(pilot, lambda: table.size.height == 1 + len(table.rows))


async def test_tab_completes_a_path_as_a_shell_does(home: Path, tmp_path: Path) -> None:
    for name in ("weights-1.pt", "weights-2.pt"):
        torch.save({"x": torch.zeros(2)}, tmp_path / name)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "No checkpoints" in said(app))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        prompt = app.screen.query_one(Input)
        prompt.value = f"{tmp_path}/we"
        await pilot.press("tab")
        await until(pilot, lambda: prompt.value == f"{tmp_path}/weights-")
        await pilot.press("tab")
        await until(pilot, lambda: line(app, "#verdict") == "weights-1.pt  weights-2.pt")
        await pilot.press("2", "tab")
        await until(pilot, lambda: prompt.value == f"{tmp_path}/weights-2.pt")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "1 tensor with" in said(app))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True), ("base", True), ("BASE 0003", True), ("base 0004", False), (">1mb", True), (">10MB", False),
        ("<10MB base", True), ("<2h", True), (">2h", False), ("<nonsense", False), (">5", False),
    ],
)  # fmt: skip
def test_the_filter(text: str, fits: bool) -> None:
    found = ListedFile(Path("/x/epoch-0003.pt"), "base · epoch-0003.pt", "the end", 5 << 20, time.time() - 3600)
    assert matches(found, text) == fits


def test_paths_are_completed_and_remembered(tmp_path: Path) -> None:
    for name in ("weights.pt", "weather.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    suggest = paths.PathSuggester().get_suggestion
    assert asyncio.run(suggest(f"{tmp_path}/wei")) == f"{tmp_path}/weights.pt"
    assert asyncio.run(suggest(f"{tmp_path}/fo")) == f"{tmp_path}/folder/"
    assert asyncio.run(suggest(f"{tmp_path}/x")) is None
    assert asyncio.run(suggest("/no/such/folder/x")) is None
    complete = paths.PathSuggester().completed
    assert asyncio.run(complete(f"{tmp_path}/w")) == (f"{tmp_path}/we", ["weather.txt", "weights.pt"])
    assert asyncio.run(complete(f"{tmp_path}/wea")) == (f"{tmp_path}/weather.txt", [])
    assert asyncio.run(complete(f"{tmp_path}/x")) == (f"{tmp_path}/x", [])
    among = paths.PathSuggester(among_others=True)
    for before in ("mlp=", "~/mine.py:Mine=", ""):
        assert asyncio.run(among.get_suggestion(f"{before}{tmp_path}/wei")) == f"{before}{tmp_path}/weights.pt"
    assert asyncio.run(among.get_suggestion("l")) is None  # `last`, and no file of the folder one is in
    for name in ("weights.pt", "weather.txt", "weights.pt"):
        recent_files.remember(Home(tmp_path).recent_files, tmp_path / name)
    (tmp_path / "weather.txt").unlink()
    assert recent_files.recent(Home(tmp_path).recent_files) == [tmp_path / "weights.pt"]
