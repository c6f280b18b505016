"""A host that is stopped for a while, as by SIGSTOP, trains on; that while is no training."""

import os
import signal
import time
from pathlib import Path

import pytest

from engine.checkpoints.read import newest_good
from engine.home import RunFolder
from engine.runs import client, log, store
from engine.runs.state import fold
from engine.training import events as ev
from engine.training.running_time import STOPPED_S, TICK_S
from tests.engine.runs.test_host import LONG, gone, host, wait

A_LITTLE_S = 0.1  # the times are rounded, and a signal takes a moment


def has_gone_on(folder: RunFolder, before: int) -> None:
    wait(folder, lambda run: run.steps_done > before)


@pytest.mark.slow
def test_the_time_in_which_a_host_was_stopped_is_no_training(home: Path) -> None:
    folder = client.start(home, LONG)
    wait(folder, lambda run: run.steps_done > 0)
    stopped_s = 0.0
    for _ in range(2):
        os.kill(host(folder).pid, signal.SIGSTOP)
        begin = time.monotonic()
        time.sleep(2 * STOPPED_S)
        stopped_s += time.monotonic() - begin
        os.kill(host(folder).pid, signal.SIGCONT)
        has_gone_on(folder, fold(log.read(folder).events).steps_done)
    client.command(folder, "stop")
    assert gone(folder)
    events = log.read(folder).events
    (started,) = [event for event in events if isinstance(event, ev.RunStarted)]
    run = fold(events)
    most = events[-1].t - started.t - stopped_s + 2 * (TICK_S + A_LITTLE_S)
    assert 0 < run.training_s < most
    found = newest_good(folder)
    assert found is not None
    assert 0 < found[1]["training_s"] < most
    assert store.read_run(folder)["config"]["epochs"] == LONG.epochs
