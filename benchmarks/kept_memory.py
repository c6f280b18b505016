"""What a training gains by keeping the memory of tensors that were freed: `engine.allocator`, with it and without.

    python -m benchmarks.kept_memory [--rounds 3] [--threads 2] [--networks mlp cnn …] [--data-dir DIR] [--json]

A step of each network, in a thread as a run has it: in a process that gives freed memory back to the system, as glibc
does by default, and in one that keeps it. Each is a process of its own, in turn, `--rounds` times; the middle one
counts. Beside it the largest memory that the process had.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from benchmarks.steps import seconds_of_a_step
from benchmarks.table import Row, parser, report
from engine.allocator import CHOSEN, keep_freed_memory

NETWORKS: dict[str, tuple[int, dict[str, Any]]] = {  # steps that are measured, and settings
    "mlp": (400, {}),
    "cnn": (60, {"model": "cnn", "optimizer": "adam"}),
    "cnn, batches of 1,000": (8, {"model": "cnn", "optimizer": "adam", "batch_size": 1000}),
    "fast": (40, {"recipe": "fast"}),
    "accurate": (20, {"recipe": "accurate"}),
}
GIVEN_BACK, KEPT = "given back", "kept"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    options.add_argument("--small", action="store_true", help="a few steps, to see that it works")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    options.add_argument("--measure", nargs=3, help="network, steps and way (used by the benchmark itself)")
    given = options.parse_args()
    if given.measure:
        network, steps, way = given.measure
        print(*measure(network, int(steps), way == KEPT, given.threads, given.data_dir))
        return
    rows = [row for network in given.networks for row in compared(network, given)]
    report("kept_memory", rows, as_json=given.json, rounds=given.rounds, threads=given.threads)


def compared(network: str, given: argparse.Namespace) -> list[Row]:
    """The table of one network."""
    steps = "2" if given.small else str(NETWORKS[network][0])
    found: dict[str, list[tuple[float, float]]] = {GIVEN_BACK: [], KEPT: []}
    for _ in range(given.rounds):
        for way, measured in found.items():
            command = [sys.executable, "-m", "benchmarks.kept_memory", "--measure", network, steps, way]
            command += ["--threads", str(given.threads)]
            command += ["--data-dir", str(given.data_dir)] if given.data_dir else []
            clean = {name: value for name, value in os.environ.items() if name not in CHOSEN}
            made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=clean).stdout.split()
            measured.append((float(made[0]), float(made[1])))
    rows, seconds = [], {}
    for way, measured in found.items():
        seconds[way], memory = (statistics.median(values) for values in zip(*measured, strict=True))
        rows.append(Row(f"{network}, {way}: a step", 1000 * seconds[way], f"ms, {memory:.0f} MiB at most"))
    return [*rows, Row(f"{network}, {KEPT}: the time of {GIVEN_BACK}", seconds[KEPT] / seconds[GIVEN_BACK], "×")]


def measure(network: str, steps: int, keep: bool, threads: int, data_dir: Path | None) -> tuple[float, float]:
    """Seconds of a step, and the process's largest resident memory in MiB."""
    from engine.device import spin_shortly

    spin_shortly()
    if keep and not keep_freed_memory():
        raise SystemExit("freed memory can't be kept here: not glibc, or the environment says otherwise")
    found: list[float] = []
    run = threading.Thread(
        target=lambda: found.append(seconds_of_a_step(NETWORKS[network][1], threads, steps, data_dir))
    )
    run.start()
    run.join()
    return found[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
