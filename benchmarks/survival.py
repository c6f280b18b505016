"""What a run survives: its host killed with kill -9 at any moment, its app's terminal closed.

    python -m benchmarks.survival --kills 50

Each killed run is resumed, and in the end has to be the run that nobody touched, bit for bit: the same weights, the
same state of the optimizer, the same losses. Half of the kills wait for a checkpoint to be under way. Exit code 1 where
anything did not survive.
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.table import Row, at_most, parser, report
from engine.checkpoints.read import newest_good
from engine.home import RunFolder
from engine.runs import client, store
from engine.runs.follower import Follower
from engine.runs.state import RunState, fold
from engine.runs.verify_resume import _losses, fingerprint, kill
from engine.training.config import TrainConfig
from tests.support.terminal import PROGRAM, Terminal
from tests.support.waiting import HANG_S

LONGEST_STRETCH_S = 1.2  # of training between a resume and the next kill
APP_GONE_S = 1.0


@dataclass
class Tally:
    """What was tried, and what came of it."""

    tried: int = 0
    survived: int = 0
    while_writing: int = 0
    passed_over: int = 0  # checkpoints that a resume found bad
    seconds: list[float] = field(default_factory=list)


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--kills", type=int, default=50, help="of the host")
    options.add_argument("--terminals", type=int, default=None, help="closed under the app (default: as many)")
    options.add_argument(
        "--epochs", type=int, default=120, help="of the demo data, of a run that is killed again and again"
    )
    options.add_argument("--seed", type=int, default=0, help="of the moments")
    given = options.parse_args()
    config = TrainConfig(
        dataset="demo", epochs=given.epochs, threads=1, shuffle=True, optimizer="adam", schedule="one_cycle",
        checkpoint_every=0.1, keep="2",
    )  # fmt: skip
    random.seed(given.seed)
    home = Path(tempfile.mkdtemp(prefix="fmnist-survival-"))
    try:
        kills = kill_hosts(home, config, given.kills)
        terminals = close_terminals(home, config, given.kills if given.terminals is None else given.terminals)
    finally:
        for folder in store.run_folders(home):
            kill(folder)
        shutil.rmtree(home, ignore_errors=True)
    rows = [
        all_of("host killed with kill -9 and resumed: the run is the untouched one", kills),
        Row("  of these, killed while a file was being written", kills.while_writing, f"of {kills.tried}"),
        Row("  checkpoints found bad at a resume", kills.passed_over, ""),
        all_of("terminal closed under the app: the run is the untouched one", terminals),
    ]
    if terminals.seconds:
        rows.append(at_most("  the app was gone after, at most", max(terminals.seconds), APP_GONE_S, "s"))
    report("survival", rows, as_json=given.json)
    return 0 if all(row.met for row in rows if row.target == "all") else 1


def all_of(what: str, tally: Tally) -> Row:
    return Row(what, tally.survived, f"of {tally.tried}", "all", tally.survived == tally.tried)


def kill_hosts(home: Path, config: TrainConfig, kills: int) -> Tally:
    """Runs killed and resumed until there were `kills`; each is compared with one that nobody touched."""
    tally = Tally()
    if not kills:
        return tally
    untouched = client.start(home, config)
    wait(untouched, lambda run: run.done)
    wanted = outcome(untouched)
    while tally.tried < kills:
        folder, mine = client.start(home, config), 0
        while tally.tried < kills:
            if not strike(folder, while_writing=tally.tried % 2 == 1):
                break  # it had finished
            tally.tried, mine = tally.tried + 1, mine + 1
            tally.while_writing += bool(list(folder.path.rglob(".*.part")))
            tally.passed_over += len(client.resume(folder).bad)
            tell(f"host killed {tally.tried} of {kills} times: went on at {where(folder)}")
        wait(folder, lambda run: run.done)
        if outcome(folder) == wanted:
            tally.survived += mine
        else:
            tell(f"NOT THE SAME RUN: {folder}")
        shutil.rmtree(folder.path)
    return tally


def strike(folder: RunFolder, *, while_writing: bool) -> bool:
    """Kill the run's host at a random moment, or, `while_writing`, as soon after it as a file is under way. Returns
    whether it was killed before it had finished."""
    record = store.read_host(folder)
    assert record is not None
    time.sleep(random.uniform(0.0, LONGEST_STRETCH_S))
    until = time.monotonic() + 5
    while while_writing and time.monotonic() < until and not any(folder.path.rglob(".epoch-*.part")):
        pass
    if fold(Follower(folder).poll()).done:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGKILL)
    with contextlib.suppress(psutil.Error):
        psutil.Process(record.pid).wait(HANG_S)
    return not fold(Follower(folder).poll()).done


def close_terminals(home: Path, config: TrainConfig, times: int) -> Tally:
    """The app opened on a run and taken away, again and again; then the run's losses against an untouched one's."""
    tally = Tally()
    if not times:
        return tally
    long = TrainConfig.from_dict(config.to_dict() | {"epochs": 100_000, "schedule": "constant", "checkpoint_every": 60})
    folder = client.start(home, long)
    for number in range(times):
        terminal = Terminal([PROGRAM, "--home", str(home), "watch", folder.id], columns=80, rows=24, draw=False)
        terminal.wait_for_raw(b"samples/s")
        time.sleep(random.uniform(0.0, 0.5))
        begin = time.monotonic()
        match number % 3:
            case 0:
                terminal.hang_up()
            case 1:
                os.killpg(terminal.process.pid, signal.SIGHUP)
            case 2:
                os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.exit_code()
        tally.seconds.append(time.monotonic() - begin)
        terminal.kill()
        terminal.hang_up()
        tally.tried += 1
        tell(f"terminal closed {tally.tried} of {times} times")
    alive = store.alive(folder)
    last = fold(Follower(folder).poll()).epoch + 2
    client.command(folder, "set", {"epochs": str(last)})
    wait(folder, lambda run: run.done)
    untouched = client.start(home, TrainConfig.from_dict(long.to_dict() | {"epochs": last}))
    wait(untouched, lambda run: run.done)
    if alive and outcome(folder) == outcome(untouched):
        tally.survived = tally.tried
    return tally


def outcome(folder: RunFolder) -> object:
    """What must be equal: the weights, the optimizer's and the generators' states, and every loss that was told."""
    found = newest_good(folder)
    assert found is not None
    content = found[1]
    return fingerprint([content["model"], content["optimizer"], content["rng"]]), _losses(folder)


def where(folder: RunFolder) -> str:
    run = fold(Follower(folder).poll())
    return f"epoch {run.resumes[-1].epoch}, step {run.resumes[-1].step}" if run.resumes else "its start"


def wait(folder: RunFolder, until: Callable[[RunState], bool]) -> RunState:
    while True:
        alive = store.alive(folder)
        run = fold(Follower(folder).poll())
        if until(run) and not alive:
            return run
        assert alive or until(run), f"{folder}: its host is gone"
        time.sleep(0.1)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
