"""Dropped connections, stuck terminals and killed processes, in real terminals; and what brings a run back, by keys."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.home import RunFolder
from engine.runs import client, listing, store
from engine.runs.verify_resume import kill
from tests.end_to_end.test_app import has_gone_on, long, state
from tests.end_to_end.test_cli import TRAIN, fmnist_tui
from tests.support.terminal import PROGRAM, Terminal
from tests.support.unhurried import unhurried
from tests.support.waiting import HANG_S, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def the_demo_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Iterator[RunFolder]:
    folder = client.start(home, long(tmp_path), name="long")
    yield folder
    kill(folder)


@pytest.mark.parametrize("how", ["terminal closed", "SIGHUP to the process group", "kill -9", "SIGTERM"])
def test_whatever_happens_to_the_app_the_host_goes_on_and_the_app_is_gone(run: RunFolder, how: str) -> None:
    terminal = Terminal([PROGRAM, "watch", "last"], columns=80, rows=24)
    terminal.wait_for("samples/s")
    app = psutil.Process(terminal.process.pid)
    children = app.children(recursive=True)
    match how:
        case "terminal closed":
            terminal.hang_up()
        case "SIGHUP to the process group":
            os.killpg(os.getpgid(app.pid), signal.SIGHUP)
        case "kill -9":
            os.kill(app.pid, signal.SIGKILL)
        case "SIGTERM":
            os.kill(app.pid, signal.SIGTERM)
    terminal.exit_code()  # benchmarks.survival measures how long it takes
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert has_gone_on(run)
    terminal.hang_up()


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_the_host_outlives_its_tmux_session(run: RunFolder, home: Path, tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")
    tmux = ["tmux", "-S", socket, "-f", "/dev/null"]
    env = {**os.environ, "FMNIST_TUI_HOME": str(home), "TERM": "xterm-256color"}
    subprocess.run([*tmux, "new-session", "-d", "-x", "80", "-y", "24", f"{PROGRAM} watch last"], check=True, env=env)
    try:
        shown = lambda: subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout  # noqa: E731
        wait_for(lambda: "samples/s" in shown(), "the app in tmux")
        pane = subprocess.run([*tmux, "list-panes", "-F", "#{pane_pid}"], capture_output=True, text=True, check=True)
        inside = psutil.Process(int(pane.stdout))
        apps = [inside, *inside.children(recursive=True)]
        subprocess.run([*tmux, "kill-session"], check=True)
        _, left = psutil.wait_procs(apps, timeout=HANG_S)
        assert not left
        assert has_gone_on(run)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True)


def test_a_terminal_that_nobody_reads_slows_no_training_and_holds_up_no_end(home: Path, tmp_path: Path) -> None:
    """`train` in the foreground, on a terminal whose other end is never read: its bars fill the buffer."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [PROGRAM, *TRAIN, "--epochs", "100000", "--model", unhurried(tmp_path), "--batch-size", "1000"],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    try:
        os.close(terminal)
        wait_for(lambda: store.run_folders(home), "the run")
        (folder,) = store.run_folders(home)
        # So many epochs' lines and bars as no terminal's buffer holds.
        wait_for(lambda: state(folder).epoch > 40, "epoch 41")
        assert has_gone_on(folder)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=HANG_S) == 128 + signal.SIGTERM
        assert state(folder).reason == "SIGTERM"
        end = state(folder)
        assert end.checkpoints[-1].reason in ("stop", "epoch")  # where it stopped at the end of one
        assert (end.checkpoints[-1].epoch, end.checkpoints[-1].step) == (end.epoch, end.step)
    finally:
        os.close(master)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def test_two_apps_see_what_each_other_did(run: RunFolder) -> None:
    with (
        Terminal([PROGRAM, "watch", "long"], columns=120, rows=40) as one,
        Terminal([PROGRAM, "watch", "long"], columns=80, rows=24) as other,
    ):
        one.wait_for("samples/s")
        other.wait_for("samples/s")
        one.press("+")
        other.wait_for("lr 2e-3")
        other.press("space")
        one.wait_for("paused")
        one.press("space")
        other.wait_for("training")
        other.press("-")
        one.wait_for("sgd lr 1e-3")
    assert has_gone_on(run)


