"""A lab's host with a real kernel: what runs, what is skipped, and how it ends."""

import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import LabError
from engine.inspection.kernel_requests import EvaluateRequest
from engine.lab import log
from engine.lab.events import InputAnswered, InputAsked, KernelChanged, RunOutput, RunOutputs
from engine.lab.kernel import ALONE
from engine.lab.state import fold
from tests.support.labs import Following, end, opened, text_of
from tests.support.waiting import wait_for

STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on', flush=True)\nwhile True: pass"

pytestmark = pytest.mark.usefixtures("light_kernels")


@pytest.fixture(scope="module")
def shared(light_kernels: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Following]:
    """A lab of all tests of this module that leave its kernel as it is."""
    folder = tmp_path_factory.mktemp("lab")
    lab = opened(folder / "home", folder / "shared.py").ready()
    yield lab
    end(folder / "home", folder / "shared.py")


@pytest.fixture
def own(tmp_path: Path, home: Path) -> Iterator[Following]:
    """A lab of one test alone."""
    lab = opened(home, tmp_path / "own.py").ready()
    yield lab
    end(home, tmp_path / "own.py")


@pytest.fixture
def asked(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    """A lab of one test alone, whose kernel answers questions about its variables."""
    for name in ALONE:
        monkeypatch.delenv(name)
    lab = opened(home, tmp_path / "own.py").ready()
    yield lab
    end(home, tmp_path / "own.py")


def test_the_outputs_of_a_cell_come_and_its_names_stay(shared: Following) -> None:
    first, second = shared.run("x = 20\nprint('printed')\nx + 1", "x")
    assert (first.phase, second.phase) == ("ok", "ok")
    assert (text_of(first), text_of(second)) == ("printed\n21", "20")
    assert second.count == (first.count or 0) + 1


def test_what_comes_within_a_moment_is_one_event(shared: Following) -> None:
    before = len(shared.events)
    shared.run("for i in range(50): print(i, flush=True)")
    came = [event for event in shared.events[before:] if isinstance(event, RunOutput)]
    assert "".join(event.content["text"] for event in came).split() == [str(i) for i in range(50)]
    assert len(came) < 50


def test_what_a_kernel_shows_in_a_pager_is_an_output(shared: Following) -> None:
    (run,) = shared.run("len?")
    assert "Return the number of items in a container" in text_of(run)
    assert "\x1b" not in text_of(run)


def test_after_a_cell_that_fails_those_that_wait_are_skipped(shared: Following) -> None:
    first, second, third = shared.run("1", "a = 1\n1 / 0", "print('never')")
    assert (first.phase, second.phase, third.phase) == ("ok", "error", "skipped")
    assert (second.error, second.line) == ("ZeroDivisionError: division by zero", 2)
    assert (third.nodes, third.error) == ([], "a cell before it failed (ZeroDivisionError)")
    *_, last = shared.run("1 / 0", "'goes on'", stop_on_error=False)
    assert text_of(last) == "'goes on'"


def test_input_is_answered(shared: Following) -> None:
    (name,) = shared.begin("answer = input('name? ')\nanswer")
    shared.until(lambda state: name in state.cells and state.cells[name].asked, "a question")
    asked = next(event for event in reversed(shared.events) if isinstance(event, InputAsked))
    assert (asked.prompt, asked.password) == ("name? ", False)
    shared.client.answer_input("Ada")
    assert text_of(shared.ended(name)) == "'Ada'"
    assert any(isinstance(event, InputAnswered) and event.run == asked.run for event in shared.events)
    with pytest.raises(LabError, match="no cell waits for a line"):
        shared.client.answer_input("again")


def test_an_interrupt_ends_the_cell_and_skips_the_rest(shared: Following) -> None:
    shared.run("kept = 5")
    long, waiting = shared.begin("print('on', flush=True)\nimport time\ntime.sleep(1e6)", "1")
    shared.says(long, "on")
    shared.client.interrupt()
    assert shared.ended(long).phase == "interrupted"
    assert shared.ended(long).error == "KeyboardInterrupt"
    assert (shared.ended(waiting).phase, shared.ended(waiting).error) == ("skipped", "a cell before it was interrupted")
    assert text_of(*shared.run("kept")) == "5"


def test_an_interrupt_ends_a_cell_that_waits_for_a_line(shared: Following) -> None:
    (name,) = shared.begin("input()")
    shared.until(lambda state: name in state.cells and state.cells[name].asked, "a question")
    shared.client.interrupt()
    assert shared.ended(name).phase == "interrupted"
    assert shared.ended(name).asked is None


def test_an_interrupt_right_after_the_start_is_not_lost(shared: Following) -> None:
    for _ in range(10):
        (name,) = shared.begin("while True: pass")
        shared.client.interrupt()
        assert shared.ended(name).phase in ("interrupted", "skipped")
    assert text_of(*shared.run("'alive'")) == "'alive'"


def test_an_interrupt_of_nothing_does_nothing(shared: Following) -> None:
    shared.client.interrupt()
    assert text_of(*shared.run("2 + 2")) == "4"


def test_what_a_thread_prints_after_the_end_is_of_its_cell(shared: Following) -> None:
    late = "import threading, time\ndef late():\n    time.sleep(0.3)\n    print('late')\n"
    code = f"{late}threading.Thread(target=late).start()"
    (run,) = shared.run(code)
    assert "late" not in text_of(run)
    shared.says(run.cell, "late")
    assert shared.state.cells[run.cell].phase == "ok"


def test_what_a_thread_prints_after_a_question_about_the_variables_is_kept(asked: Following) -> None:
    late = "import threading, time\ndef late():\n    go.wait()\n    print('after the question')\n    done.set()\n"
    code = f"{late}go, done = threading.Event(), threading.Event()\nthreading.Thread(target=late).start()\n0"
    (run,) = asked.run(code)
    asked.client.ask(EvaluateRequest("go.set() or done.wait()"))
    asked.until(lambda state: "after the question" in text_of(state.cells[run.cell]), "the thread's words")


def test_very_many_lines_are_bounded(shared: Following) -> None:
    before, size = len(shared.events), shared.client.folder.events.stat().st_size
    (run,) = shared.run("for i in range(300_000): print(i)")
    (node,) = run.nodes
    assert node["text"].startswith("0\n1\n2\n")
    assert "lines left out" in node["text"]
    assert node["text"].endswith("299998\n299999\n")
    came = [event for event in shared.events[before:] if isinstance(event, RunOutput)]
    assert sum(event.content["text"].count("\n") for event in came) <= 1000 + 1
    assert shared.client.folder.events.stat().st_size - size < 500_000
    logged = fold(event for part in log.read(shared.client.folder.events) for event in part)
    assert logged.cells[run.cell].nodes == run.nodes


def test_an_endless_loop_that_prints_can_be_followed_and_interrupted(shared: Following) -> None:
    before = len(shared.events)
    (name,) = shared.begin("i = 0\nwhile True:\n    i += 1\n    print('line', i)")
    shared.until(
        lambda _: any(isinstance(event, RunOutputs) and not event.seq for event in shared.events[before:]), "all"
    )
    shared.client.interrupt()
    assert shared.ended(name).phase == "interrupted"
    assert shared.ended(name).nodes[-1]["ename"] == "KeyboardInterrupt"


def test_it_is_the_owners_alone(shared: Following) -> None:
    socket = Path(shared.host.socket)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert len(os.fsencode(socket)) <= 100
    assert not psutil.Process(shared.host.pid).net_connections("inet")


def test_it_has_a_session_of_its_own_and_a_hangup_does_not_end_it(shared: Following) -> None:
    assert os.getsid(shared.host.pid) == shared.host.pid
    os.kill(shared.host.pid, signal.SIGHUP)
    assert text_of(*shared.run("'alive'")) == "'alive'"


def test_the_kernel_gets_the_home_folder_and_the_documents(shared: Following) -> None:
    (run,) = shared.run("import os\nprint(os.environ['FMNIST_TUI_HOME'])\nprint(os.getcwd())")
    home = shared.client.folder.home.path
    assert text_of(run).splitlines() == [str(home), str(home.parent)]


def test_a_restart_is_another_generation_without_the_names(own: Following) -> None:
    own.run("x = 1")
    (running,) = own.begin("print('on', flush=True)\nwhile True: pass")
    own.says(running, "on")
    own.client.restart()
    own.until(lambda state: state.generation == 2 and state.phase == "ready", "another kernel")
    assert own.ended(running).phase == "interrupted"
    (run,) = own.run("x")
    assert run.error == "NameError: name 'x' is not defined"
    assert run.generation == 2


def test_a_restart_that_clears_leaves_nothing_of_what_ran_before(own: Following, home: Path, tmp_path: Path) -> None:
    own.run("print('first')")
    (running, waiting) = own.begin("print('on', flush=True)\nwhile True: pass", "1")
    own.says(running, "on")
    last = own.client.restart(clear=True)
    own.until(lambda state: state.generation == 2 and state.phase == "ready", "another kernel")
    assert own.state.cells == {}
    assert last == 3
    (run,) = own.run("print('second')")
    assert run.run == 4
    again = opened(home, tmp_path / "own.py").ready()  # who comes later, too
    try:
        again.until(lambda state: bool(state.cells), "the cell")
        assert [text_of(one) for one in again.state.cells.values()] == ["second\n"]
        assert waiting not in again.state.cells
    finally:
        again.close()


@pytest.mark.slow
def test_a_kernel_that_does_not_obey_is_killed(own: Following) -> None:
    (name, waiting) = own.begin(STUBBORN, "1")
    own.says(name, "on")
    own.client.interrupt()
    assert own.ended(name).phase == "died"
    assert own.ended(waiting).phase == "skipped"
    own.until(lambda state: state.phase == "died", "the end of the kernel")
    assert own.state.why == "the kernel did not obey an interrupt for 5 s, and was killed"
    with pytest.raises(LabError, match=r"there is no kernel: .* restart it"):
        own.begin("1")
    own.client.restart()
    own.ready()
    assert text_of(*own.run("1")) == "1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(3)", "the kernel ended by itself with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL; the machine may have run out"),
    ],
)
def test_a_kernel_that_dies_is_named(own: Following, code: str, words: str) -> None:
    name, waiting = own.begin(f"print('before')\n{code}", "1")
    own.until(lambda state: state.phase == "died", "the end of the kernel")
    assert own.ended(name).phase == "died"
    assert words in own.ended(name).error
    assert words in own.state.why
    assert own.ended(waiting).phase == "skipped"
    assert text_of(own.state.cells[name]).count("before") == 1


