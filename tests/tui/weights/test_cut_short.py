"""A file that is cut short while its statistics are computed, which ends the process that computes them."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.inspection.file_requests import FileStatsRequest
from engine.progress import Progress, silent
from engine.worker.client import WorkerClient
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.weights.file import FileScreen
from tui.widgets.rows import Rows

SIZE = (140, 45)


@pytest.mark.slow
async def test_it_is_told_of_and_read_again_once_it_is_whole(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.pt"
    torch.save({"weight": torch.ones(1 << 26)}, path)
    app = FmnistApp(home=home, dataset="demo")
    app.worker = worker = WorkerClient(home)
    cut: list[FileStatsRequest] = []
    answer = worker.ask

    def ask(request: Any, progress: Progress = silent) -> Any:
        found = answer(request, progress)
        if isinstance(request, FileStatsRequest) and not cut:
            cut.append(request)
            os.truncate(path, path.stat().st_size // 2)
        return found

    worker.ask = ask  # type: ignore[method-assign]
    try:
        async with app.run_test(size=SIZE) as pilot:
            app.push_screen(FileScreen(app, path))
            words = "the file changed while it was read: try again"
            await until(pilot, lambda: any(words in note.message for note in app._notifications))
            torch.save({"bias": torch.ones(3)}, path)
            await pilot.press("escape")
            app.push_screen(FileScreen(app, path))
            await until(pilot, lambda: [row.key for row in app.screen.query_one(Rows).rows] == ["bias"])
    finally:
        worker.close()
