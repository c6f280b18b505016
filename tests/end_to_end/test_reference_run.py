"""The tutorial's reference run on the real data, from the command line and from the app: inside the six-seed band."""

import json
import subprocess
from pathlib import Path

import pytest

from engine.runs import store
from engine.runs.follower import Follower
from engine.runs.state import fold
from tests.support.terminal import PROGRAM, Terminal

# After each epoch, over six seeds: mean and standard deviation of test accuracy (%) and of test loss.
BAND = {
    1: (45.3, 2.9, 2.1593, 0.0050),
    2: (56.8, 1.7, 1.8927, 0.0124),
    3: (61.2, 0.2, 1.5193, 0.0153),
    4: (63.3, 0.3, 1.2484, 0.0130),
    5: (64.9, 0.3, 1.0819, 0.0114),
    6: (66.2, 0.4, 0.9753, 0.0100),
    7: (67.5, 0.6, 0.9030, 0.0087),
    8: (68.7, 0.6, 0.8511, 0.0077),
    9: (70.0, 0.5, 0.8119, 0.0069),
    10: (71.3, 0.5, 0.7807, 0.0066),
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def check(epoch: int, accuracy: float, loss: float) -> None:
    """`accuracy` as a fraction of 1."""
    mean, sd, mean_loss, sd_loss = BAND[epoch]
    assert abs(100 * accuracy - mean) <= 3 * sd, (epoch, accuracy)
    assert abs(loss - mean_loss) <= 3 * sd_loss, (epoch, loss)


def test_the_command_line_gives_the_tutorials_figures(real_data: Path) -> None:
    shown = subprocess.run(
        [PROGRAM, "train", "--json", "--data-dir", str(real_data)], capture_output=True, text=True, check=True
    )
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    evaluated = [event for event in events if event["kind"] == "evaluated"]
    assert [event["epoch"] for event in evaluated] == list(range(1, 11))
    for event in evaluated:
        check(event["epoch"], event["accuracy"], event["loss"])


def test_the_app_gives_the_tutorials_figures(home: Path, real_data: Path) -> None:
    with Terminal([PROGRAM, "--data-dir", str(real_data)]) as terminal:
        terminal.wait_for("of 60,000")
        terminal.press("2")
        terminal.wait_for("learning rate")
        terminal.press("s")
        terminal.wait_for("samples/s")
        terminal.wait_for("finished", seconds=3000)
    (folder,) = store.run_folders(home)
    run = fold(Follower(folder).poll())
    assert len(run.tests) == 10
    for result in run.tests:
        check(result.epoch, result.accuracy, result.loss)
