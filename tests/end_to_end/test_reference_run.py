"""The tutorial's reference run on the real data: inside the six-seed band, and the same from the app."""

import json
import subprocess
from pathlib import Path

import pytest

from engine.runs import client, store
from engine.runs.follower import Follower
from engine.runs.state import fold
from tests.support.terminal import PROGRAM, Terminal
from tests.support.waiting import wait_for

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


@pytest.mark.usefixtures("cold")
def test_the_command_line_gives_the_tutorials_figures_and_the_app_the_same_run(home: Path, real_data: Path) -> None:
    shown = subprocess.run(
        [PROGRAM, "train", "--json", "--data-dir", str(real_data)], capture_output=True, text=True, check=True
    )
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    evaluated = [event for event in events if event["kind"] == "evaluated"]
    assert [event["epoch"] for event in evaluated] == list(range(1, 11))
    for event in evaluated:
        check(event["epoch"], event["accuracy"], event["loss"])

    (of_command_line,) = store.run_folders(home)
    with Terminal([PROGRAM, "--data-dir", str(real_data)]) as terminal:
        terminal.wait_for("of 60,000")
        terminal.press("2")
        terminal.wait_for("learning rate")
        terminal.press("s")
        terminal.wait_for("samples/s")
        (of_app,) = set(store.run_folders(home)) - {of_command_line}
        wait_for(lambda: fold(Follower(of_app).poll()).tests, "an epoch of the app's run", seconds=3000)
        client.command(of_app, "stop")
        wait_for(lambda: not store.alive(of_app), "the end of the app's run")
    assert store.read_run(of_app)["config"] == store.read_run(of_command_line)["config"]
    first, second = (fold(Follower(folder).poll()).tests for folder in (of_command_line, of_app))
    count = min(len(first), len(second))
    assert count >= 1
    assert [(test.accuracy, test.loss) for test in first[:count]] == [
        (test.accuracy, test.loss) for test in second[:count]
    ]
