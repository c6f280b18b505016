"""A process that the fork server forks is like one that Python starts: the tests that it serves would see it else."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.fork_server import protocol
from tests.support.waiting import HANG_S, wait_for

FACTS = "tests.support.fork_server.facts"
ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no fork server")


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server fork what the tests here start."""
    launching: Any = sys.modules[subprocess.Popen.__module__]
    monkeypatch.setattr(launching, "MODULES", (FACTS, *launching.MODULES))


def start(*arguments: str, **how: Any) -> "subprocess.Popen[str]":
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT, "start_new_session": True, **how}
    process: subprocess.Popen[str] = subprocess.Popen([sys.executable, "-P", "-m", FACTS, *arguments], text=True, **how)
    return process


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    """The session's fork server. Without one, as on systems that lack what it needs, all processes start cold."""
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-P", "-m", "engine.worker.server", str(ROOT)]
    worker: subprocess.Popen[str] = subprocess.Popen(
        command, text=True, stdin=nothing, stdout=nothing, stderr=nothing, cwd=ROOT, start_new_session=True
    )
    worker.wait(HANG_S)  # it ends with its input
    if not forked(worker):
        pytest.skip("no fork server here: it needs Linux, and FMNIST_TUI_TESTS_FORK is not 0")


def forked(process: "subprocess.Popen[Any]") -> bool:
    return getattr(process, "_forked", None) is not None


def told(*arguments: str, cold: bool = False, **how: Any) -> tuple[dict[str, Any], int, str]:
    """What a process says of itself, its exit code, and its standard error."""
    with pytest.MonkeyPatch.context() as patch:
        if cold:
            how = {"env": dict(os.environ)} | how  # the same, for the process
            patch.delenv(protocol.ADDRESS)
        process = start(*arguments, **how)
    assert forked(process) is not cold
    out, err = process.communicate(timeout=HANG_S)
    return json.loads(out), process.returncode, err


