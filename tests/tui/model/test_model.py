"""*Model*: a network's modules and parameters, and a tensor, by keys."""

import csv
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine import sources
from engine.digits import significant
from engine.errors import InspectionCancelledError
from engine.inspection.detail_requests import ModuleDetailRequest
from engine.inspection.image_requests import ImageRef
from engine.models.registry import build
from engine.progress import Progress, silent
from engine.runs import checkpoint_refs, client
from engine.sources import NetworkRef
from engine.training.config import TrainConfig
from engine.worker.client import WorkerClient
from engine.worker.request import Request
from tests.engine.runs.test_host_resume import create, serve
from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import HANG_S, until
from tests.tui.data.test_data import line
from tui.app import FmnistApp
from tui.config.declared import COLUMNS_MODULES, COLUMNS_PARAMETERS
from tui.detail.latest import LatestQuestion
from tui.detail.pane import DetailText
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.text import TextScreen
from tui.model.model import ModelScreen
from tui.model.tensor import TensorScreen
from tui.runs.form import ConfigForm
from tui.runs.watch import WatchScreen
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap
from tui.widgets.image_page import ImagePage
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows

SIZES = [(80, 24), (140, 45)]
pytestmark = pytest.mark.usefixtures("at_once")


def edges(app: FmnistApp, selector: str = "#tables") -> str:
    """What stands in a panel's borders, and what it says instead of its content."""
    panel = app.screen.query_one(selector, Panel)
    said = panel.query_one(".panel-text", Static)
    return "\n".join([*panel.edges, str(said.content) if panel.has_class("-text") else ""])


def about(app: FmnistApp) -> str:
    """What stands above a tensor."""
    return line(app, "#about")


def table(app: FmnistApp) -> str:
    assert isinstance(app.screen, ModelScreen)
    return app.screen.table.text()


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("mlp")


async def read(pilot: Pilot[None], words: str = "parameters") -> ModelScreen:
    app = pilot.app
    assert isinstance(app, FmnistApp)
    await until(pilot, lambda: isinstance(app.screen, ModelScreen) and words in edges(app))
    assert isinstance(app.screen, ModelScreen)
    return app.screen


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


async def test_each_table_keeps_the_columns_that_were_chosen_for_it(home: Path) -> None:
    def titles() -> list[str]:
        return [column.title for column in app.screen.table.columns]  # type: ignore[attr-defined]

    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        await read(pilot)
        every = titles()
        await pilot.press("vertical_line", "down", "space", "enter")  # the second one off
        await until(pilot, lambda: titles() == [every[0], *every[2:]])
        await pilot.press("v")
        assert titles()[:3] == ["name", "shape", "grad"]
        assert "not finite" not in titles()  # all are
        await pilot.press("vertical_line", "down", "space", "G", "space", "enter")
        await until(pilot, lambda: "not finite" in titles())
        assert app.preferences.get(COLUMNS_PARAMETERS) == tuple(titles())
        assert "shape" not in titles()
        await pilot.press("v")
        assert app.preferences.get(COLUMNS_MODULES) == tuple(titles()) == (every[0], *every[2:])
        await pilot.press("vertical_line", "0", "enter")
        await until(pilot, lambda: titles() == every)


