"""What looking into a network costs: large models' summaries, and the keys on a tensor of a hundred million numbers.

    python -m benchmarks.inside [--keys 60] [--json]

vgg16's summary and parameter table are asked of a worker that has imported torch already; its memory is the
worker's, resident, before and after. The tensor is a Linear's weight, 4096 × 25,088, with values; each key's time is
from its press to the last byte of what it changed, in a terminal of 120 × 40, while the tensor's figures are computed
and after that.
"""

import random
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.table import Row, at_most, parser, report
from benchmarks.ui_tax import percentile
from tests.support.terminal import PROGRAM, Terminal

LARGE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.large = nn.Linear(25088, 4096, bias=False)
        self.last = nn.Linear(4096, 10)

    def forward(self, x):
        x = nn.functional.pad(x.flatten(1), (0, 25088 - 784))
        return self.last(self.large(x).relu())
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--keys", type=int, default=60)
    options.add_argument("--outputs", type=int, default=4096, help="of the large layer, each of 25,088 numbers")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        rows = [*opened(Path(home)), *scrolled(Path(home), given.keys, given.outputs)]
    report("inside", rows, as_json=given.json, keys=given.keys)


def opened(home: Path) -> list[Row]:
    """vgg16's tables."""
    from engine.inspection.model_requests import ParametersRequest, SummaryRequest
    from engine.sources import NetworkRef, NewModel
    from engine.worker.client import WorkerClient

    worker = WorkerClient(home)
    small, large = (NetworkRef(NewModel(f"torchvision:{name}"), "demo") for name in ("squeezenet1_0", "vgg16"))
    try:
        # A small one of torchvision's first: torch, and what its tables need, are imported then.
        worker.ask(SummaryRequest(small))
        worker.ask(ParametersRequest(small))
        assert worker._process is not None
        process = psutil.Process(worker._process.pid)
        before, begin = process.memory_info().rss, time.perf_counter()
        summary = worker.ask(SummaryRequest(large))
        middle = time.perf_counter()
        worker.ask(ParametersRequest(large))
        end, after = time.perf_counter(), process.memory_info().rss
    finally:
        worker.close()
    return [
        Row("vgg16: parameters", summary.totals.parameters, ""),
        Row("vgg16: its modules", 1000 * (middle - begin), "ms"),
        Row("vgg16: its parameters", 1000 * (end - middle), "ms"),
        at_most("vgg16: both", end - begin, 1.0, "s"),
        at_most("vgg16: memory more than before", (after - before) / 2**20, 100, "MiB"),
    ]


def scrolled(home: Path, keys: int, outputs: int) -> list[Row]:
    """The keys on a large tensor."""
    own = home / "large.py"
    own.write_text(LARGE.replace("4096", str(outputs)))
    drawn = random.Random(0)
    times: dict[str, list[float]] = {"figures": [], "after": [], "map": []}
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], draw=False) as terminal:

        def press(key: str, kind: str = "") -> None:
            since, begin = terminal.received, time.perf_counter()
            terminal.press(key, pause=0)
            end, _ = terminal.settle(since)
            if kind:
                times[kind].append(1000 * (end - begin))

        terminal.wait_for_raw(b"Enlarge")
        time.sleep(1.0)
        press("4")
        terminal.wait_for_raw(b"multiply-adds for")  # torch is imported
        time.sleep(1.0)
        press("o")
        press("\x15")
        press(f"{own}:Net")
        since = terminal.received
        press("enter")
        terminal.wait_for_raw(
            b"multiply-adds for", since, 120
        )  # it is built, with values, and its figures are computed
        time.sleep(0.5)
        press("v")
        opened_at, begin = terminal.received, time.perf_counter()
        terminal.press("enter", pause=0)
        terminal.wait_for_raw(b"computing the statistics", opened_at)
        opening = 1000 * (time.perf_counter() - begin)
        while time.perf_counter() - begin < 1.0:  # to the first byte: the figures' own line changes too
            since, pressed = terminal.received, time.perf_counter()
            terminal.press(drawn.choice(("pagedown", "G", "g", "l")), pause=0)
            while terminal.received == since:
                time.sleep(0.0005)
            times["figures"].append(1000 * (time.perf_counter() - pressed))
            time.sleep(0.02)
        terminal.wait_for_raw(b"zeros", opened_at, 120)  # its figures are there
        time.sleep(0.5)
        for _ in range(keys):
            press(drawn.choice(("j", "k", "l", "h", "pagedown", "G", "g")), "after")
        for _ in range(5):
            press("v", "map")  # the map
            press("v")
            press("v")
    return [
        at_most(f"{outputs:,} × 25,088: opened, with its first values", opening, 500, "ms"),
        Row("a key while its figures are computed, p50", percentile(times["figures"], 50), "ms"),
        at_most("a key while its figures are computed, most", max(times["figures"]), 50, "ms"),
        Row("a key after that, p50", percentile(times["after"], 50), "ms"),
        at_most("a key after that, most", max(times["after"]), 50, "ms"),
        at_most("its map, most", max(times["map"]), 50, "ms"),
    ]


if __name__ == "__main__":
    main()
