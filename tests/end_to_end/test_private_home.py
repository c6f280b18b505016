"""A home folder under a umask of 000: all that the program makes in it is its owner's alone."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import home as homes
from engine.home import Home
from engine.lab import course
from engine.runs import client, store
from engine.worker import bugs
from engine.worker.client import WorkerClient
from tests.support.labs import end, opened
from tests.support.terminal import PROGRAM, Terminal
from tests.support.waiting import wait_for
from tui import crash

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def others_may_read(*places: Path) -> list[str]:
    """What there is in these folders, they included, that is not of the mode 0700, or for files and sockets 0600."""
    found = []
    for place in places:
        for path in (place, *place.rglob("*")):
            mode = path.lstat().st_mode
            wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != wanted:
                found.append(f"{path.relative_to(place)} {stat.filemode(mode)}")
    return found


def kinds(home: Path) -> set[str]:
    """The names of the files there, without what is of a run, an epoch or a key."""
    return {path.name.split("-")[0] for path in home.rglob("*")}


def run(*arguments: str) -> str:
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout


def test_runs_and_what_is_read_of_them(home: Path, tmp_path: Path) -> None:
    run_id = run("train", "--dataset", "demo", "--epochs", "1000", "--threads", "1", "--detach").strip()
    folder = Home(home).run(run_id)
    wait_for(lambda: list(folder.checkpoints.glob("epoch-0001.pt")), "a checkpoint")
    record = store.read_host(folder)
    assert record is not None
    socket = Path(record.socket)  # in a folder of its own where its path would be too long
    assert socket.is_socket()
    assert others_may_read(home, socket.parent) == []  # while it trains
    client.command(folder, "stop")
    wait_for(lambda: not store.alive(folder), "its end")
    run("branch", run_id, "--at", "1", "epochs=2")
    run("eval", f"{run_id}@1", "--dataset", "demo")
    run("runs")
    (tmp_path / "net.py").write_text("import engine.models.mlp\n\n\nclass Net(engine.models.mlp.NeuralNetwork): pass\n")
    run("model", f"{tmp_path / 'net.py'}:Net", "--dataset", "demo")
    assert others_may_read(home, homes.trusted_code_file().parent) == []
    assert {"events.jsonl", "host.log", "run.json", "manifest.json", "summary.json", "evaluation"} <= kinds(home)


def test_the_app_and_the_worker_process(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings" / "config.toml"
    with Terminal([PROGRAM, "--dataset", "demo", "--config", str(config)]) as terminal:
        terminal.wait_for("of 6,000")
        terminal.press("-")  # kept in the file of settings
        terminal.press("4")
        terminal.wait_for("669,706 parameters")
        terminal.press("5")
        terminal.wait_for("Checkpoints")
        terminal.press("q")
        terminal.exit_code()
    worker = WorkerClient(home)
    worker.prepare()
    worker.close()
    bugs.record(home, ValueError("x"))
    crash.record(home, ValueError("x"))
    assert {"worker.log", "fmnist"} <= kinds(home)
    assert config.is_file()
    assert others_may_read(home, config.parent) == []


def test_a_home_that_a_log_is_the_first_file_of(home: Path) -> None:
    crash.record(home / "deep" / "home", ValueError("x"))
    assert others_may_read(home) == []


def test_labs_and_documents(home: Path) -> None:
    document = Home(home).documents / "course" / "1.py"
    chapter = course.chapters("en")[0]
    course.copy_file(chapter.path, document)
    lab = opened(home, document).ready()
    try:
        lab.run("1 + 1")
        assert others_may_read(home) == []
        assert {"lab.json", "host.log", "events.jsonl", "host.lock"} <= kinds(home)
    finally:
        lab.close()
        end(home, document)
    assert others_may_read(home) == []