@pytest.mark.slow
def test_a_kernel_that_dies_while_nothing_runs_is_named(own: Following) -> None:
    os.kill(own.state.pid, signal.SIGKILL)
    own.until(lambda state: state.phase == "died", "the end of the kernel")
    assert "SIGKILL" in own.state.why
    own.client.restart()
    own.ready()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_kernel_and_the_host(own: Following, number: signal.Signals) -> None:
    host, kernel = own.host.pid, own.state.pid
    (name,) = own.begin("print('on', flush=True)\nwhile True: pass")
    own.says(name, "on")
    os.kill(host, number)
    wait_for(lambda: own.lost, "the end of the lab")
    assert own.lost == [f"the lab has ended: the lab was ended by {number.name}"]
    assert own.state.cells[name].phase == "interrupted"
    wait_for(lambda: not psutil.pid_exists(kernel), "the end of the kernel")
    wait_for(lambda: not alive(host), "the end of the host")
    assert own.client.folder.host_log.read_text() == ""
    assert not Path(own.host.socket).exists()


@pytest.mark.usefixtures("cold")
def test_a_lab_is_ended_while_its_kernel_starts(tmp_path: Path, home: Path) -> None:
    lab = opened(home, tmp_path / "own.py")
    process = psutil.Process(lab.host.pid)
    (kernel,) = wait_for(process.children, "a kernel")
    lab.client.shut_down()
    wait_for(lambda: not psutil.pid_exists(kernel.pid), "the end of the kernel")
    wait_for(lambda: lab.lost, "the end of the lab")
    assert lab.client.folder.host_log.read_text() == ""


