"""What runs over each other cost on *Compare*: drawing their charts, the keys there, and doing nothing.

    python -m benchmarks.overlay [--runs 12] [--seeds 5] [--keys 60] [--json]

Runs with made-up logs of 30 epochs. First the charts alone, drawn in this process: one of 12 runs, and one of 12
groups of `--seeds` runs each, half as wide as a terminal of 140 columns. The means of the groups are taken in a thread
before. Then the app, in a terminal of 140 × 45: on *Runs* all are marked, `d` compares them; chart keys are pressed in
turn, each timed until the last byte of both charts has come. Last, nothing may be sent while nobody does anything.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.made_logs import made_run
from benchmarks.table import Row, at_most, parser, report
from benchmarks.ui_tax import percentile
from engine.runs import listing, state_file
from tests.support.terminal import PROGRAM, Terminal
from tui.runs.charts import ShownRun, overlay, prepare
from tui.runs.metrics import LOSS
from tui.widgets.chart.plot import plot, preload
from tui.widgets.chart.view import View

EVENTS, AN_EPOCH = 3_100, 100  # of a log: 30 epochs
WIDTH, HEIGHT = 68, 22  # cells of a chart
ROUNDS = 20
KEYS = ("left", "left", "s", "z", "L", "0", "X", "left", "s", "s", "s", "L", "L", "L", "X", "X")
QUIET_S, IDLE_S = 0.25, 8.0


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=12)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--keys", type=int, default=60)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(given.runs):
            run = made_run(home, number, EVENTS, an_epoch=AN_EPOCH)
            state_file.keep(run, state_file.read_on(run, state_file.begun(run)))  # as its host does
        rows = [*drawing(home, given.seeds), *in_the_app(home, given.runs, given.keys)]
    report("overlay", rows, as_json=given.json, runs=given.runs, seeds=given.seeds, keys=given.keys)


def drawing(home: Path, seeds: int) -> list[Row]:
    """The charts alone."""
    preload()
    folders = [run.folder for run in listing.list_runs(home)]
    states = [listing.quick_state(folder) for folder in folders]
    alone = [ShownRun(str(at), f"run {at}", state) for at, state in enumerate(states)]
    groups = [
        ShownRun(str(at), f"group {at}", state, tuple(states[(at + of) % len(states)] for of in range(1, seeds)))
        for at, state in enumerate(states)
    ]
    begin = time.perf_counter()
    prepare(groups)
    means = time.perf_counter() - begin
    return [
        at_most(f"a chart of {len(alone)} runs", drawn(alone), 30, "ms"),
        at_most(f"a chart of {len(groups)} groups of {seeds}", drawn(groups), 60, "ms"),
        Row("the means of those groups, all metrics, in a thread", 1000 * means, "ms"),
    ]


def drawn(runs: list[ShownRun]) -> float:
    """Milliseconds of making and drawing one chart; the middle of some rounds."""

    def once() -> None:
        plot(overlay(LOSS, runs), View(), WIDTH, HEIGHT)

    return statistics.median(1000 * seconds(once) for _ in range(ROUNDS))


def seconds(act: Callable[[], None]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def in_the_app(home: Path, runs: int, keys: int) -> list[Row]:
    command = [PROGRAM, "--home", str(home), "--dataset", "demo"]
    with Terminal(command, rows=45, columns=140) as terminal:
        terminal.wait_for("Data")
        terminal.press("3")
        terminal.wait_for(f"{runs} runs")
        terminal.fall_silent(1.0)
        terminal.press(*["m"] * runs)
        terminal.wait_for(f"{runs} marked")
        terminal.fall_silent(1.0)
        begin = time.perf_counter()
        terminal.press("d", pause=0)
        terminal.wait_for("Accuracy by class")
        terminal.wait_for(f"{runs} rows")
        opened = time.perf_counter() - begin
        terminal.fall_silent(3.0)
        times, sent = list[float](), list[int]()
        for number in range(keys):
            since, begin = terminal.received, time.perf_counter()
            terminal.press(KEYS[number % len(KEYS)], pause=0)
            end, count = terminal.settle(since, quiet=QUIET_S)
            times.append(1000 * (end - begin))
            sent.append(count)
        terminal.fall_silent(3.0)
        before = terminal.received
        time.sleep(IDLE_S)
        idle = terminal.received - before
        terminal.press("q")
        terminal.exit_code()
    return [
        at_most(f"from d to the charts of {runs} runs", opened, 1.5, "s"),
        at_most("a chart key, to the last byte of both charts, p50", percentile(times, 50), 100, "ms"),
        Row("a chart key, p99", percentile(times, 99), "ms"),
        Row("bytes of a chart key, p50", percentile([float(one) for one in sent], 50) / 1024, "KiB"),
        at_most(f"sent to the terminal in {IDLE_S:g} s of nothing", idle, 0, "bytes"),
    ]


if __name__ == "__main__":
    main()