@pytest.mark.parametrize("size", SIZES)
async def test_modules_and_parameters_of_a_new_model(home: Path, size: tuple[int, int], tmp_path: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await read(pilot)
        assert "mlp, new weights (seed 0)" in edges(app)
        assert "669,706 parameters · 2.6 MiB · 669 k multiply-adds for 1 × 28 × 28" in edges(app)
        assert "▸NeuralNetwork()" in table(app)
        shown = "in_features=784, …" if size == (80, 24) else "in_features=784, out_features=512, …"
        assert f"0 Linear({shown}" in table(app)
        assert ("device" in table(app)) == (size != (80, 24))  # the last column
        assert "401,920" in table(app)
        await pilot.press("j", "j", "enter")  # folded
        assert "ReLU" not in table(app)
        assert "3 of 8 modules" in edges(app)
        assert "linear_relu_stack" in edges(app, "#detail")
        await pilot.press("enter", "down", "v")
        assert "▸linear_relu_stack.0.weight" in table(app)
        assert "linear_relu_stack.0.weight" in edges(app, "#detail")
        weight = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
        assert f"{float(weight.std(correction=0)):.3g}" in table(app)
        await pilot.press("slash")
        await typed(pilot, "bias$")
        assert table(app).count("bias") == 3
        assert ".weight" not in table(app)
        await pilot.press("s")
        assert "3 of 6 tensors · filter: bias$" in edges(app)
        assert "by count" in edges(app)
        await pilot.press("s", "s", "s", "s", "escape", "G")
        assert "▸linear_relu_stack.4.bias" in table(app)
        await pilot.press("e")
        await typed(pilot, str(tmp_path / "table.csv"))
        rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
        assert [row["name"] for row in rows] == [name for name, _ in model().named_parameters()]
        assert float(rows[0]["norm"]) == pytest.approx(float(weight.norm()), rel=1e-5)
        await pilot.press("e")
        await typed(pilot, str(tmp_path / "table.txt"))
        lines = (tmp_path / "table.txt").read_text().splitlines()
        assert lines[1].split()[:4] == ["linear_relu_stack.0.weight", "512×784", "float32", "True"]
        assert f"{float(weight.norm()):.4g}" in lines[1]
        await pilot.press("v", "g", "enter")
        assert isinstance(app.screen, TextScreen)
        assert str(app.screen.query_one("#body").content) == str(model())  # type: ignore[attr-defined]
        await pilot.press("escape", "o")
        app.screen.query_one(Input).value = "torchvision:nothing?"
        await pilot.press("enter")
        assert "torchvision:NAME" in line(app, "#verdict")
        await typed(pilot, "torchvision:resnet18")
        await until(pilot, lambda: "11,689,512 parameters" in edges(app))
        assert "BasicBlock" in table(app)
        await pilot.press("o")
        await typed(pilot, "torchvision:resnet180")
        await until(pilot, lambda: "did you mean" in edges(app))
        assert "Press o for another network" in edges(app)


def shown(app: FmnistApp, row: int, column: int) -> float | None:
    """The value under the cursor, where that is at this row and column."""
    where, _, value = line(app, "#value").partition(" = ")
    return float(value.split()[0]) if where == f"[{row}, {column}]" and value.split() else None


@pytest.mark.parametrize("size", SIZES)
async def test_a_tensor_by_keys(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    weight = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await read(pilot)
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "512, 784" in line(app, "#about"))
        assert "model.linear_relu_stack[0].weight  [512, 784]" in line(app, "#about")
        assert "stride (784, 1), offset 0, contiguous, storage 1.5 MiB, requires_grad True" in line(app, "#about")
        await until(pilot, lambda: shown(app, 0, 0) == pytest.approx(float(weight[0, 0]), abs=6e-5))
        await pilot.press("right", "j")
        assert shown(app, 1, 1) == pytest.approx(float(weight[1, 1]), abs=6e-5)
        assert line(app, "#value").endswith("   of 512 × 784")
        await pilot.press("G")
        await until(pilot, lambda: shown(app, 511, 783) == pytest.approx(float(weight[511, 783]), abs=6e-5))
        await pilot.press("pageup")
        rows = app.screen.query_one(Cells).window[2]
        await until(
            pilot, lambda: shown(app, 511 - rows, 783) == pytest.approx(float(weight[511 - rows, 783]), abs=6e-5)
        )
        await pilot.press("slash")
        await typed(pilot, "[3].reshape(28, 28)")
        image = weight[3].reshape(28, 28)
        await until(pilot, lambda: "weight[3].reshape(28, 28)  [28, 28]" in line(app, "#about"))
        assert "a view of it" in line(app, "#about")
        await until(pilot, lambda: shown(app, 0, 0) == pytest.approx(float(image[0, 0]), abs=6e-5))
        assert "   of 28 × 28" in line(app, "#value")
        await pilot.press("X")
        await until(pilot, lambda: ".mT" in line(app, "#about"))
        await pilot.press("right")
        await until(pilot, lambda: shown(app, 0, 1) == pytest.approx(float(image[1, 0]), abs=6e-5))
        await pilot.press("slash")
        await typed(pilot, "[999]")
        await until(pilot, lambda: len(app._notifications) > 0)
        assert "IndexError: index 999 is out of bounds" in next(iter(app._notifications)).message
        assert ".mT" in line(app, "#about")  # as it was
        await pilot.press("slash")
        await typed(pilot, "")
        await pilot.press("v")
        await until(pilot, lambda: line(app, "#value").startswith("map of 512 × 784"))
        assert app.screen.query_one(HeatMap).display
        await pilot.press("v")
        page = app.screen.query_one(ImagePage)
        await until(pilot, lambda: bool(page._tiles))
        assert page._tiles[1].caption == "1"
        await pilot.press("pagedown")
        await until(pilot, lambda: page._tiles[0].caption == str(page.capacity))
        await pilot.press("v", "escape")
        assert isinstance(app.screen, ModelScreen)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "bias  [512]" in line(app, "#about"))
        await pilot.press("v", "v")
        await until(pilot, lambda: any("pictures" in note.message for note in app._notifications))
        assert app.screen.query_one(Cells).display  # a vector has no pictures


