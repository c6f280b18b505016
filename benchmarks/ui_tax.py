"""What watching costs: a run's speed with the app attached and without, the keyboard's answer, the bytes on the wire.

    python -m benchmarks.ui_tax [--seconds 12] [--rounds 4] [--keys 160] [--settle 4] [--data-dir DIR] [--json]

One detached run of the tutorial's network trains all the time. In turn, for `--seconds` each, nobody watches and the
app does, in a terminal of 120 × 40 with its charts live; the run's own events tell how many samples it did in each
stretch. Each attached stretch is compared with the mean of its two neighbours without, so that a slow drift of the
machine cancels; the middle of the rounds counts.

Then keys are pressed while it trains, at uneven intervals: to another screen, to another image, to another page, to
another run. Each takes the time until the first bytes of what it changed arrive. The first visit of a screen, which
makes it, is a figure of its own. Last, the run is paused, and nothing may be sent any more.
"""

import math
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.made_logs import made_run
from benchmarks.table import Row, at_least, at_most, parser, report
from engine.home import RunFolder
from engine.runs import client
from engine.runs.follower import Follower
from engine.training.config import TrainConfig
from engine.training.events import Progress
from tests.support.terminal import PROGRAM, Terminal

WATCHED = "2"  # the screen that the app begins with
FIRST = "the first visit of a screen"
# Pressed in turn: the key, its kind, and what only the screen it leads to shows (empty: else nothing is sent there).
KEYS = (
    ("1", "another screen", b"Enlarge"),
    ("l", "another image or line", b""),
    ("l", "another image or line", b""),
    ("n", "another page", b""),
    ("3", "another screen", b"Filter"),
    ("j", "another image or line", b""),
    ("k", "another image or line", b""),
    ("2", "another screen", b"samples/s"),
)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=12.0)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--keys", type=int, default=160)
    options.add_argument("--settle", type=float, default=4.0, help="seconds after the app started or ended")
    options.add_argument("--threads", type=int, default=0, help="of the run; 0: its default")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        made_run(Path(home), 1, 2000)  # else there would be no other run to go to
        config = TrainConfig(epochs=1_000_000, threads=given.threads)
        folder = client.start(Path(home), config, data_dir=given.data_dir)
        try:
            rows = measure(Path(home), folder, given.seconds, given.rounds, given.keys, given.settle)
        finally:
            client.command(folder, "stop")
            time.sleep(1)
    report("ui_tax", rows, as_json=given.json, seconds=given.seconds, rounds=given.rounds, keys=given.keys)


def measure(home: Path, folder: RunFolder, seconds: float, rounds: int, keys: int, settle: float) -> list[Row]:
    time.sleep(settle)
    alone, watched, sent = [samples_per_s(folder, seconds)], [], []
    for _ in range(rounds):
        with app(home, folder) as terminal:
            time.sleep(settle)
            before = terminal.received
            watched.append(samples_per_s(folder, seconds))
            sent.append((terminal.received - before) / seconds)
        time.sleep(1.0)
        alone.append(samples_per_s(folder, seconds))
    ratios = [2 * with_app / (alone[index] + alone[index + 1]) for index, with_app in enumerate(watched)]
    with app(home, folder) as terminal:
        delays = key_delays(terminal, keys)
        since = terminal.received
        client.command(folder, "pause")
        terminal.wait_for_raw(b"paused", since)
        idle = sent_while_idle(terminal, settle, seconds)
    first = delays.pop(FIRST)
    every = [1000 * delay for kind in delays.values() for delay in kind]
    return [
        Row("nobody attached", statistics.median(alone), "samples/s"),
        Row("the app attached, its charts live", statistics.median(watched), "samples/s"),
        at_least("the app attached, of nobody attached", statistics.median(ratios), 0.95),
        at_most("key press to changed screen, p50", percentile(every, 50), 30, "ms"),
        at_most("key press to changed screen, p99", percentile(every, 99), 100, "ms"),
        *(Row(f"  {kind}, p50", 1000 * percentile(times, 50), "ms") for kind, times in delays.items()),
        Row(f"{FIRST}, most", 1000 * max(first), "ms"),
        at_most("sent to the terminal while training", statistics.median(sent) / 1024, 10, "KiB/s"),
        at_most(f"sent to the terminal in {seconds:g} s while paused", idle, 0, "bytes"),
    ]


def sent_while_idle(terminal: Terminal, settle: float, seconds: float) -> int:
    """Bytes that come in `seconds` after `settle` of silence. A busy machine may draw the last of what it had to only
    then: what goes on being sent is sent in each of three such stretches."""
    sent = []
    for _ in range(3):
        terminal.fall_silent(settle)
        before = terminal.received
        time.sleep(seconds)
        sent.append(terminal.received - before)
    return min(sent)


def app(home: Path, folder: RunFolder) -> Terminal:
    terminal = Terminal([PROGRAM, "watch", folder.id, "--home", str(home)], draw=False)
    terminal.wait_for_raw(b"samples/s")
    return terminal


def samples_per_s(folder: RunFolder, seconds: float) -> float:
    """The run's pace over the next so many seconds, evaluations and checkpoints included."""
    follower = Follower(folder)
    follower.poll()
    time.sleep(seconds)
    events = [event for event in follower.poll() if isinstance(event, Progress)]
    first, last = events[0], events[-1]
    steps = (last.epoch - first.epoch) * first.steps + last.step - first.step
    return steps * 64 / (last.t - first.t)


def key_delays(terminal: Terminal, keys: int) -> dict[str, list[float]]:
    """Seconds from each key press to the first bytes of what it changed, by the kind of key."""
    uneven = random.Random(0)
    delays: dict[str, list[float]] = {FIRST: []}
    visited = {WATCHED}
    for number in range(keys):
        key, kind, shows = KEYS[number % len(KEYS)]
        if shows and key not in visited:
            visited.add(key)
            kind = FIRST
        time.sleep(uneven.uniform(0.25, 0.7))
        since = terminal.received
        begin = time.perf_counter()
        terminal.press(key, pause=0)
        delays.setdefault(kind, []).append(terminal.wait_for_raw(shows or b"\x1b", since) - begin)
    return delays


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


if __name__ == "__main__":
    main()
