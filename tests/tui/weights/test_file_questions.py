"""What is asked about files, over the screen that asks: again after a refusal, with the proposal; and what Esc does."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from textual.widgets import Input

from engine.checkpoints.verify import sha256
from engine.errors import InspectionCancelledError
from engine.evaluation import trusted
from engine.evaluation.requests import CompareEvaluationsRequest, EvaluationRequest
from engine.home import Home, RunFolder
from engine.models.registry import build
from engine.progress import Progress, Report, silent
from engine.runs import store
from engine.weights import listing
from engine.weights.key_mapping import KeyMapping
from engine.weights.misfit import MisfitError
from engine.weights.requests import ConvertRequest, FileRequest
from engine.worker.client import WorkerClient
from tests.support.at_once import at_once  # noqa: F401
from tests.support.panels import said
from tests.tui.data.test_data import line, until
from tests.tui.weights.test_checkpoints import body, table, typed
from tui.app import FmnistApp
from tui.dialogs.prompt import PromptScreen
from tui.recent_files import remember
from tui.weights.checkpoints import CheckpointsScreen
from tui.weights.difference import DifferenceScreen
from tui.weights.file import FileScreen
from tui.widgets.keyline import KeyLine

SIZE = (140, 45)
pytestmark = pytest.mark.usefixtures("at_once")


def saved(path: Path, seed: int, prefix: str) -> Path:
    """An mlp's weights with another prefix on each name."""
    torch.manual_seed(seed)
    torch.save({f"{prefix}{name}": value for name, value in build("mlp").state_dict().items()}, path)
    return path


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests, in order; answered all the same."""
    asked: list[Any] = []
    answer = WorkerClient.ask

    def noted(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        asked.append(request)
        return answer(self, request, progress)

    monkeypatch.setattr(WorkerClient, "ask", noted)
    return asked


async def test_two_files_that_do_not_fit_are_evaluated_with_the_mapping_that_is_proposed(
    home: Path, tmp_path: Path, requests: list[Any]
) -> None:
    first, second = (saved(tmp_path / f"{name}.pt", seed, "net.") for seed, name in enumerate(("first", "second")))
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(DifferenceScreen(app, first, second))
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "6 changed" in said(app))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await typed(pilot, "mlp")
        await until(pilot, lambda: app.screen.query_one(Input).value == "mlp net.")
        assert "first.pt does not fit mlp: 6 missing" in said(app)
        await until(pilot, lambda: "prefix net. removed" in line(app, "#verdict"))
        await pilot.press("enter")
        await until(pilot, lambda: bool(body(app)))
        assert "the second file fixes" in body(app)
        asked = [one for one in requests if isinstance(one, CompareEvaluationsRequest)]
        assert [one.first.mapping for one in asked] == [KeyMapping(), KeyMapping("net.")]
        assert (asked[1].first.path, asked[1].second.path) == (first, second)
        await pilot.press("escape", "E")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await typed(pilot, "mlp net.")  # the same again is known
        await until(pilot, lambda: bool(body(app)))
        assert len([one for one in requests if isinstance(one, CompareEvaluationsRequest)]) == 2


async def test_esc_at_a_proposal_leaves_the_file_as_it_is(home: Path, tmp_path: Path, requests: list[Any]) -> None:
    path = saved(tmp_path / "theirs.pt", 0, "net.")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(FileScreen(app, path))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "6 tensors" in said(app))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await typed(pilot, "mlp")
        await until(pilot, lambda: app.screen.query_one(Input).value == "mlp net.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FileScreen))
        assert len([one for one in requests if isinstance(one, EvaluationRequest)]) == 1
        assert not app._notifications
        await pilot.press("escape")
        assert not isinstance(app.screen, FileScreen)


async def test_a_module_that_was_trusted_before_is_proposed_by_its_name(
    home: Path, tmp_path: Path, requests: list[Any]
) -> None:
    path = tmp_path / "whole.pt"
    torch.save(build("mlp"), path)
    trusted.trust(home, sha256(path))
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(FileScreen(app, path))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "pickled module" in said(app))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert app.screen.query_one(Input).value == "whole.pt"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FileScreen))
    assert not any(isinstance(one, EvaluationRequest) for one in requests)


async def test_averaging_is_cancelled_with_esc_and_keeps_the_marks(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("a.pt", "b.pt", "c.pt")):
        remember(Home(home).recent_files, saved(tmp_path / name, seed, ""))
    cancelled = threading.Event()
    asked: list[ConvertRequest] = []
    answered = WorkerClient.ask

    def slow(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        if not isinstance(request, ConvertRequest):
            return answered(self, request, progress)
        asked.append(request)
        assert cancelled.wait(120)
        raise InspectionCancelledError("cancelled")

    monkeypatch.setattr(WorkerClient, "ask", slow)
    monkeypatch.setattr(WorkerClient, "cancel", lambda self: cancelled.set())
    app = FmnistApp(home=home, dataset="demo", start="checkpoints")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen) and "3 files" in said(app))
        await pilot.press("m", "G", "m", "number_sign")  # c.pt, which was opened last, then a.pt
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await typed(pilot, f"{tmp_path / 'mean.pth'} module. without:head")
        await until(pilot, lambda: "averaging 2 files … · Esc cancels" in said(app))
        mapping = KeyMapping("module.", without=("head",))
        assert asked == [ConvertRequest((tmp_path / "c.pt", tmp_path / "a.pt"), tmp_path / "mean.pth", mapping)]
        await pilot.press("escape")
        await until(pilot, lambda: "Esc cancels" not in said(app))
        assert "2 marked" in said(app)
        assert not app._notifications
        await pilot.press("escape")
        assert "marked" not in said(app)


async def test_a_branch_whose_names_do_not_fit_asks_again_with_the_mapping_that_is_proposed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "theirs.pt", 0, "net.")
    launched: list[str] = []

    def launch(folder: RunFolder) -> RunFolder:
        weights = str(store.read_run(folder)["config"]["weights"])
        launched.append(weights)
        if weights.endswith("net."):
            return folder
        raise MisfitError("theirs.pt does not fit mlp", proposal=KeyMapping(strip="net."))

    watched: list[RunFolder] = []
    monkeypatch.setattr("engine.runs.client.launch", launch)
    monkeypatch.setattr(FmnistApp, "watch_run", lambda self, folder: watched.append(folder))
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(FileScreen(app, path))
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "linear_relu_stack" in table(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "model=mlp dataset=demo name=theirs"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen) and bool(launched))
        assert app.screen.query_one(Input).value == "model=mlp dataset=demo name=theirs weights=net."
        await pilot.press("enter")
        await until(pilot, lambda: bool(watched))
    assert [weights.rpartition(" ")[2] for weights in launched][1] == "net."


@pytest.mark.parametrize("size", [(80, 24), SIZE])
@pytest.mark.parametrize("damaged", [False, True])
async def test_the_first_tensors_of_a_long_file_stand_there_while_it_is_read(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], damaged: bool
) -> None:
    file = tmp_path / "long.pt"
    torch.save({f"layer{at}.weight": torch.zeros(2) for at in range(3000)}, file)
    if damaged:
        content = bytearray(file.read_bytes())
        content[content.index(b"layer2900.weight") - 5] = 0xFF  # an opcode that is none
        file.write_bytes(content)
    met, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    class Held:
        """A report that holds the reading up once something was told."""

        def __init__(self, report: Report) -> None:
            self.report = report

        def __call__(self, done: int, total: int, /) -> None:
            self.report(done, total)

        def so_far(self, answer: object) -> None:
            self.report.so_far(answer)
            met.set()
            assert go_on.wait(60)

    def held(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        told.append(type(request).__name__)
        if isinstance(request, FileRequest):
            assert isinstance(progress, Report)
            return listing.compute(home, request, Held(progress))
        return answered(self, request, progress)

    answered = WorkerClient.ask
    monkeypatch.setattr(WorkerClient, "ask", held)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        app.push_screen(FileScreen(app, file))
        await until(pilot, met.is_set)
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and len(app.screen.table.rows) == 1000)
        assert "its first tensors" in said(app)
        assert "allow-list" not in said(app)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "the file is still read" in str(app.screen.query_one(KeyLine).content))
        assert isinstance(app.screen, FileScreen)
        assert app.screen.table.key == "layer2.weight"
        assert "TensorDetailRequest" not in told  # it would wait for the file
        go_on.set()
        if damaged:
            await until(pilot, lambda: "its pickle is damaged at byte" in said(app))
            assert app.screen.panel.has_class("-text")  # in the table's place
            await pilot.press("enter")
            await until(pilot, lambda: "the file is not read" in str(app.screen.query_one(KeyLine).content))
            return
        await until(pilot, lambda: "all 3 globals are on the allow-list" in said(app) or "3,000 tensors" in said(app))
        assert app.screen.table.key == "layer2.weight"
        assert "its first tensors" not in said(app)