async def test_freezing_for_the_next_run(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        await read(pilot)
        await pilot.press("j", "j", "j", "f")  # linear_relu_stack.0
        await until(pilot, lambda: "267,786 trainable" in edges(app))
        assert app.settings["freeze"] == "linear_relu_stack.0"
        await pilot.press("v")
        assert " no" in table(app).splitlines()[1]
        await pilot.press("g", "f")
        await until(pilot, lambda: "669,194 trainable" in edges(app))
        assert app.settings["freeze"] == "linear_relu_stack.0, !linear_relu_stack.0.weight"
        await pilot.press("asterisk")
        app.screen.query_one(Input).value = "*.nothing"
        await pilot.press("enter")
        assert "no parameter matches *.nothing" in line(app, "#verdict")
        await typed(pilot, "*")
        assert any("nothing would be left to train" in note.message for note in app._notifications)
        await pilot.press("asterisk")
        await typed(pilot, "*, !linear_relu_stack.4")
        await until(pilot, lambda: "5,130 trainable" in edges(app))
        await pilot.press("2")
        await pilot.pause()
        assert "--freeze '*, !linear_relu_stack.4'" in app.screen.query_one(ConfigForm).command_line


@pytest.mark.slow
async def test_a_run_is_followed_from_checkpoint_to_checkpoint(home: Path) -> None:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam"))
    assert serve(folder).status == "finished"
    app = FmnistApp(home=home, dataset="demo", watch=folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        screen = await read(pilot)
        assert app.network.source == f"{folder.id}@last"
        assert "checkpoint 2" in edges(app)
        first = checkpoint_refs.find(folder, "1").file
        await pilot.press("v")
        screen._entry = first  # as if it had been read before the newest was written
        await until(pilot, lambda: any(tensor.change is not None for tensor in screen.parameters.tensors))
        changes = [tensor.change for tensor in screen.parameters.tensors if tensor.kind == "parameter"]
        assert all(change is not None and 0 < change < 1 for change in changes)
        assert f"{changes[0]:.3g}" in table(app)
        await pilot.press("g", "f")
        await until(pilot, lambda: "trainable" in edges(app))
        assert app.branch_freeze == {folder: "linear_relu_stack.0.weight"}
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and app.screen.check_action("branch", ()))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert app.screen.query_one(Input).value == "epochs=4 freeze=linear_relu_stack.0.weight"
        await pilot.press("escape", "4", "o")
        await typed(pilot, f"{folder.id}@1")
        await until(pilot, lambda: "checkpoint 1" in edges(app))


@pytest.mark.slow
async def test_a_run_without_a_checkpoint_saves_one_when_asked_and_is_read(home: Path) -> None:
    config = TrainConfig(dataset="demo", epochs=500, threads=1, batch_size=6000, checkpoint_every=0, lr=1e-5)
    folder = client.start(home, config, name="live")
    client.command(folder, "pause")
    app = FmnistApp(home=home, dataset="demo", watch=folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, ModelScreen) and "no checkpoint yet" in edges(app), 30)
        assert "Press r to save its weights as of now" in edges(app)
        await pilot.press("r")
        await until(pilot, lambda: "mlp of live" in edges(app))
        assert "669,706 parameters" in edges(app)
    client.command(folder, "stop")


