"""Homes on file systems that know no locks, hard links, Unix sockets, or fsync; and machines without a HOME."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runs import store
from tests.support.waiting import HANG_S, wait_for

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "--dataset", "demo", "--threads", "1", "--epochs", "1"]
# Every Python that is started reads it: what its file systems know is taken away.
SHIM = """
import errno, fcntl, os, pwd, socket, stat

def refuse(module, name, code, wanted=lambda *_: True):
    real = getattr(module, name)
    def refusing(*arguments, **more):
        if wanted(*arguments):
            raise OSError(code, os.strerror(code))
        return real(*arguments, **more)
    setattr(module, name, refusing)

lacks = os.environ["LACKS"].split()
if "flock" in lacks:
    refuse(fcntl, "flock", errno.ENOLCK)
if "link" in lacks:
    refuse(os, "link", errno.EPERM)
if "fsync" in lacks:
    refuse(os, "fsync", errno.EINVAL)
if "folder-fsync" in lacks:
    refuse(os, "fsync", errno.EINVAL, lambda file: stat.S_ISDIR(os.fstat(file).st_mode))
if "folder-open" in lacks:
    refuse(os, "open", errno.EACCES, lambda path, flags, *_: flags == os.O_RDONLY and os.path.isdir(path))
if "sockets" in lacks:
    refuse(socket.socket, "bind", errno.EOPNOTSUPP, lambda one, at: one.family == socket.AF_UNIX)
if "sockets-at-home" in lacks:
    refuse(socket.socket, "bind", errno.EOPNOTSUPP, lambda one, at: "/home/" in str(at))
if "passwd" in lacks:
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")
    pwd.getpwuid = nobody
"""


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    (tmp_path / "shim").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    return tmp_path


def run(shim: Path, lacks: str, *arguments: str, **env: str | None) -> "subprocess.CompletedProcess[str]":
    """`env`: variables, None to unset."""
    environment = {name: value for name, value in os.environ.items() if name != "FMNIST_TUI_DATA"}
    environment |= {"PYTHONPATH": f"{shim / 'shim'}:{ROOT}", "LACKS": lacks, "TMPDIR": str(shim / "tmp")}
    for name, value in env.items():
        environment.pop(name, None)
        environment |= {name: value} if value is not None else {}
    command = [sys.executable, "-m", "tui.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, env=environment, cwd=shim)


@pytest.mark.slow
@pytest.mark.parametrize("lacks", ["flock link folder-fsync sockets-at-home", "flock link fsync folder-open"])
def test_a_home_that_knows_little_holds_runs_all_the_same(lacks: str, shim: Path, home: Path) -> None:
    trained = run(shim, lacks, *TRAIN)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "finished 1 epoch" in trained.stdout
    branched = run(shim, lacks, "branch", "last", "epochs=2", "--detach")
    assert (branched.returncode, branched.stderr) == (0, "")
    stopped = run(shim, lacks, "stop", "last")  # through the control socket, wherever it is
    assert stopped.returncode == 0 or "is not running: finished" in stopped.stderr
    wait_for(lambda: not store.alive(store.find(home, "last")), "the end of its process")
    resumed = run(shim, lacks, "resume", "last", "--epochs", "3")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert [path.name for path in shim.glob("tmp/fmnist*")] == []
    record = store.read_host(store.find(home, "last"))
    assert record is not None
    assert not Path(record.socket).exists()
    assert not Path(record.socket).parent.name.startswith("fmnist-tui") or not Path(record.socket).parent.exists()


@pytest.mark.slow
def test_without_any_sockets_it_says_so_and_leaves_everything_as_it_was(shim: Path, home: Path) -> None:
    first = run(shim, "", *TRAIN)
    assert first.returncode == 0
    (folder,) = home.glob("runs/*")
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for arguments in (TRAIN, [*TRAIN, "--detach"], ["branch", "last", "epochs=2"], ["resume", "last", "--epochs", "2"]):
        refused = run(shim, "sockets", *arguments)
        assert refused.returncode == 2
        assert "cannot make the run's control socket" in refused.stderr
        assert "Operation not supported" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert list(home.glob("runs/*")) == [folder]
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
        assert [path.name for path in shim.glob("tmp/fmnist*")] == []


@pytest.mark.parametrize("home_variable", [None, ""])
def test_a_person_without_a_home_folder_is_asked_for_one(home_variable: str | None, shim: Path, home: Path) -> None:
    nowhere = {"FMNIST_TUI_HOME": None, "HOME": home_variable, "USER": None, "LOGNAME": None, "XDG_DATA_HOME": None}
    for arguments in (["runs"], ["watch", "last"], TRAIN):
        refused = run(shim, "passwd", *arguments, **nowhere)
        assert refused.returncode == 2
        assert "choose a folder with --home or FMNIST_TUI_HOME" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert sorted(os.listdir(shim)) == ["shim", "tmp"]


@pytest.mark.slow
def test_with_a_folder_given_nothing_else_needs_a_home(shim: Path, home: Path) -> None:
    nowhere = {"HOME": None, "USER": None, "LOGNAME": None}
    trained = run(shim, "passwd", *TRAIN, "--home", str(home), **nowhere)
    assert (trained.returncode, trained.stderr) == (0, "")
    for arguments in (["runs"], ["model", "last", "--parameters"], ["inspect", "last"], ["data", "--dataset", "demo"]):
        found = run(shim, "passwd", *arguments, **nowhere)
        assert (found.returncode, found.stderr) == (0, "")
