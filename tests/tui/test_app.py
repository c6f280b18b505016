import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

import tui
from tests.support.made_up import MadeUpRun
from tests.support.waiting import until
from tests.tui.data.test_data import opened
from tui.app import FmnistApp
from tui.data.data import DataScreen
from tui.data.download import DownloadScreen
from tui.data.enlarged import EnlargedScreen
from tui.dialogs.help import HelpScreen
from tui.runs.form import ConfigForm
from tui.runs.new_run import NewRunScreen
from tui.runs.runs import RunsScreen
from tui.runs.stop_dialog import StopDialog

EATEN = {"ctrl+a", "ctrl+b"}  # by screen and tmux
HOLDERS: list[type[DOMNode]] = [
    FmnistApp, DataScreen, NewRunScreen, RunsScreen, EnlargedScreen, DownloadScreen, HelpScreen, StopDialog, ConfigForm,
]  # fmt: skip


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: holder.__name__)
def test_every_key_has_an_id_and_a_description_and_reaches_the_program(holder: type[DOMNode]) -> None:
    bindings = [binding for binding in holder.__dict__["BINDINGS"] if isinstance(binding, Binding)]
    assert len(bindings) == len(holder.__dict__["BINDINGS"]) > 0
    for binding in bindings:
        assert binding.id, binding
        assert binding.description, binding
        assert not EATEN & set(binding.key.split(",")), binding
    ids = [binding.id for binding in bindings]
    assert len(set(ids)) == len(ids)


async def test_digits_change_the_screen_and_each_keeps_its_state(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        data = app.screen
        for key, kind in (("2", NewRunScreen), ("3", RunsScreen), ("1", DataScreen)):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, kind)
        assert app.screen is data


@pytest.mark.parametrize("key", ["1", "2", "3"])
async def test_help_lists_every_key_of_the_screen(home: Path, key: str) -> None:
    MadeUpRun(home, "20260101-000000-aaaa")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        beneath: Screen[object] = app.screen
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = str(app.screen.query_one("#columns", Static).content)
        nearer = set(beneath.focused._bindings.key_to_bindings) if beneath.focused is not None else set()
        for binding in type(beneath).__dict__["BINDINGS"] + FmnistApp.BINDINGS:
            assert binding.description in text or set(binding.key.split(",")) <= nearer, binding
        await pilot.press("escape")
        assert app.screen is beneath


async def test_the_keys_to_other_screens_work_over_an_image_and_from_the_help(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 60)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EnlargedScreen))
        await pilot.press("question_mark")
        assert "Invert: black for white" in str(app.screen.query_one("#columns", Static).content)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, EnlargedScreen))  # as it was left, without the help
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.press("1", "escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))


@pytest.mark.parametrize("keys", [("enter",), ("enter", "question_mark"), ("slash",)])
async def test_ctrl_q_quits_from_anywhere(home: Path, keys: tuple[str, ...]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 60)) as pilot:
        await opened(pilot)
        await pilot.press(*keys)
        assert app.screen.is_modal
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)


async def test_help_says_what_can_not_be_done_now(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 60)) as pilot:
        await pilot.press("5", "question_mark")
        text = str(app.screen.query_one("#columns", Static).content)
        assert "Compare: the two marked files (mark two files first, with m)" in " ".join(text.split())
        assert "Open a path: any file of weights, by its path" in " ".join(text.split())
        assert len(re.findall(r"(?m)^q ", text)) == 1


async def test_the_palette_offers_the_screens_commands(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        offered = " ".join(command.title for command in app.get_system_commands(app.screen))
        for words in ("Next page", "Enlarge", "Train/test", "Help", "Runs"):
            assert words in offered


async def test_leaving_a_run_that_trains_says_how_to_come_back(home: Path) -> None:
    run = MadeUpRun(home, "20260101-000000-aaaa")
    app = FmnistApp(home=home, dataset="demo", watch=run.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.watched is not None)
        await pilot.press("q")
    assert "fmnist-tui watch 20260101-000000-aaaa" in app.farewell


async def test_leaving_without_a_run_says_nothing(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
    assert app.farewell == ""


async def test_a_bug_is_one_line_and_a_traceback_in_the_log(home: Path) -> None:
    class Broken(FmnistApp):
        def action_help(self) -> None:
            raise RuntimeError("out of luck\nand more")

    app = Broken(home=home, dataset="demo")
    with pytest.raises(RuntimeError, match="out of luck"):
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("question_mark")
    (line,) = app.farewell.splitlines()
    assert "RuntimeError: out of luck" in line
    log = home / "fmnist-tui.log"
    assert str(log) in line
    assert "in action_help" in log.read_text()


def test_the_apps_process_starts_without_torch(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, tui.app, tui.cli.main, tui.data.data, tui.runs.watch, tui.runs.runs;"
        "print([name for name in ('torch', 'torchvision', 'plotext', 'PIL') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_engine_runs_without_a_screen() -> None:
    import subprocess

    code = (
        "import sys, engine.runs.host, engine.training.session, engine.data.loader, engine.checkpoints.write;"
        "print([name for name in ('textual', 'rich', 'plotext', 'tui') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_style_sheet_is_for_a_class_that_there_is() -> None:
    names = {cls.__name__ for cls in descendants(DOMNode)}
    for path in sorted(Path(tui.__file__).parent.rglob("*.tcss")):
        used = set(re.findall(r"(?<![#.$\w:-])[A-Z]\w+", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)))
        assert used <= names, path.name


def test_every_message_handler_is_of_a_message_that_there_is() -> None:
    handled = {message.handler_name for message in descendants(Message)}
    for path in sorted(Path(tui.__file__).parent.rglob("*.py")):
        for name in re.findall(r"def (on_\w+)\(self(?:, (?:message|event): [\w.]+)\)", path.read_text()):
            assert name in handled, f"{path.name}: {name}"


def descendants(cls: Any) -> set[Any]:
    """All classes below one, once every module of the program is imported."""
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        importlib.import_module(module.name)
    found: set[Any] = set()
    waiting = [cls]
    while waiting:
        below = set(waiting.pop().__subclasses__()) - found
        found |= below
        waiting += below
    return found