def test_a_table_shows_the_columns_that_fit_and_keeps_its_cursor() -> None:
    rows = Rows([Column("name", -10), Column("number", 8, right=True), Column("more", 20)])
    rows.rows = tuple(Row(str(at), (f"name {at}", str(at), "x")) for at in range(100))
    rows.cursor = 50
    (head, *lines) = ["".join(text for text, _ in one) for one in rows.paint(30, 10)]
    assert "more" not in head
    assert len(lines) == 9
    assert lines[-1].startswith("▸name 50")
    assert lines[-1].endswith("      50")
    assert "more" in "".join(text for text, _ in rows.paint(60, 10)[0])


def test_a_map_without_colours_tells_signs_by_letters() -> None:
    values = np.array([[1.0, -1.0, 0.0, 0.5, np.nan, np.inf], [0.2, 0.3, 0.0, -1.0, np.nan, 0.0]], np.float32)
    screen = HeatMap("ascii")
    screen.show(values)
    assert [segment.text for segment in screen._lines[0]] == ["@W W !"]
    assert screen.legend == "letters below 0, signs above, ! or blank not finite"
    screen.show(np.array([[1.0, -2.0], [0.0, 0.5]], np.float32))
    assert screen.legend == "letters below 0, signs above"
    screen.show(np.array([[1.0, 2.5], [0.0, 0.5]], np.float32))
    assert screen.legend == "blank: 0, @: 2.5"


async def test_a_view_is_described_as_what_it_is(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    app.pictures.style = "blocks"
    weight = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await read(pilot)
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "512, 784" in line(app, "#about"))
        for text, words in (
            ("torch.ones_like(t)", "requires_grad False"),
            ("t * 2", "requires_grad True, grad_fn MulBackward0"),
            (".argmax(1)", "requires_grad False"),
            ("[3, 5].item()", "a Python float, not a tensor: it has no dtype, no device and no gradient"),
        ):
            await pilot.press("slash")
            await typed(pilot, text)
            await until(pilot, lambda words=words: words in line(app, "#about"))  # type: ignore[misc]
        assert line(app, "#about").startswith("model.linear_relu_stack[0].weight[3, 5].item()  float")
        assert line(app, "#value") == repr(weight[3, 5].item())
        await pilot.press("slash")
        await typed(pilot, ".reshape(512, 28, 28)[3]")
        await until(pilot, lambda: "[28, 28]" in line(app, "#about"))
        await pilot.press("v")
        await until(pilot, lambda: line(app, "#value").startswith("map of 28 × 28: blue below 0, red above"))
        assert len(app.screen.query_one(HeatMap)._lines) == 28  # all rows, twice as large, two a line
        await pilot.press("v")
        page = app.screen.query_one(ImagePage)
        await until(pilot, lambda: [tile.caption for tile in page._tiles] == ["0"])
        assert line(app, "#value") == "parts 0–0 of 1: blue below 0, red above, one scale for all"
        await pilot.press("slash")
        await typed(pilot, "[4:9].abs()")
        await until(pilot, lambda: [tile.caption for tile in page._tiles] == ["0", "1", "2", "3", "4"])
        assert line(app, "#value").startswith("parts 0–4 of 5: black 0, white 0.0357")
        await pilot.press("slash")
        await typed(pilot, "[0, :5]")
        await until(pilot, lambda: any("is shown as pictures only where" in n.message for n in app._notifications))
        await until(pilot, lambda: line(app, "#value").startswith("[0] = "))