@pytest.fixture
def unusual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a process has from the one that starts it is another one's than the server's."""
    monkeypatch.setenv("TZ", "Asia/Seoul")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("ÄÖ", "\udcff")
    monkeypatch.delenv("FMNIST_TUI_CONFIG")
    limits, umask = resource.getrlimit(resource.RLIMIT_CORE), os.umask(0o027)
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN), signal.signal(signal.SIGUSR2, lambda *_: None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, limits)
    os.umask(umask)
    signal.signal(signal.SIGUSR1, before[0])
    signal.signal(signal.SIGUSR2, before[1])


@pytest.mark.usefixtures("unusual")
@pytest.mark.parametrize("stdin", [None, subprocess.DEVNULL, subprocess.PIPE])
def test_a_forked_process_is_like_one_that_python_starts(stdin: int | None) -> None:
    one, code, said = told("return", "a b", "", "é", stdin=stdin)
    other, other_code, other_said = told("return", "a b", "", "é", stdin=stdin, cold=True)
    for name in other["facts"]:
        assert one["facts"][name] == other["facts"][name], name
    assert (code, said) == (other_code, other_said) == (0, "said\n")


@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_controls_one_as_the_other(nohup: bool) -> None:
    seen = []
    for cold in (False, True):
        master, terminal = pty.openpty()
        found, code, _ = told("return", stdin=terminal, preexec_fn=protocol.OnTerminal(nohup), cold=cold)
        seen.append((found["facts"]["terminal"], found["facts"]["signals"], code))
        os.close(terminal)
        os.close(master)
    assert seen[0] == seen[1]
    assert seen[0][0] is True


def test_what_comes_in_and_goes_out(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("given\n")
    with open(tmp_path / "in") as given, open(tmp_path / "out", "w") as out:
        process = start("return", "read", stdin=given, stdout=out, stderr=out)
        assert forked(process)
        assert process.wait(HANG_S) == 0
    answer, said = sorted((tmp_path / "out").read_text().splitlines())
    assert json.loads(answer if answer.startswith("{") else said)["read"] == "given\n"
    process = start("return", "read", stdin=subprocess.PIPE)
    assert forked(process)
    out_text, _ = process.communicate("typed", timeout=HANG_S)
    assert json.loads(out_text)["read"] == "typed"


@pytest.mark.parametrize(
    "how", ["return", "exit 0", "exit 3", "exit text", "raise", "signal 9", "signal 15", "signal 2"]
)
def test_how_it_ends(how: str) -> None:
    """With the same exit code and the same last line of standard error, in whichever way it is waited for."""
    _, code, said = told(how)
    _, other_code, other_said = told(how, cold=True)
    assert code == other_code
    assert said.splitlines()[-1] == other_said.splitlines()[-1]
    process = start(how, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: process.poll() is not None, "its end")
    assert process.returncode == code
    assert process.wait() == code


def test_each_has_its_own_chance() -> None:
    first, second = (told("return")[0]["chance"] for _ in range(2))
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_its_id_is_its_own_until_it_is_waited_for() -> None:
    process = start("signal 0")  # which does nothing: it sleeps
    assert forked(process)
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid  # from the start
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, "its end")
    process.kill()  # as of any process that has ended
    assert process.wait() == -signal.SIGKILL
    assert not psutil.pid_exists(process.pid)


def test_two_threads_may_wait() -> None:
    process = start("signal 0", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    codes = list[int]()
    threads = [threading.Thread(target=lambda: codes.append(process.wait())) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert process.poll() is None
    process.terminate()
    for thread in threads:
        thread.join(HANG_S)
    assert codes == [-signal.SIGTERM] * 2


def test_it_outlives_who_asked_for_it_and_belongs_to_nobody_then() -> None:
    code = (
        "import subprocess, sys, os\n"
        f"sys.modules[subprocess.Popen.__module__].MODULES = ({FACTS!r},)\n"
        f"process = subprocess.Popen([sys.executable, '-P', '-m', {FACTS!r}, 'signal 0'], start_new_session=True,"
        " stdout=subprocess.DEVNULL)\n"
        "print(process.pid, process._forked is not None, flush=True)\n"
        "os._exit(0)"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    pid, was_forked = shown.stdout.split()
    assert was_forked == "True"
    process = psutil.Process(int(pid))
    try:
        parent = process.parent()
        wait_for(lambda: parent is None or not parent.is_running() or process.ppid() != parent.pid, "its parent's end")
        assert process.status() != psutil.STATUS_ZOMBIE
    finally:
        process.kill()
        process.wait(HANG_S)


@pytest.mark.parametrize(
    "differs",
    [
        {"PYTHONUTF8": "0"}, {"LC_ALL": "C"}, {"OMP_NUM_THREADS": "2"}, {"LD_PRELOAD": ""}, {"PYTHONPATH": "/nowhere"},
    ],
)  # fmt: skip
def test_what_an_interpreter_reads_at_its_start_is_read(differs: dict[str, str]) -> None:
    """A process whose interpreter, or whose libraries, would start in another way is started as ever."""
    process = start("return", env={**os.environ, **differs})
    process.communicate(timeout=HANG_S)
    assert not forked(process)


def test_what_can_not_be_started_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        start("return", cwd=tmp_path / "gone")


def test_without_a_server_a_process_starts_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (tmp_path / "none", tmp_path):
        monkeypatch.setenv(protocol.ADDRESS, str(address))
        process = start("exit 3", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert not forked(process)
        assert process.wait(HANG_S) == 3


SESSION = """
import os, subprocess, sys
from tests.support.fork_server import session
server = session.begin()
sys.modules[subprocess.Popen.__module__].MODULES = ({facts!r},)
process = subprocess.Popen([sys.executable, "-P", "-m", {facts!r}, "return"], start_new_session=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
process.wait()
print(server._server.pid, server._folder, process._forked is not None, flush=True)
{end}
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["server.close()", "os.kill(os.getpid(), 9)"])
def test_the_server_ends_with_its_session(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(protocol.ADDRESS)
    code = SESSION.format(facts=FACTS, end=end)
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=HANG_S)
    pid, folder, was_forked = shown.stdout.split()
    assert was_forked == "True"
    wait_for(
        lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE, "its end"
    )
    assert not Path(folder).exists()
