"""% on other screens: what is chosen there becomes a cell of the document that is open, or of the scratch page."""

from pathlib import Path

import pytest
import torch
from textual.pilot import Pilot

from engine.inspection.tensor_refs import KernelTensor
from tests.support.at_once import at_once  # noqa: F401
from tests.support.documents import CELLS, block, opened, sees, sources, written
from tests.support.fake_lab import FakeLab
from tests.support.made_up import MadeUpRun, ScreensApp
from tests.support.waiting import until
from tui import cells
from tui.data.data import DataScreen
from tui.lab.document import DocumentScreen
from tui.model.model import ModelScreen
from tui.model.tensor import TensorScreen
from tui.runs.runs import RunsScreen
from tui.weights.checkpoints import CheckpointsScreen
from tui.weights.file import FileScreen
from tui.widgets.rows import Rows

pytestmark = pytest.mark.usefixtures("at_once")


async def there(pilot: Pilot[None], count: int) -> DocumentScreen:
    """The document, once it has so many cells."""
    app = pilot.app

    def arrived() -> bool:
        screen = app.screen
        if not isinstance(screen, DocumentScreen) or screen.pane.notebook is None:
            return False
        return len(sources(screen)) == count

    await until(pilot, arrived)
    assert isinstance(app.screen, DocumentScreen)
    return app.screen


async def test_where_nothing_is_chosen_that_is_said(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        runs = app.screen
        assert app.why_not("as_cell", ()) == "nothing is chosen here that a cell could have"
        await pilot.press("percent_sign")
        assert app.screen is runs


async def test_what_is_chosen_anywhere_becomes_a_cell(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa", name="my run", dead=True)
    run.train([1])
    file = tmp_path / "weights.pth"
    torch.save({"a.weight": torch.ones(2, 3)}, file)
    app = ScreensApp(home, "data")
    async with app.run_test(size=(140, 45)) as pilot:
        assert isinstance(app.screen, DataScreen)
        data = app.screen
        await until(pilot, lambda: data.browse.index is not None)
        await pilot.press("right", "percent_sign")
        screen = await there(pilot, 1)  # in place of the empty cell of the scratch page
        assert screen.path == home / "documents" / "scratch.py"
        assert "ft.dataset('demo', 'train')" in sources(screen)[0]
        assert "data[1]" in sources(screen)[0]
        await pilot.press("r")
        await until(pilot, lambda: lab.ran == sources(screen)[:1])
        # from then on into the document that is open
        screen = await opened(pilot, written(tmp_path, CELLS))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, ModelScreen) and not app.why_not("as_cell", ()))
        await until(pilot, lambda: bool(app.screen.query_one(Rows).rows))
        await pilot.press("v", "percent_sign")
        screen = await there(pilot, 4)
        assert screen.path == tmp_path / "some.py"
        assert screen.pane.cells.cursor == 1  # below the cursor
        assert "ft.load('mlp')" in sources(screen)[1]
        assert "model.get_parameter(" in sources(screen)[1]
        await pilot.press("enter")  # a cell that is edited meanwhile is left first
        await until(pilot, lambda: screen.pane.cells.editing is not None)
        app.put_into_lab("put = 1")
        await there(pilot, 5)
        assert screen.pane.cells.editing is None
        assert block(screen, 2).source == "put = 1"
        await pilot.press("3")
        await until(pilot, lambda: bool(app.screen.query(Rows)) and not app.why_not("as_cell", ()))
        await pilot.press("percent_sign")
        screen = await there(pilot, 6)
        assert "ft.load('20260101-101010-aaaa@last')" in sources(screen)[3]
        app.watch_run(run.folder)
        await until(pilot, lambda: app.current_mode == "train" and not app.why_not("as_cell", ()))
        await pilot.press("percent_sign")
        screen = await there(pilot, 7)
        # a file, and a tensor in it
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen))
        await app.push_screen(FileScreen(app.services, file))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and bool(app.screen.query_one(Rows).rows))
        await pilot.press("percent_sign")
        screen = await there(pilot, 8)
        assert sources(screen)[5] == cells.tensor(file, "a.weight")
        # over the document lies another screen
        await pilot.press("g")
        await app.push_screen(TensorScreen(app.services, KernelTensor("t"), asks=screen._runner.session))
        app.put_into_lab("over = 1")
        await there(pilot, 9)
        await sees(pilot, "over = 1")


async def test_a_cell_that_comes_before_the_document_waits(tmp_path: Path, home: Path, lab: FakeLab) -> None:
    lab.gate.clear()
    app = ScreensApp(home, "data")
    async with app.run_test(size=(140, 45)) as pilot:
        app.put_into_lab("first = 1")
        app.put_into_lab("second = 2")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, DocumentScreen)
                and app.screen.pane.notebook is not None
                and sources(app.screen) == ["first = 1", "second = 2"]
            ),
        )
        lab.gate.set()


@pytest.mark.parametrize(
    "code",
    [
        cells.image("it's", "train", 3), cells.network("mlp"), cells.network("mlp", "a.b"),
        cells.network("mlp", "a.weight", parameter=True), cells.run("20260101-101010-aaaa"),
        cells.tensor(Path("/tmp/a 'b'\n.pt"), "na'me\\"), cells.weights(Path("/tmp/c\"'.pth")),
    ],
)  # fmt: skip
def test_a_cell_is_python_whatever_the_names(code: str) -> None:
    compile(code, "cell", "exec")
    assert code.splitlines()[-1].strip()