def test_the_key_to_a_map_names_the_colours_that_it_has() -> None:
    values = np.array([[1.0, -2.0], [0.0, 0.5]], np.float32)
    cases = (
        (values, "blue below 0, red above"),
        ((np.abs(values) / 4).astype(np.float32), "black 0, white 0.5"),
        ((values * 0).astype(np.float32), "all 0"),
        (np.where(values == 0, np.nan, values).astype(np.float32), "blue below 0, red above, green not finite"),
        (np.where(values < 0, np.inf, values).astype(np.float32), "blue below 0, red above, green not finite"),
    )
    for shown, words in cases:
        picture = HeatMap("blocks")
        picture.show(shown)
        assert picture.legend == words
        colourful = any(
            len({segment.style.color.triplet.red, segment.style.color.triplet.blue}) > 1
            for line in picture._lines
            for segment in line
            if segment.style is not None and segment.style.color is not None and segment.style.color.triplet is not None
        )
        assert colourful == words.startswith("blue"), words


async def test_the_detail_panel_follows_the_cursor(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        screen = await read(pilot)
        await until(pilot, lambda: "output for train image 0: 10 units" in edges(app, "#detail"))
        await pilot.press("v")
        assert "linear_relu_stack.0.weight" in edges(app, "#detail")  # at once
        await until(pilot, lambda: "512 rows of 28 × 28" in edges(app, "#detail"))
        text = screen.detail.query_one(DetailText).text()
        weight = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
        assert f"mean, std     {significant(float(weight.mean()), 3)}, {float(weight.std(correction=0)):.3g}" in text
        assert "model.linear_relu_stack[0].weight[:2]" in text
        assert f"tensor([[{float(weight[0, 0]):.4f}" in text.replace("[[ ", "[[")
        await pilot.press("o")
        await typed(pilot, "torchvision:vgg16")
        await until(pilot, lambda: "138,357,544 parameters · 528 MiB · 15.5 G multiply-adds" in edges(app))
        assert "It has shapes but no values" in str(app.screen.query_one("#detail-reason", Static).content)
        await pilot.press("A")
        assert "o opens its weights" in str(app.screen.query_one(KeyLine).content)
        await pilot.press("o")
        assert app.screen.query_one(Input).value == "torchvision:vgg16="
        await pilot.press("escape")
        await pilot.resize_terminal(80, 24)
        assert not screen.detail.display
        await until(pilot, lambda: "no values: o opens weights" in edges(app))


def test_of_questions_about_a_cursor_only_the_newest_is_asked(home: Path) -> None:
    asked: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    class Worker(WorkerClient):
        def ask(self, request: Request[Any], progress: Progress = silent) -> Any:
            asked.append(request.module)  # type: ignore[attr-defined]
            begun.set()
            go_on.wait(HANG_S)
            return request.module  # type: ignore[attr-defined]

    network = NetworkRef(sources.parse("mlp"), dataset="demo")
    first, second, third = (ModuleDetailRequest(network, ImageRef("test", 0), name) for name in "abc")
    questions = LatestQuestion(Worker(home))
    refused: list[str] = []

    def ask(request: ModuleDetailRequest) -> None:
        try:
            questions.ask(request)
        except InspectionCancelledError:
            refused.append(request.module)

    threads = [threading.Thread(target=ask, args=[request]) for request in (first, second, third)]
    threads[0].start()
    begun.wait(HANG_S)
    threads[1].start()
    while questions._newest is not second:
        pass
    threads[2].start()
    while questions._newest is not third:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert asked == ["a", "c"]
    assert refused == ["b"]
    assert questions.known(third) == "c"  # type: ignore[comparison-overlap]
    assert questions.known(second) is None
