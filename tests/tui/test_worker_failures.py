"""Workers and threads of the app that fail with what nobody expected: one line, a traceback in the log; it goes on."""

import ast
import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

import tui
from engine.data import open_dataset, statistics
from engine.data.fashion_mnist import download
from engine.errors import BugError, DataError
from engine.runs import client, listing, state_file
from tests.support.images import png, tree
from tests.support.made_up import MadeUpRun
from tests.support.waiting import until
from tests.tui.data.test_data import opened
from tui.app import FmnistApp
from tui.data.data import DataScreen
from tui.runs.form import ConfigForm
from tui.runs.new_run import NewRunScreen
from tui.widgets.panel import Panel

Failures = list[BaseException]


def told(app: FmnistApp) -> list[str]:
    return [note.message for note in app._notifications]


def line(pilot: Pilot[None], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).content)


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("out of luck\nand more")


async def check_told_and_logged(app: FmnistApp, pilot: Pilot[None], failures: Failures) -> None:
    """Exactly one line, which names the log; the traceback is there; the app lives."""
    await until(pilot, lambda: bool(failures) and bool(told(app)))
    log = app.home / "fmnist-tui.log"
    assert told(app) == [
        f"a bug in the program: RuntimeError: out of luck (traceback in {log}); runs continue to train"
    ]
    assert "in fail\n" in log.read_text()
    assert app.is_running


async def test_data_that_can_not_be_opened_for_a_bug_says_so_and_can_be_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    works = open_dataset.open_dataset
    monkeypatch.setattr(open_dataset, "open_dataset", fail)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await check_told_and_logged(app, pilot, worker_failures)
        await until(
            pilot, lambda: "a bug in the program: RuntimeError: out of luck" in line(pilot, "#images .panel-text")
        )
        assert pilot.app.screen.query_one("#images", Panel).edges[0].endswith("no data ─╮")
        monkeypatch.setattr(open_dataset, "open_dataset", works)
        await pilot.press("r")
        await opened(pilot)
        assert app.screen.active_bindings["slash"].enabled


async def test_brightness_that_fails_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    monkeypatch.setattr(statistics, "brightness", fail)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await check_told_and_logged(app, pilot, worker_failures)
        assert isinstance(app.screen, DataScreen)
        assert app.screen.browse.dataset is not None


async def test_a_download_that_fails_for_a_bug_can_be_left_and_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    monkeypatch.setattr(download, "download", fail)
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("D")
        await check_told_and_logged(app, pilot, worker_failures)
        await until(pilot, lambda: "RuntimeError: out of luck\n\nr: try again" in line(pilot, "#state"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))


async def test_predictions_that_fail_for_a_bug_leave_no_line_that_they_are_computed(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    from engine.evaluation import predictions
    from engine.sources import parse

    monkeypatch.setattr(predictions, "find_source", fail)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        screen.predictions.show(parse("mlp"), "test")
        await check_told_and_logged(app, pilot, worker_failures)
        assert screen.predictions.busy == ""


async def test_a_run_that_can_not_start_for_a_bug_leaves_the_form_to_be_sent_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    monkeypatch.setattr(client, "start", fail)
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        form = app.screen.query_one(ConfigForm)
        form.focus()
        form.action_submit()
        await check_told_and_logged(app, pilot, worker_failures)
        assert not form.starting
        assert "RuntimeError: out of luck" in form.errors[""]


async def test_a_failure_that_a_timer_repeats_is_told_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    monkeypatch.setattr(listing.Listing, "look", fail)
    app = FmnistApp(home=home, dataset="demo", start="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await check_told_and_logged(app, pilot, worker_failures)
        for _ in range(3):
            before = len(worker_failures)
            app.screen.look()  # type: ignore[attr-defined]
            await until(pilot, lambda before=before: len(worker_failures) > before)  # type: ignore[misc]
        await check_told_and_logged(app, pilot, worker_failures)
        assert (home / "fmnist-tui.log").read_text().count("Traceback") == 1


async def test_a_thread_that_follows_a_run_and_fails_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa")
    run.train([1])
    monkeypatch.setattr(state_file, "read_on", fail)
    app = FmnistApp(home=home, dataset="demo", watch=run.folder)
    async with app.run_test(size=(120, 40)) as pilot:
        await check_told_and_logged(app, pilot, worker_failures)


async def test_what_a_person_can_mend_is_said_without_a_log(home: Path, worker_failures: Failures) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)

        async def refuse(error: Exception) -> None:
            await asyncio.sleep(0)
            raise error

        for error in (DataError("the disk is gone"), BugError("a bug: ValueError: x (traceback in worker.log)")):
            app.screen.run_worker(refuse(error))
        await until(pilot, lambda: len(worker_failures) == 2)
        assert told(app) == ["the disk is gone", "a bug: ValueError: x (traceback in worker.log)"]
        assert not (home / "fmnist-tui.log").exists()


async def test_a_failure_in_words_that_no_terminal_takes_is_escaped(home: Path, worker_failures: Failures) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        app.handle_worker_failure(ValueError("caf\udce9 \x1b[31m"))
        await pilot.pause()
        assert "ValueError: caf\\udce9 \\x1b[31m" in told(app)[0]
        assert "caf\\udce9" in (home / "fmnist-tui.log").read_text()
        assert threading.excepthook == app._thread_failed
    assert threading.excepthook != app._thread_failed


async def test_images_whose_names_are_not_utf_8_are_browsed(home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / "set", ["the"])
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "set") + b"/caf\xe9"))
    for number in range(5):
        png(odd / os.fsdecode(b"%d\xe9.png" % number))
    (odd / os.fsdecode(b"bad\xe8.png")).write_bytes(b"x")
    app = FmnistApp(home=home, dataset=name)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert screen.browse.classes == ("caf\\xe9", "the")
        await until(pilot, lambda: told(app))
        assert "1 file can't be read, left out:" in told(app)[0]
        assert "caf\\xe9/bad\\xe8.png: it is not a PNG" in told(app)[0]


def test_no_worker_of_any_screen_hides_what_it_does_not_expect() -> None:
    """Textual hides a worker's exception where `exit_on_error` is off; a handler of all exceptions raises it again."""
    hidden = []
    for path in sorted(Path(tui.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "exit_on_error":
                hidden.append(f"{path.name}:{node.value.lineno}")
            if isinstance(node, ast.ExceptHandler) and path.parent.name != "cli":
                names = ast.unparse(node.type) if node.type is not None else ""
                broad = names in ("", "Exception", "BaseException")
                if broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    hidden.append(f"{path.name}:{node.lineno}")
    assert hidden == []


async def test_a_thread_without_memory_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker_failures: Failures
) -> None:
    def no_memory(*_: Any, **__: Any) -> Any:
        raise MemoryError

    run = MadeUpRun(home, "20260101-101010-aaaa")
    run.train([1])
    monkeypatch.setattr(state_file, "read_on", no_memory)
    app = FmnistApp(home=home, dataset="demo", watch=run.folder)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(told(app)))
        log = home / "fmnist-tui.log"
        assert told(app) == [f"out of memory (traceback in {log}); runs continue to train"]
        assert app.is_running