@pytest.mark.slow
def test_a_host_that_is_killed_takes_the_kernel_along_and_the_log_stays(
    own: Following, tmp_path: Path, home: Path
) -> None:
    kept, kernel = own.run("'kept'")[0].cell, own.state.pid
    folder = _kernel_folder(kernel)
    running, waiting = own.begin("print('on', flush=True)\nwhile True: pass", "1")
    own.says(running, "on")
    os.kill(own.host.pid, signal.SIGKILL)
    wait_for(lambda: own.lost, "the end of the lab")
    assert own.lost == ["the lab's host process has ended"]
    wait_for(lambda: not psutil.pid_exists(kernel), "the end of the kernel")
    with pytest.raises(LabError, match="does not answer"):
        own.client.status()
    again = opened(home, tmp_path / "own.py").ready()
    assert again.state.generation == 2
    assert text_of(again.state.cells[kept]) == "'kept'"
    assert again.state.cells[running].phase == "died"
    assert text_of(again.state.cells[running]) == "on\n"
    assert again.state.cells[waiting].phase == "skipped"
    assert not folder.exists()
    assert text_of(*again.run("2")) == "2"


@pytest.mark.slow
def test_an_idle_lab_ends(tmp_path: Path, home: Path) -> None:
    lab = opened(home, tmp_path / "own.py", idle=2.0)
    first, second = lab.begin("import time\ntime.sleep(3)\n'longer than it may be idle'", "'and what waits for it'")
    assert [lab.ended(name).phase for name in (first, second)] == ["ok", "ok"]
    host, kernel = lab.host.pid, lab.state.pid
    wait_for(lambda: lab.lost, "the end of the lab")
    assert lab.lost == ["the lab has ended: idle for 2 s"]
    last = lab.events[-1]
    assert isinstance(last, KernelChanged)
    assert (last.phase, last.why) == ("ended", "idle for 2 s")
    wait_for(lambda: not alive(host) and not psutil.pid_exists(kernel), "the end of the host")


def test_an_idle_host_does_nothing(shared: Following) -> None:
    process = psutil.Process(shared.host.pid)
    before = process.num_ctx_switches().voluntary
    time.sleep(1)
    assert process.num_ctx_switches().voluntary - before < 50  # a few for what went before


@pytest.mark.slow
def test_a_kernel_that_is_not_there_is_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "own.ipynb").write_text(
        '{"cells": [], "metadata": {"kernelspec": {"name": "nobody"}}, "nbformat": 4, "nbformat_minor": 5}'
    )
    lab = opened(home, tmp_path / "own.ipynb")
    lab.until(lambda state: state.phase == "died", "a kernel that does not start")
    assert lab.state.why.startswith("there is no kernel 'nobody'; there are ")
    lab.client.shut_down()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kernel_folder(pid: int) -> Path:
    (found,) = [Path(part).parent for part in psutil.Process(pid).cmdline() if part.endswith("kernel.json")]
    return found
