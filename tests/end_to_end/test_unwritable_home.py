"""A home folder that is read-only, or whose disk is full: what must write is one line and exit code 2, what reads
works, and the app opens and says it."""

import builtins
import errno
import io
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import client
from engine.training.config import TrainConfig
from engine.worker.client import WorkerClient
from tests.support.terminal import PROGRAM, Terminal
from tests.support.trained import TrainOnce
from tui.cli.main import main

pytestmark = pytest.mark.slow

DEMO = ("--dataset", "demo", "--epochs", "1", "--threads", "1")
WRITING = {
    "train": ["train", *DEMO],
    "train, detached": ["train", *DEMO, "--detach"],
    "train, prepared": ["train", *DEMO, "--prepare"],
    "train, two processes": ["train", *DEMO, "--nproc", "2"],
    "resume": ["resume", "last", "--epochs", "2"],
    "resume, detached": ["resume", "last", "--epochs", "2", "--detach"],
    "branch": ["branch", "last", "epochs=2"],
    "branch, detached": ["branch", "last", "epochs=2", "--detach"],
    "branch of a file": ["branch", "{checkpoint}", "epochs=2"],
    "verify-resume": ["verify-resume", "--dataset", "demo", "--threads", "1", "--steps", "4", "--at", "2"],
    "convert": ["convert", "{checkpoint}", "{home}/out.pth"],
    "data": ["data", "--download"],
}
READING = {
    "runs": ["runs"],
    "model": ["model", "last"],
    "eval": ["eval", "last@1"],
    "inspect": ["inspect", "last@1"],
    "data": ["data", "--dataset", "demo"],
    "config": ["config"],
}
WORDS = {errno.EROFS: "Read-only file system", errno.ENOSPC: "No space left on device"}


@pytest.fixture
def run(home: Path, train_once: TrainOnce, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A finished run in the home."""
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)
    folder = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1), "")
    folder.host_json.unlink()  # this process
    return folder


def filled(command: list[str], run: RunFolder) -> list[str]:
    return [part.format(checkpoint=run.checkpoint("epoch-0001.pt"), home=run.home.path) for part in command]


def refuse(monkeypatch: pytest.MonkeyPatch, home: Path, code: int) -> None:
    """Let every call that would write into the home fail, as that file system does it."""

    def inside(*paths: Any) -> bool:
        return any(isinstance(one, str | os.PathLike) and os.fspath(one).startswith(str(home)) for one in paths)

    def refusing(call: Callable[..., Any], writes: Callable[..., bool], *given: Any, **more: Any) -> Any:
        if inside(*given[:2]) and writes(*given, **more):
            raise OSError(code, os.strerror(code), str(given[0]))
        return call(*given, **more)

    def opens(path: Any, flags: int, *_: Any, **__: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def file_opens(path: Any, mode: str = "r", *_: Any, **__: Any) -> bool:
        return mode[:1] in "wax" or "+" in mode

    for name in ("mkdir", "replace", "rename", "link", "symlink", "truncate"):
        monkeypatch.setattr(os, name, partial(refusing, getattr(os, name), lambda *_, **__: True))
    monkeypatch.setattr(os, "open", partial(refusing, os.open, opens))
    opened = partial(refusing, io.open, file_opens)
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)
    if code == errno.EROFS:
        access = os.access
        monkeypatch.setattr(
            os, "access", lambda path, mode: access(path, mode) and not (inside(path) and mode & os.W_OK)
        )
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))


@pytest.mark.parametrize("code", WORDS, ids=["read-only", "full"])
@pytest.mark.parametrize("name", WRITING)
def test_what_must_write_says_so_in_one_line(
    run: RunFolder, name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(run.home.path.rglob("*"))
    refuse(monkeypatch, run.home.path, code)
    assert main(filled(WRITING[name], run)) == 2
    monkeypatch.undo()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fmnist-tui: ")]
    assert len(said) == 1
    assert WORDS[code] in said[0] or (code == errno.ENOSPC and "the disk is full" in said[0])
    assert str(run.home.path) in said[0]
    assert sorted(run.home.path.rglob("*")) == before


@pytest.mark.parametrize("code", WORDS, ids=["read-only", "full"])
def test_what_reads_works(run: RunFolder, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, run.home.path, code)
    assert {name: main(filled(command, run)) for name, command in READING.items()} == dict.fromkeys(READING, 0)


def test_a_host_that_can_not_say_why_it_did_not_start_is_spoken_for(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is full: neither an answer nor its log can be written."""
    monkeypatch.setattr(client, "host_command", lambda folder, arguments: ["false"])
    with pytest.raises(RunError, match="process died while starting"):
        client.resume(run)
    refuse(monkeypatch, run.checkpoints.parent / "ready-", errno.ENOSPC)
    with pytest.raises(RunError, match=rf"can't start: cannot write to {run.path} \(No space left on device\)$"):
        client.resume(run)


def test_the_worker_process_needs_no_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, home, errno.EROFS)
    worker = WorkerClient(home)
    worker.prepare()
    assert worker.started
    worker.close()


# With a file system that is so


def mounted(script: str, home: Path, *arguments: str) -> list[str]:
    """A command line that runs the program in a mount namespace of its own, after `script`, in which $1 is the home."""
    rest = 'shift; exec "$@"'
    return ["unshare", "-r", "-m", "sh", "-ec", f"{script}; {rest}", "sh", str(home), PROGRAM, *arguments]


READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
FULL = (
    'cp -a "$1" "$1.copy"; mount -t tmpfs -o size=16m none "$1"; cp -a "$1.copy/." "$1"; '
    'dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null || true'
)


@pytest.fixture
def _mounts(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    command = mounted(READ_ONLY, tmp_path / "empty")[:-1]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs a mount namespace of one's own")


@pytest.mark.usefixtures("_mounts")
@pytest.mark.parametrize("script", [READ_ONLY, FULL], ids=["read-only", "full"])
@pytest.mark.parametrize("name", ["train", "resume, detached", "convert", "convert to safetensors"])
def test_what_must_write_says_so_where_the_file_system_is_so(run: RunFolder, name: str, script: str) -> None:
    commands = {**WRITING, "convert to safetensors": ["convert", "{checkpoint}", "{home}/out.safetensors"]}
    command = mounted(script, run.home.path, *filled(commands[name], run))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in ended.stderr.splitlines() if line.startswith("fmnist-tui: ")]
    assert (ended.returncode, len(said)) == (2, 1), ended.stderr
    assert WORDS[errno.EROFS if script == READ_ONLY else errno.ENOSPC] in said[0]


@pytest.mark.usefixtures("_mounts")
def test_the_app_opens_on_a_read_only_home_and_says_it(run: RunFolder) -> None:
    with Terminal(mounted(READ_ONLY, run.home.path, "--dataset", "demo"), columns=140, rows=45) as terminal:
        terminal.wait_for("(Read-only file system)")
        terminal.press("3")
        terminal.wait_for("finished")
        terminal.press("5", "enter")
        terminal.wait_for("linear_relu_stack.0.weight")  # the worker process has read the file
        terminal.press("q")
        assert terminal.exit_code() == 0