def test_a_killed_run_is_brought_back_and_branched_off_by_keys(home: Path, tmp_path: Path) -> None:
    folder = client.start(home, replace(long(tmp_path), batch_size=1000), name="long")
    with Terminal([PROGRAM, "watch", "last"], columns=120, rows=40) as terminal:
        terminal.wait_for("samples/s")
        wait_for(lambda: state(folder).epoch > 3, "epoch 4")
        kill(folder)
        terminal.wait_for("space resumes from its newest checkpoint")
        before = state(folder)
        terminal.press("space")
        wait_for(lambda: state(folder).resumes, "the resume")
        terminal.wait_for("training")
        assert state(folder).resumes[0].epoch <= before.epoch
        assert has_gone_on(folder)
        terminal.press("c")
        terminal.wait_for("Change long")
        terminal.press("momentum=0.5", "enter")
        wait_for(lambda: state(folder).edits, "the edit")
        terminal.press("[", pause=0.5)
        terminal.press("[", pause=0.5)
        terminal.press("b")
        terminal.wait_for("Branch off long")
        terminal.press("lr=/2 name=slower", "enter", pause=0.3)
        terminal.wait_for("─ slower ─")
        terminal.wait_for("··· parent")
        terminal.press("3")
        terminal.wait_for("└ slower")
        terminal.press("2", "x")
        terminal.wait_for("stop and save")
        terminal.press("s")
        terminal.wait_for("stopped")
    (branch,) = [one for one in store.run_folders(home) if one != folder]
    assert listing.summary(branch).parent == folder.id
    kill(folder)


def test_resume_branch_and_set_on_the_command_line(home: Path) -> None:
    first = fmnist_tui(*TRAIN, "--epochs", "2", "--name", "base")
    assert first.returncode == 0
    complete = fmnist_tui("resume", "base")
    assert complete.returncode == 2
    assert re.search(r"is complete, 2 of 2 epochs; for more: fmnist-tui resume \S+ --epochs 12", complete.stderr)
    more = fmnist_tui("resume", "base", "--epochs", "3")
    assert more.returncode == 0
    assert "resumed after epoch 2" in more.stdout
    assert "epochs 2 → 3" in more.stdout
    assert "finished 3 epochs" in more.stdout
    branch = fmnist_tui("branch", "base", "--at", "2", "lr=3e-3", "epochs=4", "--name", "faster")
    assert branch.returncode == 0, branch.stderr
    assert "epoch 4/4" in branch.stdout
    assert "epoch 2/4" not in branch.stdout
    table = fmnist_tui("runs").stdout
    assert re.search(r"base .*\n└ \S+ faster ", table)
    shown = json.loads(fmnist_tui("runs", "--json").stdout)
    assert [one["parent_epoch"] for one in shown] == [2, 0]
    for arguments, says in {
        "branch base --at 2:13": "no checkpoint at epoch 2, step 13; nearest: 1 or 2",
        "branch base --at soon": "give an epoch such as 3",
        "branch base model=cnn": "keeps its parent's model",
        "branch base lr": "'lr' is not of the form SETTING=VALUE",
        "set base lr=1": "is not running: finished",
        "set base": "the following arguments are required: SETTING=VALUE",
        "resume base --threads many": "--threads: 'many' is not an integer",
        "resume base --device cuda:9 --epochs 9": "cuda:9 is not on this machine",
        "verify-resume --at 0": "--at: 0 is out of range",
    }.items():
        refused = fmnist_tui(*arguments.split())
        assert refused.returncode == 2, arguments
        assert says in refused.stderr, (arguments, refused.stderr)
        assert len(refused.stderr.splitlines()) == 1


def test_a_run_can_be_prepared_for_somebody_else_to_start(home: Path) -> None:
    shown = fmnist_tui(*TRAIN, "--epochs", "1", "--nproc", "2", "--prepare")
    (folder,) = store.run_folders(home)
    line = f"torchrun --standalone --nproc-per-node=2 -m engine.runs.host {folder}"
    assert (shown.returncode, shown.stdout) == (0, line + "\n")
    assert listing.summary(folder).state == "prepared"
    torchrun = str(Path(PROGRAM).with_name("torchrun"))
    ended = subprocess.run([torchrun, *line.split()[1:]], capture_output=True, timeout=HANG_S, text=True)
    assert ended.returncode == 0, ended.stderr
    assert listing.summary(folder).state == "finished"


def test_interrupting_a_detached_start_leaves_no_run(home: Path) -> None:
    process = subprocess.Popen(
        [PROGRAM, *TRAIN, "--detach"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # not ignored, as in the background
    )  # fmt: skip
    wait_for(lambda: list((home / "runs").glob("*/host.log")), "the host's log")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=HANG_S)
    assert (process.returncode, out) == (130, b"")
    assert not list((home / "runs").iterdir())
