"""A real Jupyter kernel: cells, failures, interrupts, and its end."""

import os
import re
import signal
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.errors import LabError
from engine.hosting import process, record_file
from engine.lab import kernel as kernels
from engine.lab import kernel_main, last_output
from engine.lab.document import open_document
from engine.lab.kernel import Kernel
from engine.lab.kernel_process import KernelFolder
from engine.lab.last_output import LastOutput
from engine.lab.run import CellRan, run_all
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("light_kernels")


@pytest.fixture(scope="module")
def kernel(light_kernels: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel("python3", tmp_path_factory.mktemp("work"), {"GREETING": "hello"}) as started:
        yield started


def texts(ran: kernels.Ran) -> list[str]:
    return [str(node.get("text", node.get("data", {}).get("text/plain"))) for node in ran.outputs.nodes()]


def test_a_cell_has_outputs_and_the_names_stay(kernel: Kernel) -> None:
    ran = kernel.run("x = 20\nprint('printed')\nx + 1")
    assert ran.status == "ok"
    assert texts(ran) == ["printed\n", "21"]
    assert texts(kernel.run("x")) == ["20"]
    assert kernel.run("y = 1").outputs.nodes() == []


def test_what_it_shows_in_a_pager_is_an_output(kernel: Kernel) -> None:
    came: list[str] = []
    ran = kernel.run("len?", on_output=lambda kind, content: came.append(kind))
    assert "Return the number of items in a container" in texts(ran)[0]
    assert came == ["display_data"]


def test_outputs_come_as_they_are_made(kernel: Kernel) -> None:
    came: list[str] = []
    kernel.run("for i in range(3): print(i, flush=True)\ni", on_output=lambda kind, content: came.append(kind))
    assert came[-1] == "execute_result"
    assert set(came[:-1]) == {"stream"}


@pytest.mark.parametrize(
    ("code", "line", "name"),
    [
        ("a = 1\n\nraise KeyError('k')", 3, "KeyError"),
        ("def f():\n    return 1 / 0\n\nf()", 2, "ZeroDivisionError"),
        ("x = (\n", 1, "_IncompleteInputError"),
        ("import torch\ntorch.ones(2) @ torch.ones(3)", 2, "RuntimeError"),
        ("input('name? ')", 1, "StdinNotImplementedError"),
        ("def f():\n    raise ExceptionGroup('many', [ValueError('one')])\n\nf()", 2, "ExceptionGroup"),
    ],
)
def test_a_cell_that_raises_says_where(kernel: Kernel, code: str, line: int, name: str) -> None:
    ran = kernel.run(code)
    assert ran.status == "error"
    assert ran.failure is not None
    assert ran.failure.line == line
    assert name in (ran.failure.name, "_IncompleteInputError") or ran.failure.name == "SyntaxError"
    assert texts(kernel.run("1")) == ["1"]


def test_an_expression_is_evaluated_and_leaves_no_trace(kernel: Kernel) -> None:
    kernel.run("sizes = [2, 3]\n'of the last cell'")
    count = kernel.run("_").count
    found = kernel.evaluate("(print('aside'), tuple(sizes))[1]")
    assert (found.status, found.value) == ("ok", "(2, 3)")
    again = kernel.run("_")
    assert texts(again) == ["'of the last cell'"]
    assert (again.count or 0) == (count or 0) + 1


@pytest.mark.parametrize(
    ("expression", "failure"),
    [
        ("nowhere", "NameError: name 'nowhere' is not defined"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError"),
    ],
)
def test_an_expression_that_raises_says_why(kernel: Kernel, expression: str, failure: str) -> None:
    found = kernel.evaluate(expression)
    assert (found.status, found.value) == ("error", None)
    assert found.failure is not None
    assert failure in f"{found.failure.name}: {found.failure.value}"


def test_an_endless_expression_is_interrupted(kernel: Kernel) -> None:
    found = kernel.evaluate("all(iter(int, 1)) or [0 for _ in iter(int, 1)]", timeout=0.5)
    assert found.status == "interrupted"
    assert texts(kernel.run("1")) == ["1"]


def test_nothing_of_it_is_anybody_elses(kernel: Kernel) -> None:
    assert texts(kernel.run("import os; os.environ['GREETING']")) == ["'hello'"]
    assert kernel.pid is not None
    running = psutil.Process(kernel.pid)
    assert not [one for one in running.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    folder = kernel._folder.path
    assert not stat.S_IMODE(folder.stat().st_mode) & 0o077
    assert {path.name for path in folder.iterdir()} >= {"kernel.json", "k-1"}
    assert texts(kernel.run("get_ipython().history_manager.enabled")) == ["False"]


def test_an_endless_loop_is_interrupted_and_the_names_stay(kernel: Kernel) -> None:
    kernel.run("kept = 5")
    ran = kernel.run("while True: pass", timeout=0.5)
    assert ran.status == "interrupted"
    assert str(ran.failure) == "line 1: KeyboardInterrupt: interrupted after 0.5 s"
    assert texts(kernel.run("kept")) == ["5"]


def test_an_interrupt_from_another_thread_ends_a_cell(kernel: Kernel) -> None:
    running = threading.Event()

    def interrupt() -> None:
        running.wait()
        kernel.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    ran = kernel.run("print('on', flush=True)\nimport time\ntime.sleep(1e6)", on_output=lambda *_: running.set())
    thread.join()
    assert ran.status == "error"
    assert ran.failure is not None
    assert ran.failure.name == "KeyboardInterrupt"


def test_what_a_forked_process_prints_is_there_too(kernel: Kernel) -> None:
    child = "import os\npid = os.fork()\nif not pid:\n    print('from the child', flush=True)\n    os._exit(0)\n"
    came = texts(kernel.run(child + "os.waitpid(pid, 0)[1]"))
    while not any("from the child" in text for text in came):  # it may come after the cell's end
        came += texts(kernel.run("import time; time.sleep(0.1)"))


@pytest.mark.slow
def test_a_kernel_that_does_not_obey_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "OBEYS_S", 0.5)
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    with Kernel("python3", tmp_path) as stubborn:
        pid = stubborn.pid
        ran = stubborn.run(code, timeout=1)
        assert ran.status == "interrupted"
        assert str(ran.failure) == "KernelKilled: did not obey an interrupt for 0.5 s"
        assert pid is not None
        wait_for(lambda: not psutil.pid_exists(pid), "the end of the kernel")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(3)", "the kernel ended by itself with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL; the machine may have run out"),
    ],
)
def test_a_kernel_that_dies_is_named(tmp_path: Path, code: str, words: str) -> None:
    with Kernel("python3", tmp_path) as dying:
        folder = dying._folder.path
        ran = dying.run(f"print('before', flush=True)\n{code}")
        assert ran.status == "died"
        assert words in str(ran.failure)
    assert not folder.exists()


