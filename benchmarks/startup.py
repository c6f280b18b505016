"""From process start to what a person sees, against `import torch` alone.

    python -m benchmarks.startup [--rounds 5] [--data-dir DIR] [--json]

The app runs in a pseudo-terminal of 120 × 40. "First frame": the top line with the screens' names has been sent.
"First images": the captions of the first page's pictures have been sent. A new process each time, the files cached; the
middle of the rounds counts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, at_most, parser, report
from tests.support.terminal import PROGRAM, Terminal


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    given = options.parse_args()
    importing, frames, images = [], [], []
    for _ in range(given.rounds):
        importing.append(seconds_to_import_torch())
        frame, image = seconds_to_see(given.data_dir)
        frames.append(frame)
        images.append(image)
    torch, frame, image = (statistics.median(times) for times in (importing, frames, images))
    rows = [
        Row("import torch, in a process of its own", torch, "s"),
        Row("first frame", frame, "s"),
        Row("first images", image, "s"),
        at_most("first frame, of import torch", frame / torch, 0.25),
        at_most("first images, of import torch", image / torch, 0.5),
    ]
    report("startup", rows, as_json=given.json, rounds=given.rounds)


def seconds_to_import_torch() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - begin


def seconds_to_see(data_dir: Path | None) -> tuple[float, float]:
    """Seconds to the first frame and to the first images."""
    with tempfile.TemporaryDirectory() as home:
        command = [PROGRAM, "--home", home, *(["--data-dir", str(data_dir)] if data_dir else [])]
        with Terminal(command, draw=False) as terminal:
            frame = terminal.wait_for_raw(b"Runs") - terminal.started
            caption = b"0 Ankle Boot" if data_dir else b"demo data"
            return frame, terminal.wait_for_raw(caption) - terminal.started


if __name__ == "__main__":
    main()
