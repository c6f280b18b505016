"""What long logs and many runs cost, and how that grows.

    python -m benchmarks.scale [--events 100000 1000000 10000000] [--runs 100 1000 5000] [--together 5000] [--json]

Homes are made up (`benchmarks.made_logs`) in a temporary folder: ten million events are some 2 GB. For each number of
events: the first `runs --json` and the next one, whole processes; the first folding of the whole log, as `watch` does
it in the background; then the time to the state that its first chart is drawn from, and the memory that each takes.
For each number of runs: `runs --json` beyond reading every run.json with Python's json, both in a process whose imports
are done, in turn; in the app, from the key to the first row, its memory once all rows are there, and its load while
nobody does anything. `--together`: the same of runs of which one half are groups of seeds and one half the trials of a
study, and what that study takes. Growth is between the smallest and the largest: 1 is flat.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import made_studies
from benchmarks.made_logs import made_run
from benchmarks.table import Row, at_most, parser, report
from tests.support.terminal import PROGRAM, Terminal

EVENTS_A_RUN = 700  # a log of 140 KB
IDLE_S = 20.0  # of watching what an idle app costs

FOLD = """
import json, resource, time
from pathlib import Path
from engine.home import RunFolder
from engine.runs import state_file
folder = RunFolder(Path({folder!r}))
begin = time.perf_counter()
folded = state_file.read_on(folder, state_file.begun(folder))
folded.fold.snapshot()
seconds = time.perf_counter() - begin
state_file.keep(folder, folded)
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
LIST = """
import json, time
from pathlib import Path
from engine.runs.listing import Listing
home = Path({home!r})
def runs():
    return json.dumps([run.to_dict() for run in Listing(home).look()])
def json_alone():
    return [json.loads(path.read_text()) for path in home.glob("runs/*/run.json")]
times = {{}}
for turn in range(3):
    for what in (runs, json_alone):
        begin = time.perf_counter()
        what()
        times.setdefault(what.__name__, []).append(time.perf_counter() - begin)
print(json.dumps([min(times["runs"]) - min(times["json_alone"]), min(times["json_alone"])]))
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000])
    options.add_argument("--runs", type=int, nargs="*", default=[100, 1_000, 5_000])
    options.add_argument("--together", type=int, nargs="*", default=[5_000])
    chosen = options.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="fmnist-scale-") as folder:
        rows += long_logs(Path(folder), sorted(chosen.events))
        rows += many_runs(Path(folder), sorted(chosen.runs))
        for size in chosen.together:
            rows += made_together(Path(folder) / f"together-{size}", size)
    report("scale", rows, as_json=chosen.json)


def long_logs(folder: Path, sizes: list[int]) -> list[Row]:
    rows, again, charts = list[Row](), list[float](), list[float]()
    for size in sizes:
        home = folder / f"events-{size}"
        run = made_run(home, 0, size)
        rows.append(
            Row(f"{size:,} events: the first runs --json", seconds_of("runs", "--json", "--home", str(home)), "s")
        )
        again.append(seconds_of("runs", "--json", "--home", str(home)))
        rows.append(at_most(f"{size:,} events: runs --json", again[-1], 1, "s"))
        first, memory = answer(FOLD.format(folder=str(run)))
        rows.append(Row(f"{size:,} events: folding the log for the first time", first, "s"))
        rows.append(at_most(f"{size:,} events: memory of that", memory, 200, "MiB"))
        chart, memory = answer(FOLD.format(folder=str(run)))
        charts.append(chart)
        rows.append(at_most(f"{size:,} events: the state of the first chart, after that", chart, 1, "s"))
        rows.append(at_most(f"{size:,} events: memory of that", memory, 200, "MiB"))
    return [
        *rows,
        *growth("runs --json", "events", sizes, again),
        *growth("the state of the first chart", "events", sizes, charts),
    ]


def many_runs(folder: Path, sizes: list[int]) -> list[Row]:
    rows, beyond = list[Row](), list[float]()
    for size in sizes:
        home = folder / f"runs-{size}"
        for number in range(size):
            made_run(home, number, EVENTS_A_RUN)
        rows += listed(home, f"{size:,} runs")
        beyond.append(rows[-1].value)
        rows += in_the_app(home, f"{size:,} runs", f"run {size - 1}", size)
    return [*rows, *growth("runs --json beyond reading run.json", "runs", sizes, beyond)]


def made_together(home: Path, size: int) -> list[Row]:
    """A home where half of the runs are groups of seeds, and half the trials of one study."""
    made_studies.made_groups(home, size // 2, EVENTS_A_RUN)
    made_studies.made_study(home, size // 2, EVENTS_A_RUN, first=size // 2)
    words = f"{size:,} runs in groups and a study"
    return [
        *listed(home, words),
        *in_the_app(home, words, f"study {made_studies.STUDY}", size // 2 // made_studies.SEEDS + 1),
        *the_study(home, size // 2),
    ]


def the_study(home: Path, trials: int) -> list[Row]:
    """What a study of so many trials takes: the command, and its screen."""
    words = f"a study of {trials:,} trials"
    shown = seconds_of("sweep", "show", made_studies.STUDY, "--json", "--home", str(home))
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], rows=45, columns=140) as terminal:
        terminal.wait_for("Data")
        terminal.press("3")
        terminal.wait_for(f"run {2 * trials - 1}")
        terminal.fall_silent(2.0)
        since, begin = terminal.received, time.perf_counter()
        terminal.press("O", pause=0)  # the study of the first row
        first = terminal.wait_for_raw("★".encode(), since) - begin
        terminal.press("q")
        terminal.exit_code()
    return [
        at_most(f"{words}: sweep show --json", shown, 5, "s"),
        at_most(f"{words}: from the key to its first row", first, 0.5, "s"),
    ]


def listed(home: Path, words: str) -> list[Row]:
    """What the list of all runs takes; the last row is what was promised."""
    first = seconds_of("runs", "--json", "--home", str(home))
    more, alone = answer(LIST.format(home=str(home)))
    return [
        Row(f"{words}: the first runs --json", first, "s"),
        Row(f"{words}: reading each run.json", alone, "s"),
        at_most(f"{words}: runs --json beyond that", more, 1.5, "s"),
    ]


def in_the_app(home: Path, words: str, newest: str, rows: int) -> list[Row]:
    """`newest`: the name of the run in the first row; `rows`: of the whole list."""
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], draw=True, rows=45, columns=140) as terminal:
        terminal.wait_for("Data")
        terminal.fall_silent(2.0)
        since, begin = terminal.received, time.perf_counter()
        terminal.press("3", pause=0)
        first = terminal.wait_for_raw(newest.encode(), since) - begin
        terminal.wait_for(f" of {rows:,}")
        terminal.fall_silent(3.0)
        process = psutil.Process(terminal.process.pid)
        memory, before = process.memory_info().rss / 2**20, sum(process.cpu_times()[:2])
        time.sleep(IDLE_S)
        load = 100 * (sum(process.cpu_times()[:2]) - before) / IDLE_S
        terminal.press("q")
        terminal.exit_code()
    return [
        at_most(f"{words}: from the key to the first row of Runs", first, 0.5, "s"),
        at_most(f"{words}: memory of the app", memory, 150, "MiB"),
        at_most(f"{words}: the idle app, of a core", load, 1, "%"),
    ]


def growth(what: str, of: str, sizes: list[int], values: list[float]) -> list[Row]:
    """How much more the largest takes than the smallest."""
    if len(sizes) < 2:
        return []
    return [Row(f"{what}: {sizes[-1]:,} {of} against {sizes[0]:,}", values[-1] / values[0], "×")]


def seconds_of(*arguments: str) -> float:
    """Of a command, a whole process."""
    begin = time.perf_counter()
    subprocess.run([PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def answer(code: str) -> tuple[float, float]:
    """Two numbers, computed in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ)
    first, second = json.loads(done.stdout)
    return first, second


if __name__ == "__main__":
    main()
