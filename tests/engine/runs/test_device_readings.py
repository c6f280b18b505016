"""What a host tells of its device: in a thread of its own, into the log, whatever the device's library does."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine import device
from engine.gpu import open_card
from engine.runs import client, store
from engine.runs import host as host_module
from engine.runs.device_readings import DeviceReadings
from engine.runs.follower import Follower
from engine.runs.host import take
from engine.runs.state import fold
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.engine.test_gpu import shared
from tests.support.fake_nvml import FakeNvml
from tests.support.waiting import HANG_S, wait_for

CPU = torch.device("cpu")
SESSION: Any = SimpleNamespace(epoch=2, step=5)


def meter(read: Callable[[], device.Reading], *problems: str) -> Any:
    """A kind of meter; each of `problems` is told once."""
    left = list(problems)

    def told() -> list[str]:
        now, left[:] = left[:], []
        return now

    return lambda of: SimpleNamespace(read=read, problems=told)


@pytest.fixture
def told() -> list[ev.Event]:
    return []


def test_each_reading_is_told_and_what_can_not_be_read_before_it(
    told: list[ev.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([device.Reading(load=0.25, memory=5), device.Reading(load=0.5, memory=6, watts=100.0)])
    monkeypatch.setattr("engine.device.Meter", meter(lambda: next(readings), "no temperature"))
    reader = DeviceReadings(CPU, SESSION, told.append)
    reader.start()
    reader.ask()
    wait_for(lambda: len(told) == 2, "the first reading")
    reader.ask()
    wait_for(lambda: len(told) == 3, "the second reading")
    reader.close()
    assert told == [
        ev.Warned(code="no_readings", message="no temperature", epoch=2, step=5),
        ev.Readings(load=0.25, memory=5, memory_total=None),
        ev.Readings(load=0.5, memory=6, memory_total=None, watts=100.0),
    ]


def test_a_driver_that_hangs_holds_up_nobody_and_tells_nothing_afterwards(
    told: list[ev.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def hang() -> device.Reading:
        reading.set()
        go_on.wait(HANG_S)
        return device.Reading(load=1.0)

    monkeypatch.setattr("engine.device.Meter", meter(hang))
    reader = DeviceReadings(CPU, SESSION, told.append)
    reader.start()
    reader.ask()
    assert reading.wait(HANG_S)
    reader.ask()
    reader.close()  # returns while the driver hangs
    go_on.set()
    wait_for(lambda: not reader._thread.is_alive(), "the end of the thread")
    assert told == []


@pytest.mark.slow
def test_a_run_has_the_cards_readings_in_its_log_and_what_is_missing_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trains on the CPU; the card beside it is a stand-in."""
    card = shared("GPU-1")
    nvml = FakeNvml(card)
    nvml.broken = {"nvmlDeviceGetTemperatureV": "Not Supported", "nvmlDeviceGetTemperature": "Not Supported"}
    monkeypatch.setitem(sys.modules, "pynvml", nvml)

    def made(of: torch.device) -> Any:
        opened = open_card("GPU-1", 0)
        return SimpleNamespace(
            read=lambda: device.Reading(**vars(opened.read()), memory=1000), problems=opened.problems
        )

    monkeypatch.setattr("engine.device.Meter", made)
    monkeypatch.setattr(host_module, "READINGS_S", 0.02)
    folder = store.create(home, client.request(TrainConfig(dataset="demo", epochs=2, threads=1)) | {"agenda": []})
    assert take(folder).serve() == 0
    events = list(Follower(folder).poll())
    readings = [event for event in events if isinstance(event, ev.Readings)]
    assert len(readings) > 1
    assert {(one.watts, one.watts_limit, one.others, one.temperature) for one in readings} == {(221.5, 700.0, 2, None)}
    warned = [event for event in events if isinstance(event, ev.Warned) and event.code == "no_readings"]
    assert [one.message for one in warned] == ["the GPU does not tell its temperature (Not Supported)"]
    assert isinstance(events[-1], ev.Finished)
    run = fold(events)
    assert {point.mean for point in run.curves["watts"]} == {221.5}
    assert "temperature" not in run.curves
