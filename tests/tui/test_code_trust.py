"""The dialog that asks whether a run's Python file may be executed: what is typed there, and what comes of it."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.home import RunFolder
from engine.models import trusted_code
from engine.models.trusted_code import UntrustedCodeError
from engine.runs import client
from engine.training.config import TrainConfig
from tests.support.at_once import at_once  # noqa: F401
from tests.support.made_up import MadeUpRun
from tests.support.panels import said
from tests.support.trained import TrainOnce
from tests.support.waiting import until, wait_for
from tui.app import FmnistApp
from tui.dialogs.prompt import PromptScreen
from tui.model.model import ModelScreen
from tui.runs.run_actions import RunActions

NETWORK = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))


with open(__file__ + ".ran", "a") as file:
    file.write("x")
"""
SIZE = (120, 40)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NETWORK)
    return path


def ran(file: Path) -> int:
    """How often it was executed."""
    marks = Path(f"{file}.ran")
    return len(marks.read_text()) if marks.exists() else 0


def asks(app: FmnistApp) -> bool:
    return isinstance(app.screen, PromptScreen) and app.screen.stands and "Run net.py?" in words(app)


def words(app: FmnistApp) -> str:
    return "\n".join(str(static.content) for static in app.screen.query(Static))


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.mark.usefixtures("at_once")
async def test_a_network_of_a_run_is_shown_once_its_file_is_trusted_by_its_name(
    home: Path, file: Path, train_once: TrainOnce
) -> None:
    trusted_code.trust(file)
    config = TrainConfig(dataset="demo", epochs=1, threads=1, model=f"{file}:Net")
    folder = train_once(home, config, "theirs")
    file.write_text(f"{NETWORK}# by somebody else\n")
    before = ran(file)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        app.show_network(f"{folder.id}@last")
        await until(pilot, lambda: asks(app))
        assert f"{file}\n" in words(app)
        assert "It has changed since you trusted it. It can do all that you can do." in words(app)
        await typed(pilot, "yes")
        assert asks(app)  # the name, and nothing else
        assert "type net.py if you trust it, or press escape" in words(app)
        await pilot.press("escape")
        await until(pilot, lambda: "fmnist-tui trust" in said(app))
        assert isinstance(app.screen, ModelScreen)
        app.show_network(f"{folder.id}@1")  # what was declined is not asked again by a screen
        await pilot.pause()
        await until(pilot, lambda: "fmnist-tui trust" in said(app))
        assert isinstance(app.screen, ModelScreen)
        assert ran(file) == before
        file.write_text(f"{NETWORK}# by somebody else, once more\n")
        app.show_network(f"{folder.id}@last")
        await until(pilot, lambda: asks(app))
        await typed(pilot, "net.py")
        await until(pilot, lambda: "of theirs, checkpoint 1" in said(app))
        assert ran(file) == before + 1


@pytest.mark.usefixtures("at_once")
async def test_a_file_that_is_typed_on_model_is_not_asked_about(home: Path, file: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="model")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "mlp, new weights" in said(app))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        await typed(pilot, f"{file}:Net")
        await until(pilot, lambda: f"{file}:Net, new weights" in said(app))
        assert ran(file) == 1


@pytest.mark.parametrize("answer", ["net.py", "escape"])
async def test_what_a_person_asks_for_is_done_once_they_trust_the_file(
    home: Path, file: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def resume(folder: RunFolder, **changes: Any) -> client.Resumed:
        tries.append(folder.id)
        trusted_code.source(file)
        return client.Resumed()

    monkeypatch.setattr(client, "resume", resume)
    monkeypatch.setattr(client, "expected_differences", lambda folder: [])
    run = MadeUpRun(home, "20260101-101010-aaaa", dead=True)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZE) as pilot:
        for number in range(1, 3):
            RunActions(app.screen, app).resume(run.folder, 3, complete=False)
            await until(pilot, lambda: asks(app))  # also after it was declined: the person asks for it
            assert "You have not said yet that you trust it." in words(app)
            if answer != "escape":
                await typed(pilot, answer)
                await until(pilot, lambda: app.watched == run.folder)
                assert len(tries) == 2
                return
            await pilot.press("escape")
            await until(pilot, lambda: not asks(app))
            assert len(tries) == number
        assert app.watched is None


async def test_the_end_of_the_app_is_an_answer_too(home: Path, file: Path) -> None:
    """The thread that waits for one would hold up the end of the process."""
    app = FmnistApp(home=home, dataset="demo")
    outcomes: list[object] = []

    def ask() -> None:
        try:
            app.trusting(lambda: trusted_code.source(file))
        except UntrustedCodeError as error:
            outcomes.append(error)

    async with app.run_test(size=SIZE) as pilot:
        app.run_worker(ask, thread=True)
        await until(pilot, lambda: asks(app))
        await app.pop_screen()  # gone without an answer, as where another screen is opened
        await until(pilot, lambda: outcomes)
        app.run_worker(ask, thread=True)
        await until(pilot, lambda: asks(app))
        app.exit()
    wait_for(lambda: len(outcomes) == 2, "the second answer")
    assert not ran(file)
