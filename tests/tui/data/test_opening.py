"""Opening many images takes a while: its progress is shown, the first images come before, and escape ends it."""

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.data import open_dataset
from engine.progress import Progress, silent
from tests.support.images import tree
from tests.support.panels import said
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.data.data import DataScreen


async def test_reading_the_images_is_cancelled_and_begun_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, goes_on, cancels = open_dataset.open_dataset, threading.Event(), []

    def slow(*where: Any, progress: Progress = silent, **more: Any) -> Any:
        progress(250, 200_000)
        goes_on.wait()
        cancels.append(True)
        progress(500, 200_000)  # raises, where it was cancelled
        cancels.pop()
        return works(*where, progress=progress, **more)

    monkeypatch.setattr(open_dataset, "open_dataset", slow)
    app = FmnistApp(home=home, dataset=tree(tmp_path / "images", ["a", "b"]))
    async with app.run_test(size=(110, 30)) as pilot:
        screen = app.screen
        assert isinstance(screen, DataScreen)
        await until(pilot, lambda: "reading the images: 250 of 200,000 (Esc cancels)" in said(app))
        await until(pilot, lambda: screen.browse.preview is not None)
        await pilot.press("escape")
        goes_on.set()
        await until(pilot, lambda: "Reading the images was cancelled." in said(app))
        assert cancels == [True]
        assert "Press r to try again" in said(app)
        assert screen.browse.dataset is None
        cancels.clear()
        await pilot.press("r")
        await until(pilot, lambda: screen.browse.dataset is not None)
        assert cancels == []
        assert screen.why_not("all", ()) == "all images are shown"  # nothing is read any more
