"""Hosts as real processes, on the demo data."""

import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from engine.checkpoints.read import newest_good
from engine.errors import ConfigError, DataError, DeviceError, ModelError, RunError
from engine.home import RunFolder
from engine.hosting import record_file
from engine.models.registry import build
from engine.runs import client, listing, store
from engine.runs.follower import Follower
from engine.runs.state import RunState, fold
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.own_code import write_trusted
from tests.support.waiting import HANG_S, wait_for

pytestmark = pytest.mark.slow

LONG = TrainConfig(dataset="demo", epochs=100_000, threads=1, lr=1e-3)


def wait(folder: RunFolder, until: Callable[[RunState], object]) -> RunState:
    """The run's state once `until` holds of it."""

    def reached() -> RunState | None:
        run = fold(Follower(folder).poll())
        return run if until(run) else None

    return wait_for(reached, f"the awaited state of {folder.id}")


def gone(folder: RunFolder) -> bool:
    """Waits until the host's process has ended."""
    assert store.read_host(folder) is not None
    return wait_for(lambda: not store.alive(folder), f"the end of the host of {folder.id}")


def host(folder: RunFolder) -> psutil.Process:
    record = store.read_host(folder)
    assert record is not None
    return psutil.Process(record.pid)


@pytest.mark.usefixtures("cold")
def test_a_run_from_start_to_end_leaves_what_it_promised(home: Path) -> None:
    config = TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam")
    folder = client.start(home, config, name="short")
    run = wait(folder, lambda run: run.done)
    assert gone(folder)
    assert run.status == "finished"
    assert [result.epoch for result in run.tests] == [1, 2]
    assert run.tests[-1].accuracy > 0.3
    assert run.dataset["demo"] is True
    assert listing.summary(folder).state == "finished"
    # The checkpoints load safely, and the bare state_dict fits the tutorial's network.
    kept = torch.load(folder.checkpoint("epoch-0002.pt"), weights_only=True)
    assert (kept["epoch"], kept["step"], kept["config"]["optimizer"]) == (2, 94, "adam")
    weights = torch.load(folder.weights, weights_only=True)
    build("mlp").load_state_dict(weights)
    assert all(torch.equal(weights[name], value) for name, value in kept["model"].items())
    manifest = json.loads(folder.manifest.read_text())["checkpoints"]
    assert [entry["file"] for entry in manifest] == ["epoch-0001.pt", "epoch-0002.pt"]
    assert [saved.sha256 for saved in run.checkpoints] == [entry["sha256"] for entry in manifest]
    # What was asked, and under what.
    asked = store.read_run(folder)
    assert asked["name"] == "short"
    assert asked["versions"]["torch"] == torch.__version__
    assert asked["dataset"]["checksum"]
    assert not list(folder.path.glob("control.sock")) + list(folder.path.glob(".*"))


def test_commands_reach_a_host_and_are_answered(home: Path) -> None:
    folder = client.start(home, LONG)
    client.command(folder, "pause")
    paused = wait(folder, lambda run: run.status == "paused")
    with pytest.raises(RunError, match="paused already"):
        client.command(folder, "pause")
    client.command(folder, "step")
    stepped = wait(folder, lambda run: run.steps_done == paused.steps_done + 1)
    assert stepped.status == "paused"
    client.command(folder, "checkpoint")
    saved = wait(folder, lambda run: run.checkpoints and run.checkpoints[-1].step == stepped.step).checkpoints[-1]
    assert (folder.path / saved.file).stat().st_size == saved.bytes
    assert listing.summary(folder).state == "paused"
    client.command(folder, "unpause")
    wait(folder, lambda run: run.steps_done > stepped.steps_done)
    with pytest.raises(RunError, match="'dance' is not a command"):
        client.command(folder, "dance")
    client.command(folder, "stop")
    assert wait(folder, lambda run: run.done).status == "stopped"
    assert gone(folder)
    with pytest.raises(RunError, match="is not running: stopped"):
        client.command(folder, "pause")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_host_save_and_end(home: Path, number: signal.Signals) -> None:
    folder = client.start(home, LONG)
    wait(folder, lambda run: run.steps_done > 0)
    host(folder).send_signal(number)
    assert gone(folder)
    run = fold(Follower(folder).poll())
    assert (run.status, run.reason) == ("stopped", number.name)
    last = run.checkpoints[-1]
    assert (last.epoch, last.step) == (run.epoch, run.step)
    assert (folder.path / last.file).exists()


def test_a_step_that_takes_too_long_does_not_hold_up_a_signal(home: Path, tmp_path: Path) -> None:
    own, stuck = tmp_path / "stuck.py", tmp_path / "stuck"
    write_trusted(
        own,
        "import time\nfrom pathlib import Path\nfrom torch import nn\n\n\nclass Stuck(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, 10))\n        self.steps = 0\n\n"
        "    def forward(self, x):\n        self.steps += self.training\n        if self.steps == 60:\n"
        f"            Path({str(stuck)!r}).touch()\n"
        "            while True:\n                time.sleep(1)\n        return super().forward(x)\n",
    )
    folder = client.start(home, replace(LONG, model=f"{own}:Stuck", checkpoint_every=0.001))
    wait_for(stuck.exists, "the step that never ends")
    os.kill(host(folder).pid, signal.SIGTERM)
    assert gone(folder)
    run = wait(folder, lambda run: run.done)
    assert (run.status, run.reason) == ("stopped", "SIGTERM")
    found = newest_good(folder)
    assert found is not None
    assert found[0].step >= 40


