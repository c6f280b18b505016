"""What looking at the data costs: how long keys take on *Data*, what they send, and how much memory it needs.

    python -m benchmarks.browse [--pages 100] [--small] [--data-dir DIR] [--json]

The app runs in a terminal of 120 × 40 and shows the real data set, 70,000 images, or the demo data where there is
none. Each key's time is from its press to the last byte of what it changed. Before each page is turned, the cursor is
sent to an image drawn at random, so that every page is new. The memory is the process's own, resident, less the
data's bytes; the program's beside it is what Textual, Rich and numpy need.
"""

import os
import random
import re
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.table import Row, at_most, parser, report
from benchmarks.ui_tax import percentile
from engine.data.open_dataset import open_dataset
from tests.support.terminal import PROGRAM, Terminal

QUIET_S = 0.3  # after which nothing more is expected
FILTERS = ("sneaker", "bag, 3", "shirt", "t-shirt, coat, dress, boot")
MOST_BYTES = 40 * 1024  # of a move of the cursor: two captions, and the chosen image large beside the page


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--pages", type=int, default=100)
    options.add_argument("--small", action="store_true", help="each of the other keys as seldom as can be")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        rows = measure(Path(home), given.data_dir, given.pages, given.small)
    report("browse", rows, as_json=given.json, pages=given.pages)


def measure(home: Path, data_dir: Path | None, pages: int, small: bool) -> list[Row]:
    data = open_dataset("auto", Path(data_dir) if data_dir else None, home)
    command = [PROGRAM, "--home", str(home), *(["--data-dir", str(data_dir)] if data_dir else [])]
    drawn = random.Random(0)
    times: dict[str, list[float]] = {"page": [], "cursor": [], "filter": [], "sort": [], "split": []}
    sent: dict[str, list[float]] = {name: [] for name in times}
    with Terminal(command, draw=False) as terminal:

        def press(key: str, kind: str = "") -> None:
            since, begin = terminal.received, time.perf_counter()
            terminal.press(key, pause=0)
            end, number = terminal.settle(since, quiet=QUIET_S)
            if kind:
                times[kind].append(1000 * (end - begin))
                sent[kind].append(number)

        terminal.wait_for_raw(b"Enlarge")
        time.sleep(3.0)  # read, and its brightness computed
        shown = re.search(rb"0\xe2\x80\x93(\d+) of ", terminal.raw)
        assert shown is not None, "the border says which images the page shows"
        page = int(shown[1]) + 1  # images
        for _ in range(pages):
            press("i")
            press(str(page * drawn.randrange(len(data.train) // page - 2)))  # the first of a page: the next is on it
            press("enter")
            press("n", "page")
            press("l", "cursor")
        for names in FILTERS[: 1 if small else None]:
            press("/")
            terminal.press("\x15", pause=QUIET_S)  # ctrl+u: the line is empty again, or still, and nothing is sent
            press(names)
            press("enter", "filter")
        for _ in range(1 if small else 12):
            press("s", "sort")
        for _ in range(1 if small else 6):
            press("t", "split")
        time.sleep(0.0 if small else 3.0)  # the garbage of all that is collected when the keyboard is quiet
        process = psutil.Process(terminal.process.pid)
        resident = process.memory_info().rss
        torch = any("libtorch" in mapped.path for mapped in process.memory_maps())
    arrays = sum(split.images.nbytes + split.labels.nbytes for split in data.splits.values())
    return [
        Row("images", len(data.train) + len(data.test), "images"),
        *(
            row
            for kind, words in (
                ("page", "another page"), ("cursor", "another image of the page"), ("filter", "filter by class"),
                ("sort", "sort"), ("split", "train to test"),
            )
            for row in (
                Row(f"{words}, p50", percentile(times[kind], 50), "ms"),
                at_most(f"{words}, p99", percentile(times[kind], 99), 50, "ms"),
                at_most(f"{words}, most bytes", max(sent[kind]), MOST_BYTES, "bytes")
                if kind == "cursor"
                else Row(f"{words}, mean bytes", sum(sent[kind]) / len(sent[kind]), "bytes"),
            )
        ),
        at_most("memory above the data's own", (resident - arrays) / 2**20, 100, "MiB"),
        at_most("torch in this process", int(torch), 0, "times"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
