"""*Checkpoints*: the runs' files, any other by its path, what is in one, and two compared."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Input

from engine.checkpoints import trusted
from engine.checkpoints.checked import sha256
from engine.models.registry import build
from engine.training.config import TrainConfig
from tests.engine.test_files import Evil
from tests.engine.test_host_resume import create, serve
from tests.tui.at_once import at_once  # noqa: F401
from tests.tui.test_data_screen import line, until
from tui import paths
from tui.app import FmnistApp
from tui.screens.checkpoints import CheckpointsScreen, Found, listed, matches
from tui.screens.difference import DifferenceScreen
from tui.screens.file import FileScreen
from tui.screens.model import ModelScreen
from tui.screens.tensor import TensorScreen
from tui.screens.text import TextScreen
from tui.widgets.rows import Rows

SIZES = [(80, 24), (140, 45)]
pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def run(home: Path) -> Path:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam"), name="made")
    assert serve(folder).status == "finished"
    return folder


def table(app: FmnistApp) -> str:
    return app.screen.query_one(Rows).text()


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_s_checkpoint_from_the_list_to_its_numbers(home: Path, run: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in line(app, "#about"))
        assert "▸made · epoch-0002.pt" in table(app)
        assert "the end of epoch 2" in table(app)
        await pilot.press("slash")
        await typed(pilot, "0001")
        assert "1 files; only 0001" in line(app, "#about")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in line(app, "#about"))
        assert "not executed; all " in line(app, "#about").replace("\n", " ")
        assert "a checkpoint of fmnist-tui" in line(app, "#about")
        screen = app.screen
        assert isinstance(screen, FileScreen)
        await until(pilot, lambda: screen._share == 1)
        weight = torch.load(screen._path, weights_only=True)["model"]["linear_relu_stack.0.weight"]
        figures = screen._figures["model.linear_relu_stack.0.weight"]
        assert figures is not None
        assert figures["norm"] == pytest.approx(float(weight.norm()), rel=1e-5)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[512, 784]" in line(app, "#about"))
        assert "model.linear_relu_stack.0.weight" in line(app, "#about")
        await until(pilot, lambda: f"= {float(weight[0, 0]):.4f}" in line(app, "#value"))
        await pilot.press("escape", "v")
        assert "optimizer.param_groups.0.lr" in table(app)
        await pilot.press("v")
        assert "torch._utils._rebuild_tensor_v2" in table(app)
        await pilot.press("v", "E")
        assert app.screen.query_one(Input).value == "mlp"
        await typed(pilot, "mlp")
        await until(pilot, lambda: isinstance(app.screen, TextScreen), 30)
        assert "mlp on demo data" in str(app.screen.query_one("#body").content)  # type: ignore[attr-defined]
        await pilot.press("escape", "M")
        await until(pilot, lambda: isinstance(app.screen, ModelScreen) and "checkpoint" in line(app, "#about"))


async def test_two_files_beside_each_other(home: Path, run: Path) -> None:
    first, second = (run / "checkpoints" / f"epoch-000{at}.pt" for at in (1, 2))
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in line(app, "#about"))
        await pilot.press("o")
        app.screen.query_one(Input).value = str(home / "gone.pt")
        await pilot.press("enter")
        assert "no such file" in line(app, "#verdict")
        await typed(pilot, str(first))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "PyTorch (zip)" in line(app, "#about"))
        assert paths.recent(home) == [first]
        await pilot.press("d")
        await typed(pilot, str(second))
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "changed" in line(app, "#about"))
        states = [torch.load(path, weights_only=True)["model"] for path in (first, second)]
        name = "linear_relu_stack.0.weight"
        apart = states[1][name] - states[0][name]
        row = next(text for text in table(app).splitlines() if f"model.{name}" in text)
        assert f"{float(apart.norm() / states[0][name].norm()):.3g}" in row
        assert f"{float(apart.abs().max()):.3g}" in row
        await pilot.press("s", "s", "s")
        assert "sorted by order" in line(app, "#about")
        assert "▸" in table(app)
        app.screen.query_one(Rows).find(lambda row: row.key == f"model.{name}")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[512, 784]" in line(app, "#about"))
        assert 'epoch-0002.pt["model.' in line(app, "#about")
        assert f"norm {float(apart.norm()):.4g}" in line(app, "#about").replace("\n", " ")
        await pilot.press("escape", "v")
        assert "epoch" in table(app)
        await pilot.press("E")
        await typed(pilot, "mlp")
        await until(pilot, lambda: isinstance(app.screen, TextScreen), 30)
        text = str(app.screen.query_one("#body").content)  # type: ignore[attr-defined]
        assert "mlp on demo data" in text
        assert "the second fixes " in text


async def test_a_file_that_would_run_something_is_shown_and_does_not(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"w": torch.zeros(3), "evil": Evil(tmp_path / "made")}, path)
    paths.remember(home, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 files" in line(app, "#about"))
        assert "opened lately" in table(app)
        await pilot.press("enter")
        await until(pilot, lambda: "1 global outside the allow-list: posix.system" in line(app, "#about"))
        screen = app.screen
        assert isinstance(screen, FileScreen)
        await until(pilot, lambda: screen._share == 1)
        assert "every number is 0" in line(app, "#chosen")
        await pilot.press("v")
        await pilot.press("v")
        assert "posix.system" in table(app).splitlines()[1]
        assert "not on it: needs your trust" in table(app)
        await pilot.press("M")
        assert app.screen.query_one(Input).value == f"mlp={path}"
        await pilot.press("escape", "c")
        await typed(pilot, str(tmp_path / "out.safetensors"))
        await until(pilot, lambda: (tmp_path / "out.safetensors").exists())
    assert not (tmp_path / "made").exists()


async def test_a_whole_module_is_loaded_only_after_its_name_was_typed(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "whole.pt"
    torch.save(build("mlp"), path)
    paths.remember(home, path)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "1 files" in line(app, "#about"))
        await pilot.press("enter")
        await until(
            pilot, lambda: isinstance(app.screen, FileScreen) and "outside the allow-list" in line(app, "#about")
        )
        await pilot.press("E")
        assert app.screen.query_one(Input).value == "mlp"  # its numbers alone
        app.screen.query_one(Input).value = "whole.pt"
        await until(pilot, lambda: "its author's code runs" in line(app, "#verdict"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextScreen), 40)
        assert "NeuralNetwork on demo data" in str(app.screen.query_one("#body").content)  # type: ignore[attr-defined]
    assert trusted.trusts(home, sha256(path))


def test_a_list_that_can_not_be_read_is_left_out(home: Path, run: Path) -> None:
    assert [one.path.name for one in listed(home)] == ["epoch-0002.pt", "epoch-0001.pt", "model_weights.pth"]
    os.unlink(run / "checkpoints" / "model_weights.pth")
    (run / "checkpoints" / "manifest.json").write_text("{")
    assert listed(home) == []


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True), ("base", True), ("BASE 0003", True), ("base 0004", False), (">1mb", True), (">10MB", False),
        ("<10MB base", True), ("<2h", True), (">2h", False), ("<nonsense", False), (">5", False),
    ],
)  # fmt: skip
def test_the_filter(text: str, fits: bool) -> None:
    found = Found(Path("/x/epoch-0003.pt"), "base · epoch-0003.pt", "the end", 5 << 20, time.time() - 3600)
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
    for name in ("weights.pt", "weather.txt", "weights.pt"):
        paths.remember(tmp_path, tmp_path / name)
    (tmp_path / "weather.txt").unlink()
    assert paths.recent(tmp_path) == [tmp_path / "weights.pt"]