def test_a_host_on_another_machine_is_known_by_its_heartbeat(home: Path) -> None:
    folder = store.create(home, {"name": "", "config": LONG.to_dict()})
    record = store.read_host(folder)
    assert record is not None
    store.restore_host(folder, replace(record, hostname="elsewhere", pid=1, boot_id="another", socket="x"))
    assert store.alive(folder)
    with pytest.raises(RunError, match="is training on elsewhere; send commands there"):
        client.command(folder, "pause")
    long_ago = time.time() - 2 * record_file.HEARTBEAT_S
    os.utime(folder.host_json, (long_ago, long_ago))
    assert not store.alive(folder)
    store.beat(folder)
    assert store.alive(folder)


def test_a_closed_terminal_is_no_business_of_a_host(home: Path) -> None:
    folder = client.start(home, LONG)
    process = host(folder)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.send_signal(signal.SIGHUP)
    before = wait(folder, lambda run: run.steps_done > 0)
    wait(folder, lambda run: run.steps_done > before.steps_done)
    process.kill()


def test_a_killed_host_reads_ended_never_training(home: Path) -> None:
    folder = client.start(home, LONG)
    wait(folder, lambda run: run.steps_done > 0)
    assert listing.summary(folder).state == "training"
    host(folder).kill()
    assert gone(folder)
    assert listing.summary(folder).state == "ended"
    with pytest.raises(RunError, match="ended without finishing"):
        client.command(folder, "stop")


def test_a_host_whose_folder_was_deleted_ends(home: Path) -> None:
    folder = client.start(home, LONG)
    wait(folder, lambda run: run.steps_done > 0)
    client.command(folder, "pause")
    process = host(folder)
    shutil.rmtree(folder.path)
    process.wait(timeout=HANG_S)


def test_two_runs_train_at_once(home: Path) -> None:
    folders = [client.start(home, LONG, name=name) for name in ("a", "b")]
    for folder in folders:
        first = wait(folder, lambda run: run.steps_done > 0)
        wait(folder, lambda run, x=first.steps_done: run.steps_done > x)  # type: ignore[misc]
    assert [run.state for run in listing.list_runs(home)] == ["training", "training"]
    for folder in folders:
        client.command(folder, "stop")
    assert all(gone(folder) for folder in folders)


def test_a_file_that_may_not_grow_pauses_the_run_and_nothing_is_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A limit on the size of a file stands for a full disk: the 5 MB checkpoint can't be written, the log can.
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limit[1]))
    try:
        folder = client.start(home, TrainConfig(dataset="demo", epochs=2, threads=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    run = wait(folder, lambda run: run.status == "paused")
    assert run.reason == "cannot_write"
    assert "File too large" in run.warnings[-1].message
    assert run.checkpoints == ()
    assert list(folder.checkpoints.iterdir()) == []  # nothing half-written
    psutil.Process(host(folder).pid).rlimit(psutil.RLIMIT_FSIZE, limit)  # room again
    client.command(folder, "unpause")
    run = wait(folder, lambda run: run.done)
    assert run.status == "finished"
    assert [saved.epoch for saved in run.checkpoints] == [1, 2]


def test_a_bug_in_training_is_told_and_its_traceback_kept(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    write_trusted(
        path,
        "from engine.models.mlp import NeuralNetwork\n"
        "class Late(NeuralNetwork):\n"
        "    def forward(self, x):\n"
        "        if self.training: raise KeyError('not now')\n"
        "        return super().forward(x)\n",
    )
    folder = client.start(home, TrainConfig(dataset="demo", model=f"{path}:Late", threads=1))
    run = wait(folder, lambda run: run.done)
    assert gone(folder)
    assert (run.status, run.reason) == ("failed", "KeyError: 'not now'")
    log = next(event for event in Follower(folder).poll() if isinstance(event, ev.Failed)).log
    assert "line 4, in forward" in Path(log).read_text()


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"model": "gone.py:Net"}, ModelError, r"no such file: /.*gone\.py"),
        ({"device": "cuda:99"}, DeviceError, r"cuda:99 is not on this machine"),
        ({"dataset": "fashion-mnist"}, DataError, r"no Fashion-MNIST found"),
        ({"transform": "gone.py:f"}, ConfigError, r"--transform: no such file"),
    ],
)
def test_what_can_not_start_is_refused_in_one_line_and_leaves_no_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], error: type[Exception], says: str
) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)
    with pytest.raises(error, match=says) as refused:
        client.start(home, TrainConfig(**({"dataset": "demo"} | settings)))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    assert store.run_folders(home) == []
    assert list((home / "runs").iterdir()) == []
