"""How many threads a training should have, and how they wait for each other: alone, and beside a busy neighbour.

    python -m benchmarks.threads [--rounds 3] [--busy 0 1] [--networks mlp fast] [--data-dir DIR] [--json]

The tutorial's network and that of the recipe `fast` are trained for some steps by one thread, by all cores but one,
and by as many threads as there are cores, which wait for each other by spinning (OpenMP's default here), by sleeping
(OMP_WAIT_POLICY=passive), and by spinning for a while and then sleeping (GOMP_SPINCOUNT). `--busy`: beside so many
other processes that compute all the time. Each way is a process of its own, all in turn, `--rounds` times; the middle
one counts. The ratios are to the first way, in the same surroundings.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.steps import seconds_of_a_step
from benchmarks.table import Row, parser, report

NETWORKS = {"mlp": 400, "fast": 24}  # steps that are measured
SPINS = (1_000, 3_000, 10_000)  # turns of the loop in which a thread waits before it sleeps
BUSY = "while True: pass"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--busy", type=int, nargs="+", default=[0, 1])
    options.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    options.add_argument("--spins", type=int, nargs="+", default=list(SPINS), help="turns of a thread that waits")
    options.add_argument("--small", action="store_true", help="a few steps of two ways, to see that it works")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    options.add_argument("--measure", nargs=3, help="a network, threads and steps (used by the benchmark itself)")
    given = options.parse_args()
    if given.measure:
        network, threads, steps = given.measure
        print(measure(network, int(threads), int(steps), given.data_dir))
        return
    rows = [row for busy in given.busy for network in given.networks for row in compared(network, given, busy)]
    report("threads", rows, as_json=given.json, rounds=given.rounds)


def ways(spins_tried: Sequence[int]) -> dict[str, tuple[int, dict[str, str]]]:
    """Threads, and the variables of the process that has them, by what they are called."""
    from engine.device import usable_cores

    cores = usable_cores()
    return {
        "1 thread": (1, {}),
        **({f"{cores - 1} threads": (cores - 1, {})} if cores > 2 else {}),
        f"{cores} threads that spin": (cores, {}),
        f"{cores} threads that sleep": (cores, {"OMP_WAIT_POLICY": "passive"}),
        **{f"{cores} threads, {spins:,} spins": (cores, {"GOMP_SPINCOUNT": str(spins)}) for spins in spins_tried},
    }


def compared(network: str, given: argparse.Namespace, busy: int) -> list[Row]:
    """The table of one network in one surrounding."""
    tried, data_dir = ways(given.spins), given.data_dir
    if given.small:
        tried = dict([*tried.items()][:: len(tried) - 1])
    steps = 2 if given.small else NETWORKS[network]
    taken: dict[str, list[float]] = {name: [] for name in tried}
    with neighbours(busy):
        for _ in range(given.rounds):
            for name, (threads, variables) in tried.items():
                command = [sys.executable, "-m", "benchmarks.threads", "--measure", network, str(threads), str(steps)]
                command += ["--data-dir", str(data_dir)] if data_dir else []
                clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
                clean["OMP_NUM_THREADS"] = "1"  # as a run's process begins
                made = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, text=True, env={**clean, **variables}
                )  # fmt: skip
                taken[name].append(float(made.stdout))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    first = next(iter(middle.values()))
    beside = f"beside {busy} busy" if busy else "alone"
    return [
        Row(f"{network}, {beside}: {name}", 1000 * value, f"ms a step  {first / value:.2f}×")
        for name, value in middle.items()
    ]


@contextlib.contextmanager
def neighbours(count: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    there = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in there:
            process.kill()
            process.wait()


def measure(network: str, threads: int, steps: int, data_dir: Path | None) -> float:
    """Seconds of a step."""
    return seconds_of_a_step({"recipe": network} if network != "mlp" else {}, threads, steps, data_dir)


if __name__ == "__main__":
    main()
