"""`fmnist-tui lab run` as a person types it, with a real kernel."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from engine.lab import course, progress
from tests.support.labs import end, opened
from tests.support.waiting import HANG_S, wait_for
from tui.cli.main import main

pytestmark = pytest.mark.usefixtures("light_kernels")

PROGRAM = [str(Path(sys.executable).with_name("fmnist-tui"))]
CELLS = """\
# %% [markdown]
# # Ones
# %%
import fmnist_tui as ft
train = ft.dataset("demo")
print(len(train), train.classes[0])
# %%
image, label = train[0]
image.size, label
# %%
ft.load("nobody")
# %%
print("never")
"""


def lab(*arguments: str, cwd: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, "--home", str(home), "lab", "run", *arguments], capture_output=True, text=True, cwd=cwd,
        timeout=HANG_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_a_document_runs_up_to_its_mistake_and_is_saved(tmp_path: Path, home: Path) -> None:
    (tmp_path / "cells.py").write_text(CELLS)
    done = lab("cells.py", "--save", "out.ipynb", cwd=tmp_path, home=home)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("6000 ")
    assert "((28, 28), " in done.stdout
    assert "never" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("fmnist-tui: cells.py, cell 3: line 1: InspectionError: ")
    assert (tmp_path / "cells.py").read_text() == CELLS
    saved = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    nbformat.validate(saved)
    assert [len(cell.outputs) for cell in saved.cells if cell.cell_type == "code"] == [1, 1, 1, 0]


@pytest.mark.slow
def test_each_output_is_a_line_of_json(tmp_path: Path, home: Path) -> None:
    (tmp_path / "cells.py").write_text("# %%\nprint('a')\n1\n# %%\nwhile True: pass\n")
    done = lab("cells.py", "--json", "--timeout", "1", cwd=tmp_path, home=home)
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(event["v"] == 1 for event in events)
    begun, stream, result, first, error, second, finished = events
    assert begun == {"v": 1, "kind": "begun", "file": "cells.py", "cells": 2, "kernel": "python3"}
    assert (stream["type"], stream["name"], stream["text"]) == ("stream", "stdout", "a\n")
    assert (result["type"], result["data"]) == ("result", {"text/plain": "1"})
    assert (first["cell"], first["status"]) == (1, "ok")
    assert (error["type"], error["name"]) == ("error", "KeyboardInterrupt")
    assert (second["status"], second["line"]) == ("interrupted", 1)
    assert finished["status"] == "interrupted"
    assert done.stderr == "fmnist-tui: cells.py, cell 2: line 1: KeyboardInterrupt: interrupted after 1 s\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.py"], "cannot read nothing.py"),
        (["broken.ipynb"], "its JSON is broken"),
        (["good.py", "--kernel", "nobody"], "there is no kernel 'nobody'"),
        (["good.py", "--save", "out.txt"], "its name must end in"),
        (["good.py", "--timeout", "never"], "'never' is not a number of seconds"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, home: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "good.py").write_text("# %%\n1\n")
    (tmp_path / "broken.ipynb").write_text("{")
    done = lab(*arguments, cwd=tmp_path, home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert words in line


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_kernel_ends_with_the_command(tmp_path: Path, home: Path, number: int) -> None:
    (tmp_path / "cells.py").write_text("# %%\nimport os, time\nprint(os.getpid(), flush=True)\ntime.sleep(1e6)\n")
    command = [*PROGRAM, "--home", str(home), "lab", "run", "--json", "cells.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        kernel = int(json.loads(process.stdout.readline())["text"])
        assert psutil.pid_exists(kernel)
        os.kill(process.pid, number)
        process.wait(timeout=HANG_S)
        wait_for(lambda: not psutil.pid_exists(kernel), "the end of the kernel")
        assert process.returncode != 0
        if number != signal.SIGKILL:
            assert "Traceback" not in (process.stderr.read() if process.stderr else "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "the following arguments are required: FILE"),
        (["run", "--json", "nothing.py"], "cannot read nothing.py"),
        (["run", "--json", "good.py", "more.py"], "unrecognized arguments: more.py"),
        (["run", "good.py", "--save", "nowhere/out.ipynb"], "cannot write nowhere/out.ipynb (there is no folder"),
        (["run", "good.py", "--save", "out.txt"], "its name must end in .ipynb or .py"),
        (["run", "good.py", "--save", "folder.py"], "cannot write folder.py (it is a folder)"),
        (["run", "good.py", "--nothing"], "unrecognized arguments: --nothing"),
        (["run", "good.py", "--progress"], "unrecognized arguments: --progress"),
        (["course", "good.py"], "unrecognized arguments: good.py"),
        (["course", "--timeout", "3"], "unrecognized arguments: --timeout 3"),
        (["stop"], "the following arguments are required: NAME"),
        (["open"], "invalid choice: 'open'"),
        (["course", "--lang", "fr"], "invalid choice: 'fr'"),
        (["course", "--copy", "good.py"], "cannot write to good.py"),
    ],
)
def test_options_of_the_other_action_are_refused(
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "good.py").write_text("# %%\nprint(1)\n")
    (tmp_path / "folder.py").mkdir()
    monkeypatch.chdir(tmp_path)
    assert in_process(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert words in line


def in_process(*arguments: str) -> int:
    try:
        return main(["lab", *arguments])
    except SystemExit as ended:
        return int(str(ended.code))


def test_the_course_is_listed_copied_and_its_progress_told(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert main(["--lang", "ko", "lab", "course"]) == 0  # as for the app
    assert capsys.readouterr().out.splitlines()[0] == "1  텐서"
    assert main(["--lang", "ko", "lab", "course", "--lang", "en"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "1  Tensors"
    assert in_process("course") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1  Tensors"
    assert lines[1].startswith("   ")
    assert in_process("course", "--copy", str(tmp_path / "mine")) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == str(tmp_path / "mine" / "1_tensors.py")
    assert Path(first).read_text(encoding="utf-8").startswith("# %% [markdown]\n")
    assert in_process("course", "--copy", str(tmp_path / "mine")) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("1_tensors.py (it is there already, and stays as it is)")
    chapter = course.chapters("en")[0]
    progress.mark(home, chapter.name, chapter.exercises[0])
    assert in_process("course", "--progress") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"1   1 of {len(chapter.exercises):2}  Tensors"
    assert told[-1].startswith("1 of ")
    assert in_process("course", "--progress", "--lang", "ko") == 0
    assert capsys.readouterr().out.splitlines()[0] == f"1   1 of {len(chapter.exercises):2}  텐서"


def told(*arguments: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, "--home", str(home), "lab", *arguments], capture_output=True, text=True, timeout=HANG_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_the_labs_that_live_are_listed_and_ended(tmp_path: Path, home: Path) -> None:
    nothing = told(home=home)
    assert (nothing.returncode, nothing.stdout) == (
        0,
        "no lab is running; open a document in the app to start one\n",
    )
    try:
        first = opened(home, tmp_path / "first.py").ready()
        second = opened(home, tmp_path / "second.py").ready()
        (name,) = second.begin("print('on', flush=True)\nwhile True: pass")
        second.says(name, "on")
        listed = {Path(lab["document"]).name: lab for lab in json.loads(told("--json", home=home).stdout)}
        assert {name: lab["phase"] for name, lab in listed.items()} == {"first.py": "idle", "second.py": "busy"}
        one = listed["first.py"]
        assert (one["kernel"], one["kernel_pid"], one["host_pid"]) == ("python3", first.state.pid, first.host.pid)
        assert one["memory"] > 10 * 2**20
        lines = told(home=home).stdout.splitlines()
        assert lines[0].split() == ["lab", "kernel", "state", "memory", "last", "used", "document"]
        assert any(
            one["id"] in line and "idle for" in line and line.rstrip().endswith("first.py") for line in lines[1:]
        )

        stopped = told("stop", str(tmp_path / "first.py"), home=home)
        assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, f"{one['id']}: ended\n", "")
        assert not psutil.pid_exists(one["kernel_pid"])
        again = told("stop", "first.py", home=home)
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr == "fmnist-tui: no running lab is called 'first.py'; list them with: fmnist-tui lab\n"
        assert told("stop", "second", home=home).returncode == 0
        wait_for(lambda: second.lost, "the end of the lab")
        assert second.state.cells[name].phase == "interrupted"
        assert json.loads(told("--json", home=home).stdout) == []
    finally:
        end(home, tmp_path / "first.py")
        end(home, tmp_path / "second.py")


@pytest.mark.slow
def test_two_labs_of_one_name_are_told_apart(tmp_path: Path, home: Path) -> None:
    documents = [tmp_path / name / "same.py" for name in ("one", "other")]
    try:
        for document in documents:
            document.parent.mkdir()
            opened(home, document)
        both = told("stop", "same.py", home=home)
        assert both.returncode == 2
        (line,) = both.stderr.splitlines()
        assert "same.py is the name of 2 labs: same-" in line
        assert told("stop", str(documents[0]), home=home).returncode == 0
        assert told("stop", "same.py", home=home).returncode == 0
    finally:
        for document in documents:
            end(home, document)


@pytest.mark.parametrize(("given", "words"), [("12", "'12': it must be a time"), ("0s", "from 1s to 365d")])
def test_a_time_that_is_none_is_refused(given: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--idle", given])
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
