"""The pictures' world stands still: one clock, one place, one terminal; and what takes a picture at three sizes."""

import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from engine.progress import Progress, silent
from engine.worker.client import WorkerClient
from tests.support.at_once import at_once  # noqa: F401
from tests.support.own_code import write_trusted
from tests.support.waiting import HANG_S
from tests.tui.pictures.screen_text import ScreenText, characters, screen_rows, screen_text
from tests.tui.pictures.world import NETWORK_SOURCE, NOW, rounded
from tui.app import FmnistApp
from tui.runs.confusion import ClassBars, ConfusionMatrix
from tui.widgets.chart.chart_view import ChartView

SIZES = [(80, 24), (140, 45), (200, 60)]
LOOK_S = 0.05  # seconds between two looks whether the screen is as it shall be
THEME = "textual-dark"  # whatever the default is
STILL = 3  # looks that must agree
WATCHING = {"download"}  # groups of workers whose end nobody waits for
# Variables that change what is drawn, by their beginnings.
OURS = ("FMNIST_TUI", "TEXTUAL", "TMUX", "STY", "SSH", "NO_COLOR", "FORCE_COLOR", "LC_", "LANG", "TERM_", "COLUMNS",
        "LINES")  # fmt: skip

Picture = Callable[..., Awaitable[None]]


PLACE = "/tmp/pictures-00000000"  # what a picture says for the test's folder, whose name is as long


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose path is always of one length, so that lines break at the same places."""
    path = Path(tempfile.mkdtemp(prefix="pictures-", dir="/tmp"))
    assert len(str(path)) == len(PLACE)
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home folder, by a relative path; one clock, one terminal, and nothing of this machine."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    for name, value in {"HOME": str(place), "TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC",
                        "OMP_NUM_THREADS": "1"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)  # the form tells how many cores
    for kind in (ChartView, ClassBars, ConfusionMatrix):
        monkeypatch.setattr(kind, "interval", 0.0)  # drawn at once, not a second later
    monkeypatch.chdir(place)
    write_trusted(place / "small.py", NETWORK_SOURCE)
    yield Path("home")
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def answers(at_once: list[str], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The worker process's answers at once, their numbers rounded."""
    ask = WorkerClient.ask

    def answer(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        return rounded(ask(self, request, progress))

    monkeypatch.setattr(WorkerClient, "ask", answer)


def opened(home: Path, start: str = "data", **options: Any) -> FmnistApp:
    """The app on the demo data; images are drawn in colours whatever terminal the test runs in."""
    app = FmnistApp(home=home, dataset="demo", start=start, **options)
    app.pictures.style = "blocks"
    app.theme = THEME
    return app


async def still(pilot: Pilot[None], words: tuple[str, ...]) -> str:
    """The picture, once it has the words, nothing is computed any more and nothing changes."""
    app = pilot.app
    before: object = None
    lines: list[str] = []
    same = 0
    for _ in range(int(HANG_S / LOOK_S)):
        await pilot.pause(LOOK_S)
        assert app.is_running, "the app has ended"
        for line in app.screen.query(Input):
            line.cursor_blink = False
        rows = screen_rows(app)
        busy = sum(not worker.is_finished for worker in app.workers if worker.group not in WATCHING) > asking(app)
        same = same + 1 if not busy and rows == before else 0
        before = rows
        if same == 1:
            app.screen.refresh_bindings()  # a resize may leave the line of keys as it was before
        lines = characters(rows)
        if same >= STILL and not missing(words, lines):
            return screen_text(rows)
    screen = "\n".join(lines)
    raise AssertionError(f"the screen never came to rest with {missing(words, lines) or 'nothing changing'}:\n{screen}")


def asking(app: App[None]) -> int:
    """How many workers wait for a person's answer, in `push_screen_wait`."""
    callbacks = [callback for screen in app.screen_stack for callback in screen._result_callbacks]
    return sum(callback.future is not None and not callback.future.done() for callback in callbacks)


def missing(words: tuple[str, ...], lines: list[str]) -> list[str]:
    """Those that are not on the screen; a line may break between any two of their words."""
    text = " ".join(" ".join(lines).split())
    return [word for word in words if word not in text]


@pytest.fixture
def picture(snapshot: SnapshotAssertion, place: Path) -> Picture:
    """Compares the app's screen at every size with the stored pictures; fails after the last size."""
    stored = snapshot.use_extension(ScreenText)

    async def take(pilot: Pilot[None], *words: str, name: str = "", keys: tuple[str, ...] = ()) -> None:
        """`words`: what must be on the screen before the picture is taken. `keys`: pressed before. Both at each
        size."""
        differ, seen_so = list[str](), list[str]()
        for width, height in [*SIZES[1:], SIZES[0]]:  # the next keys are pressed at the smallest
            await pilot.resize_terminal(width, height)
            if keys:
                await still(pilot, ())
                await pilot.press(*keys)
            text = (await still(pilot, words)).replace(str(place), PLACE)
            for private in (place.name.removeprefix("pictures-")[:4], socket.gethostname(), torch.__version__):
                seen = re.sub(r"pixels [0-9a-f]{8}", "pixels", text)  # a checksum may have the same letters
                assert private not in seen, f"{private} is on the screen"
            size = f"{name}-{width}x{height}".strip("-")
            if stored(name=size) != text:
                differ.append(size)
                seen_so.append(f"{size}:\n{text}")
        shown = "\n".join(seen_so)
        assert not differ, f"these pictures differ: {', '.join(differ)} (see CONTRIBUTING, Pictures)\n{shown}"

    return take


async def typed(pilot: Pilot[None], key: str, text: str, *, enter: bool = True) -> None:
    """Press a key that asks for a line, type it, and confirm it."""
    await pilot.press(key)
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    if enter:
        await pilot.press("enter")
