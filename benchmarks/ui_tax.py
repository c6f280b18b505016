"""What watching costs: a run's speed with the app attached and without, the keyboard's answer, the bytes on the wire.

    python -m benchmarks.ui_tax [--seconds 12] [--rounds 4] [--keys 120] [--data-dir DIR] [--json]

One detached run of the tutorial's network trains all the time. In turn, for `--seconds` each, nobody watches and the
app does, in a terminal of 120 × 40 with its charts live; the run's own events tell how many samples it did in each
stretch. Each attached stretch is compared with the mean of its two neighbours without, so that a slow drift of the
machine cancels; the middle of the rounds counts. Then keys that change the screen are pressed while it trains, at uneven intervals, and
the time to the first bytes of the new screen is taken; then the run is paused and nothing may be sent.
"""

import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, at_least, at_most, parser, report
from engine.runs import client
from engine.runs.follow import Follower
from engine.training.config import TrainConfig
from engine.training.events import Progress
from tests.terminal import PROGRAM, Terminal

SETTLE_S = 4.0  # after the app started or ended
# Pressed in turn, each from the screen before it: the key, and what only the screen it leads to shows.
SCREENS = (("1", b"Enlarge"), ("2", b"samples/s"), ("3", b"Filter"), ("2", b"samples/s"))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=12.0)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--keys", type=int, default=120)
    options.add_argument("--threads", type=int, default=0, help="of the run; 0: its default, the cores less one")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        config = TrainConfig(epochs=1_000_000, threads=given.threads)
        folder = client.start(Path(home), config, data_dir=given.data_dir)
        try:
            rows = measure(Path(home), folder, given.seconds, given.rounds, given.keys)
        finally:
            client.command(folder, "stop")
            time.sleep(1)
    report("ui_tax", rows, as_json=given.json, seconds=given.seconds, rounds=given.rounds, keys=given.keys)


def measure(home: Path, folder: Path, seconds: float, rounds: int, keys: int) -> list[Row]:
    time.sleep(SETTLE_S)
    alone, watched, sent = [samples_per_s(folder, seconds)], [], []
    for _ in range(rounds):
        with app(home, folder) as terminal:
            time.sleep(SETTLE_S)
            before = terminal.received
            watched.append(samples_per_s(folder, seconds))
            sent.append((terminal.received - before) / seconds)
        time.sleep(1.0)
        alone.append(samples_per_s(folder, seconds))
    ratios = [2 * with_app / (alone[index] + alone[index + 1]) for index, with_app in enumerate(watched)]
    with app(home, folder) as terminal:
        delays = key_delays(terminal, keys)
        client.command(folder, "pause")
        time.sleep(SETTLE_S)
        before = terminal.received
        time.sleep(seconds)
        idle = terminal.received - before
    slowest = delays[min(len(delays) - 1, int(0.99 * len(delays)))]
    return [
        Row("nobody attached", statistics.median(alone), "samples/s"),
        Row("the app attached, its charts live", statistics.median(watched), "samples/s"),
        at_least("the app attached, of nobody attached", statistics.median(ratios), 0.95),
        at_most("key press to changed screen, p50", 1000 * statistics.median(delays), 30, "ms"),
        at_most("key press to changed screen, p99", 1000 * slowest, 100, "ms"),
        at_most("sent to the terminal while training", statistics.median(sent) / 1024, 10, "KiB/s"),
        at_most(f"sent to the terminal in {seconds:g} s while paused", idle, 0, "bytes"),
    ]


def app(home: Path, folder: Path) -> Terminal:
    terminal = Terminal([PROGRAM, "watch", folder.name, "--home", str(home)], draw=False)
    terminal.wait_for_raw(b"samples/s")
    return terminal


def samples_per_s(folder: Path, seconds: float) -> float:
    """The run's pace over the next so many seconds, evaluations and checkpoints included."""
    follower = Follower(folder)
    follower.poll()
    time.sleep(seconds)
    events = [event for event in follower.poll() if isinstance(event, Progress)]
    first, last = events[0], events[-1]
    steps = (last.epoch - first.epoch) * first.steps + last.step - first.step
    return steps * 64 / (last.t - first.t)


def key_delays(terminal: Terminal, keys: int) -> list[float]:
    """Seconds from each key press to the new screen's first bytes, sorted."""
    uneven = random.Random(0)
    delays = []
    for number in range(keys):
        key, shows = SCREENS[number % len(SCREENS)]
        time.sleep(uneven.uniform(0.2, 0.7))
        since = terminal.received
        begin = time.perf_counter()
        terminal.press(key, pause=0)
        delays.append(terminal.wait_for_raw(shows, since) - begin)
    return sorted(delays)


if __name__ == "__main__":
    main()