DIES = {
    "at once": ("os._exit(3)", None),
    "by a signal": ("os.kill(os.getpid(), signal.SIGKILL)", None),
    "in C": ("def crash():\n    ctypes.string_at(0)\ncrash()", "Segmentation fault"),
    "by itself": ("os.abort()", "Aborted"),
}
LAST = """import ctypes, os, signal, sys
os.system("echo from a child")
print("printed, 한글")
print("no end of line", end="")
print("to stderr", file=sys.stderr)
os.write(2, b"past Python\\n")
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", list(DIES))
def test_what_a_kernel_has_put_out_is_there_however_it_ends(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it, ipykernel lets the descriptors be
    code, fault = DIES[how]
    came: list[str] = []
    with Kernel("python3", tmp_path) as dying:
        ran = dying.run(LAST + code, on_output=lambda kind, content: came.append(content.get("text", "")))
    assert ran.status == "died"
    texts = {"stdout": "", "stderr": ""}
    for node in ran.outputs.nodes():
        texts[node["name"]] += node["text"]
    for stream, parts in (("stdout", ["from a child\n", "printed, 한글\nno end of line"]), ("stderr", ["to stderr\n"])):
        for part in parts:
            assert texts[stream].count(part) == 1
    assert texts["stderr"].count("past Python\n") == 1
    assert "".join(came).count("printed, 한글\n") == 1
    assert ("Fatal Python error" in texts["stderr"]) is (fault is not None)
    if fault is not None:
        line = len(LAST.splitlines()) + (2 if "crash" in code else 1)
        assert f"Fatal Python error: {fault}\n" in texts["stderr"]
        assert f"The cell, line {line} in " in texts["stderr"]
        assert "site-packages" not in texts["stderr"]


@pytest.mark.slow
def test_what_was_sent_is_not_put_out_again_and_of_very_much_the_end(tmp_path: Path) -> None:
    with Kernel("python3", tmp_path) as dying:
        sent = "import os, time\nprint('first', flush=True)\ntime.sleep(0.5)\nprint('second')\n"
        ran = dying.run(sent + f"print('x\\n' * {last_output.SAID} + 'the end')\nos._exit(1)")
    (node,) = ran.outputs.nodes()
    first, second, *rest = node["text"].splitlines()
    assert first == "first"
    assert second == "second" or re.fullmatch(r"… [\d,]+ bytes are lost …", second)
    assert rest[-2:] == ["x", "the end"]
    assert node["text"].count("first") == node["text"].count("the end") == 1


def test_of_what_was_written_the_end_is_kept(tmp_path: Path) -> None:
    said, written = kernel_main.Said(tmp_path / "said.stdout"), ""
    size = last_output.SAID
    for at, count in enumerate((3, size - 1, 5, size, size + 5, 1, 2 * size + 9, size // 2, size // 2, 7)):
        text = "abcdefghij"[at] * count
        said.add(text)
        written += text
        (content,) = LastOutput(tmp_path).take()
        lost = len(written) - size
        assert content["text"] == (f"… {lost:,} bytes are lost …\n" if lost > 0 else "") + written[-size:]


def test_the_files_that_a_kernel_keeps_have_the_form_that_is_read() -> None:
    for name in ("SAID", "TOTAL", "MARK"):
        assert getattr(kernel_main, name) == getattr(last_output, name)


def test_a_fault_is_told_of_the_signal_that_ended_the_kernel_alone(tmp_path: Path) -> None:
    text = (
        'Fatal Python error: Segmentation fault\n\nStack (most recent call first):\n  File "/tmp/ipykernel_12/34.py", '
        'line 7 in f\n  File "/usr/lib/core.py", line 2 in run\n\nExtension modules: one (total: 1)\n'
    )
    (tmp_path / "fault").write_text("another\n" + text)
    told = [{"name": "stderr", "text": "Fatal Python error: Segmentation fault\n  The cell, line 7 in f\n"}]
    for code, said in ((-signal.SIGSEGV, told), (-signal.SIGABRT, []), (-signal.SIGKILL, []), (1, []), (None, [])):
        assert LastOutput(tmp_path).take(code) == said
    (tmp_path / "fault").unlink()
    assert LastOutput(tmp_path).take(-signal.SIGSEGV) == []


def test_no_such_kernel_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(LabError, match=r"there is no kernel 'nobody'; there are .*python3"):
        Kernel("nobody", tmp_path)
    assert not list(tmp_path.glob("fmnist-lab-*"))


def test_the_folders_of_processes_that_were_killed_go_and_those_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    here = process.record()
    owners = {
        "dead": replace(here, ticks=here.ticks + 1),
        "alive": here,
        "elsewhere": replace(here, ticks=1, boot_id="another", hostname="elsewhere"),
    }
    for name, owner in owners.items():
        (tmp_path / f"fmnist-lab-{name}").mkdir()
        record_file.write(tmp_path / f"fmnist-lab-{name}" / "owner.json", owner)
    for name in ("new", "old"):
        (tmp_path / f"fmnist-lab-{name}").mkdir()
    os.utime(tmp_path / "fmnist-lab-old", (0, 0))
    made = KernelFolder()
    assert sorted(path.name.removeprefix("fmnist-lab-") for path in tmp_path.iterdir() if path != made.path) == [
        "alive", "elsewhere", "new",
    ]  # fmt: skip
    made.remove()
    assert not made.path.exists()


@pytest.mark.usefixtures("cold")
@pytest.mark.slow
def test_a_document_runs_up_to_the_cell_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "cells.py"
    path.write_text("# %%\nimport os\nprint(os.getcwd())\n# %%\n\n# %%\n1 / 0\n# %%\nprint('never')\n")
    document = open_document(path)
    document.code[-1].take_outputs([{"output_type": "stream", "name": "stdout", "text": "of another run"}], 9)
    ended: list[CellRan] = []
    failed = run_all(document, on_cell=ended.append)
    assert failed is ended[-1]
    assert [(one.number, one.ran.status) for one in ended] == [(1, "ok"), (3, "error")]
    assert document.code[0].outputs == [{"output_type": "stream", "name": "stdout", "text": f"{tmp_path}\n"}]
    assert document.code[2].outputs[0]["ename"] == "ZeroDivisionError"
    assert document.code[3].outputs == []
    document.save(tmp_path / "out.ipynb")
    again = open_document(tmp_path / "out.ipynb")
    assert again.code[0].outputs == document.code[0].outputs


@pytest.mark.slow
def test_a_cell_with_half_a_character_is_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "cells.ipynb"
    cell = '{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": "\'\\ud800\'"}'
    path.write_text(f'{{"nbformat": 4, "nbformat_minor": 4, "metadata": {{}}, "cells": [{cell}]}}')
    with pytest.raises(LabError, match="halves of characters"):
        run_all(open_document(path))
