"""What the lab costs: how soon a kernel is there, how long a cell takes through the whole app, and how long a letter
that is typed while a cell computes on every core.

    python -m benchmarks.lab [--cells 30] [--letters 200] [--json]

The app runs in a terminal of 120 × 40. A cell's time is from the press of `r` to its output on the screen; a letter's,
from its press to the last byte of what it changed. The memory is the app's own, resident, with a document of 500 cells.
"""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.table import Row, at_most, parser, report
from benchmarks.ui_tax import percentile
from engine.lab import listing
from engine.lab.client import open_lab
from engine.lab.events import KernelChanged, LabEvent
from tests.support.terminal import PROGRAM, Terminal

QUIET_S = 0.15  # after which nothing more is expected
CELLS = 500  # of the large document
BUSY = """\
# %%
import threading, torch
def work():
    x = torch.randn(700, 700)
    while True:
        x = (x @ x).tanh()
threads = [threading.Thread(target=work, daemon=True) for _ in range({cores})]
for thread in threads: thread.start()
threads[0].join()

# %%
letters = 1
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--cells", type=int, default=30)
    options.add_argument("--letters", type=int, default=200)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        try:
            rows = measure(Path(folder), given.cells, given.letters)
        finally:
            for lab in listing.living(home):
                listing.stop(home, lab)
    report("lab", rows, as_json=given.json, cells=given.cells, letters=given.letters)


def measure(folder: Path, cells: int, letters: int) -> list[Row]:
    ready = kernel_ready(folder)
    runs = cell_times(folder, cells)
    opened, memory = large_document(folder)
    typed = typing_times(folder, letters)
    return [
        at_most("a kernel, from asking for it to ready", ready, 3, "s"),
        at_most("a cell through the app, p50", percentile(runs, 50), 60, "ms"),
        Row("a cell through the app, p99", percentile(runs, 99), "ms"),
        at_most(f"a document of {CELLS} cells, from enter to its first page", opened, 0.5, "s"),
        at_most("the app's memory with it", memory, 150, "MiB"),
        Row("a letter while a cell computes on every core, p50", percentile(typed, 50), "ms"),
        at_most("a letter while a cell computes on every core, p99", percentile(typed, 99), 50, "ms"),
    ]


def kernel_ready(folder: Path) -> float:
    """Seconds from asking for a lab to its kernel being ready."""
    document = folder / "ready.py"
    document.write_text("# %%\n1 + 1\n")
    there = threading.Event()

    def follow(events: Sequence[LabEvent]) -> None:
        if any(isinstance(event, KernelChanged) and event.phase == "ready" for event in events):
            there.set()

    begin = time.perf_counter()
    client = open_lab(folder / "home", document)
    try:
        client.follow(follow, lambda why: there.set())
        there.wait()
        return time.perf_counter() - begin
    finally:
        client.shut_down()
        client.close()


def opened(terminal: Terminal, document: Path, what: bytes) -> float:
    """Open a document from the list of the lab. Seconds from enter to `what` on the screen."""
    terminal.press("6")
    terminal.wait_for("Tensors")
    terminal.press("o")
    terminal.wait_for("Open a document")
    terminal.press(str(document), pause=0.5)
    since, begin = terminal.received, time.perf_counter()
    terminal.press("\r", pause=0)
    return terminal.wait_for_raw(what, since) - begin


def leave(terminal: Terminal) -> None:
    """The kernel lives on, until the end of the benchmark."""
    terminal.press("q")
    terminal.exit_code()


def program(folder: Path) -> list[str]:
    return [PROGRAM, "--home", str(folder / "home"), "--dataset", "demo"]


def cell_times(folder: Path, cells: int) -> list[float]:
    """Milliseconds of one cell after the other."""
    document = folder / "cells.py"
    sums = (f"# %%\n{700_000 + at} + 123\n\n" for at in range(cells))
    document.write_text("".join(["# %%\nimport torch\nprint(6 * 111_111)\n\n", *sums]))
    times = []
    with Terminal(program(folder), draw=True, rows=40, columns=120) as terminal:
        opened(terminal, document, b"700000")
        terminal.wait_for("idle")
        terminal.press("r")
        terminal.wait_for("666666")  # PyTorch is there
        terminal.settle(terminal.received, quiet=1.0)
        for at in range(cells):
            since, begin = terminal.received, time.perf_counter()
            terminal.press("r", pause=0)
            times.append(1000 * (terminal.wait_for_raw(str(700_123 + at).encode(), since) - begin))
            terminal.settle(since, quiet=QUIET_S)
        leave(terminal)
    return times


def large_document(folder: Path) -> tuple[float, float]:
    """Seconds to the first page, and MiB of the app."""
    document = folder / "large.py"
    parts = (
        f"# %% [markdown]\n# ## Part {at}\n#\n# Some **text**.\n\n# %%\nx{at} = {at}\n" for at in range(CELLS // 2)
    )
    document.write_text("".join(parts))
    with Terminal(program(folder), draw=True, rows=40, columns=120) as terminal:
        seconds = opened(terminal, document, f"cell 1 of {CELLS}".encode())
        terminal.wait_for("idle")
        time.sleep(1.0)
        memory = psutil.Process(terminal.process.pid).memory_info().rss / 2**20
        leave(terminal)
    return seconds, memory


def typing_times(folder: Path, letters: int) -> list[float]:
    """Milliseconds of a letter while every core computes."""
    document = folder / "busy.py"
    document.write_text(BUSY.format(cores=len(os.sched_getaffinity(0))))
    times = []
    with Terminal(program(folder), draw=True, rows=40, columns=120) as terminal:
        opened(terminal, document, b"threading")
        terminal.wait_for("idle")
        terminal.press("r")
        terminal.wait_for("running")
        time.sleep(2.0)
        terminal.press("\r")
        terminal.wait_for("typing")
        for at in range(letters):
            since, begin = terminal.received, time.perf_counter()
            terminal.press("abcdefghij"[at % 10] if at % 40 else "\r", pause=0)
            end, _ = terminal.settle(since, quiet=QUIET_S)
            times.append(1000 * (end - begin))
        terminal.press("\x1b", pause=0.5)
        terminal.press("i", pause=2.0)  # the next measurement has the cores to itself
        leave(terminal)
    return times


if __name__ == "__main__":
    main()
