"""*Lab* in a real pseudo-terminal, with a real kernel: what lives on, and what is lost, when something is killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.lab import listing
from engine.lab.listing import LabSummary
from tests.support.terminal import PROGRAM, Terminal
from tests.support.waiting import HANG_S, wait_for

pytestmark = pytest.mark.slow

RUN = "\x12"  # ctrl+r, which runs also while one types
WAITS = """\
# %%
from pathlib import Path
from time import sleep
print("be" + "gun", flush=True)
while not Path("go").exists():
    sleep(0.02)
done = "y" * 3
print("ov" + "er")

# %%
answer = 6 * 7
answer
"""


@pytest.fixture(autouse=True)
def labs_are_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End every lab as a person does, by `lab stop`; and by force what that has not ended."""
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)
    yield
    living = listing.living(home)
    try:
        for lab in living:
            subprocess.run(
                [PROGRAM, "--home", str(home), "lab", "stop", lab.id], check=True, timeout=HANG_S, capture_output=True
            )
        assert listing.living(home) == []
    finally:
        for pid in [pid for lab in living for pid in (lab.host_pid, lab.kernel_pid) if pid]:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def started() -> Terminal:
    return Terminal([PROGRAM, "--dataset", "demo"], columns=140, rows=45)


def open_document(terminal: Terminal, path: Path) -> None:
    """By its path, on *Lab*."""
    terminal.wait_for("demo data")
    terminal.press("6")
    terminal.wait_for("1. Tensors")
    terminal.press("o")
    terminal.wait_for("Open a document")
    terminal.press(str(path))
    terminal.wait_for(lambda text: f"open {path.name}" in text or f"a new document: {path.name}" in text)
    terminal.press("enter")
    terminal.wait_for("cell 1 of")


def only_lab(home: Path) -> LabSummary:
    """The lab that lives, once it has a kernel."""

    def found() -> LabSummary | None:
        living = listing.living(home)
        assert len(living) <= 1
        return next((one for one in living if one.kernel_pid), None)

    return wait_for(found, "a lab with a kernel")


def test_two_names_of_one_storage_change_together(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "shared.py"
    with started() as terminal:
        open_document(terminal, path)
        terminal.press("enter")
        terminal.wait_for("typing (Esc ends)")
        terminal.press("import torch", RUN)
        terminal.wait_for("[1]")
        terminal.wait_for("typing (Esc ends)")
        terminal.press("t = torch.ones(5); n = t.numpy()", RUN)
        terminal.wait_for("[2]")
        terminal.wait_for(lambda text: "+t" in text and "+n" in text and "A: one storage, 20 B, 2 names" in text)
        terminal.press("t.add_(1)", RUN)
        terminal.wait_for("tensor([2., 2., 2., 2., 2.])")
        terminal.wait_for(lambda text: "!t" in text and "!n" in text)
        text = terminal.wait_for("2 changed in place")
        assert "A: one storage, 20 B, 2 names" in text
        terminal.press("escape")
        terminal.wait_for(lambda text: "typing" not in text)
        terminal.press("escape")
        terminal.wait_for("1. Tensors")
        terminal.wait_for(lambda text: "shared.py" in text and "idle" in text)  # its kernel lives on
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert path.read_text().split("\n# %%\n") == [  # without the empty cell behind them
        "# %%\nimport torch\n", "t = torch.ones(5); n = t.numpy()\n", "t.add_(1)\n",
    ]  # fmt: skip
    assert only_lab(home).phase == "idle"


def test_a_cell_goes_on_when_the_app_is_killed(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text(WAITS)
    with started() as terminal:
        open_document(terminal, path)
        terminal.press("r")
        terminal.wait_for("begun")
        terminal.wait_for("running")
        terminal.kill()
    lab = only_lab(home)
    assert lab.phase == "busy"
    (tmp_path / "go").touch()
    wait_for(lambda: only_lab(home).phase == "idle", "the end of the cell")
    with started() as terminal:
        open_document(terminal, path)
        text = terminal.wait_for("over")
        assert "begun" in text
        terminal.wait_for(lambda text: "[1]" in text and "idle" in text)
        terminal.wait_for(lambda text: "done" in text.partition("Variables")[2] and "str 'yyy'" in text)
        terminal.press("j", "r")
        terminal.wait_for(lambda text: "[2]" in text and "42" in text)
        assert only_lab(home).kernel_pid == lab.kernel_pid
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert path.read_text().startswith(WAITS)


def test_a_kernel_and_a_host_that_are_killed_are_named_and_nothing_is_lost(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "killed.py"
    path.write_text(WAITS)
    with started() as terminal:
        open_document(terminal, path)
        terminal.press("r")
        terminal.wait_for("begun")
        lab = only_lab(home)
        os.kill(lab.kernel_pid, signal.SIGKILL)
        text = terminal.wait_for(lambda text: "0 restarts the kernel · the kernel was ended by SIGKILL" in text)
        assert "begun" in text
        terminal.press("0")
        terminal.wait_for("idle")
        again = only_lab(home)
        assert (again.host_pid, again.kernel_pid != lab.kernel_pid) == (lab.host_pid, True)
        terminal.press("enter")
        terminal.wait_for("typing (Esc ends)")
        terminal.press(" + 0", RUN)
        terminal.wait_for("42")
        terminal.wait_for("cell 3 of 3")
        terminal.press("escape")
        terminal.wait_for(lambda text: "typing" not in text)
        os.kill(again.host_pid, signal.SIGKILL)
        terminal.wait_for("0 restarts the kernel · the lab's host process has ended")
        wait_for(lambda: gone(again.kernel_pid), "the end of its kernel")
        terminal.press("0")
        terminal.wait_for("idle")
        assert only_lab(home).host_pid != again.host_pid
        assert "42" in terminal.wait_for("begun")  # the outputs stay
        terminal.press("G", "k", "r")
        terminal.wait_for(lambda text: "answer" in text.partition("Variables")[2] and "int 42" in text)
        terminal.press("q")
        assert terminal.exit_code() == 0
    text = path.read_text()
    assert text.startswith(WAITS.rstrip("\n") + " + 0\n")
