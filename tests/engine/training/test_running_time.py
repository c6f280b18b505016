"""Time without the stretches in which the process was stopped; the clock and the processor time are made up."""

import os
import time

import pytest

from engine.training.running_time import STOPPED_S, TICK_S, RunningTime


class Machine:
    """What the process sees of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cpu = 1000.0, 50.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.cpu)
        monkeypatch.setattr(os, "cpu_count", lambda: 4)
        monkeypatch.setattr("threading.Thread.start", lambda self: None)
        self.time = RunningTime()

    def passes(self, seconds: float, cpu: float = 0.0) -> None:
        self.now += seconds
        self.cpu += cpu


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(monkeypatch)
    made.time.watch()
    return made


def test_time_passes_as_it_does_while_the_process_runs(machine: Machine) -> None:
    begin = machine.time.now()
    for _ in range(100):
        machine.passes(TICK_S, 4 * TICK_S)
        machine.time.now()
    assert machine.time.now() - begin == pytest.approx(100 * TICK_S)


@pytest.mark.parametrize("stopped", [3.0, 60.0, 86400.0])
def test_a_stretch_in_which_it_was_stopped_is_left_out(machine: Machine, stopped: float) -> None:
    machine.passes(10 * TICK_S)
    begin = machine.time.now()
    machine.passes(stopped, cpu=4 * TICK_S)  # all four cores computed until it was stopped
    assert machine.time.now() - begin == pytest.approx(TICK_S)
    machine.passes(1.0, 1.0)
    assert machine.time.now() - begin == pytest.approx(1 + TICK_S)
    machine.passes(stopped)
    assert machine.time.now() - begin == pytest.approx(1 + 2 * TICK_S)


def test_a_busy_machine_and_one_long_computation_are_no_stop(machine: Machine) -> None:
    begin = machine.time.now()
    machine.passes(STOPPED_S)
    machine.passes(0.0)
    assert machine.time.now() - begin == pytest.approx(STOPPED_S)
    machine.passes(30.0, cpu=29.0)  # something held the interpreter's lock for so long
    assert machine.time.now() - begin == pytest.approx(STOPPED_S + 30)


def test_without_a_thread_that_watches_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    begin = machine.time.now()
    machine.passes(3600.0)
    assert machine.time.now() - begin == pytest.approx(3600)
