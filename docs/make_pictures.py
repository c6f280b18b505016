"""Make the README's pictures from the program itself: docs/data.svg and docs/train.svg.

    FMNIST_TUI_DATA=... python docs/make_pictures.py

Trains the tutorial's network for ten epochs on the data that is found, and looks at it through the app, half way.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from engine.runs import client
from engine.runs.follow import Follower
from engine.runs.state import fold
from engine.training.config import TrainConfig
from tui.app import FmnistApp

HERE = Path(__file__).parent
SIZE = (120, 40)  # columns, rows
HALF_WAY = 5.6  # epochs


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder  # the pictures say ~, whoever makes them
        home, data_dir = Path(folder) / "fmnist-tui", None
        if found := os.environ.pop("FMNIST_TUI_DATA", ""):
            data_dir = Path(folder) / "data"
            data_dir.symlink_to(Path(found).absolute())
        app = FmnistApp(home=home, data_dir=data_dir)
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(2)
            await pilot.press("right", "right")
            await pilot.pause(0.5)
            app.save_screenshot("data.svg", str(HERE))
        run = await asyncio.to_thread(client.start, home, TrainConfig(), data_dir=data_dir)
        while (state := fold(Follower(run).poll())).x < HALF_WAY * max(1, state.steps):
            time.sleep(0.05)
        client.command(run, "pause")
        app = FmnistApp(home=home, data_dir=data_dir, watch=run)
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(4)
            app.save_screenshot("train.svg", str(HERE))
        client.command(run, "stop")
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main())
