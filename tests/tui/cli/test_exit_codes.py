"""Exit codes of commands, without a run's process: what the engine says decides them."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.home import RunFolder
from engine.runs import client, state_file, store, verify_resume
from engine.training import events as ev
from tui.cli import main, train

STARTED = ev.RunStarted(
    seq=1, t=1.0, config={"lr": 1e-3, "model": "mlp", "device": "cpu"}, device="cpu", device_name="a CPU", threads=1,
    dataset={"name": "demo", "title": "demo data", "demo": True, "train": 10, "test": 5, "classes": [], "checksum": ""},
    loader="resident", parameters=10, epochs=2, steps=5,
)  # fmt: skip


@pytest.mark.parametrize(("same", "code"), [(True, 0), (False, 1)])
def test_verify_resume_exits_with_1_where_it_differs(
    same: bool, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(verify_resume, "verify_resume", lambda *_, **__: same)
    assert main.main(["verify-resume", "--home", str(tmp_path)]) == code


FAILED = ev.Failed(seq=2, t=2.0, message="boom", log="host.log")
STOPPED = ev.Stopped(seq=2, t=2.0, epoch=1, step=2, reason="asked")
FINISHED = ev.Finished(seq=2, t=2.0, epochs=2, seconds=1.0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[ev.Event]:
    """The events of a run, which come one after another; its host lives until it has told the last."""
    events: list[ev.Event] = []

    class FromList:
        def __init__(self, *_: Any) -> None: ...

        def poll(self) -> list[ev.Event]:
            return [events.pop(0)] if events else []

    def read_on(_: RunFolder, folded: state_file.Folded) -> state_file.Folded:
        if events:
            folded.fold.add(events.pop(0))
        return folded

    monkeypatch.setattr(train, "Follower", FromList)
    monkeypatch.setattr(state_file, "read_on", read_on)
    monkeypatch.setattr(store, "alive", lambda folder: bool(events))
    return events


@pytest.mark.parametrize(("end", "code"), [(None, 1), (FAILED, 1), (STOPPED, 0), (FINISHED, 0)])
def test_stop_exits_with_1_unless_the_run_ended_well(
    end: ev.Event | None, code: int, told: list[ev.Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told += [STARTED, *([end] if end else [])]
    assert train.wait_for_end(RunFolder(tmp_path)) == code
    words = capsys.readouterr().out
    assert ("ended without finishing" in words) is (end is None)  # its process died


def test_a_stop_that_can_not_save_exits_with_1_while_the_run_lives_on(
    told: list[ev.Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = ev.Warned(seq=2, t=2.0, code="cannot_write", message="the disk is full", epoch=1, step=2)
    told += [STARTED, warned, ev.Paused(seq=3, t=3.0, epoch=1, step=2, reason="cannot_write"), FINISHED]
    assert train.wait_for_end(RunFolder(tmp_path)) == 1
    assert "did not stop: the disk is full" in capsys.readouterr().err
    assert told == [FINISHED]


@pytest.mark.parametrize(("end", "code"), [(None, 1), (FAILED, 1), (STOPPED, 0), (FINISHED, 0)])
def test_a_run_that_is_followed_exits_as_it_ended(
    end: ev.Event | None, code: int, told: list[ev.Event], tmp_path: Path
) -> None:
    told += [STARTED, *([end] if end else [])]
    assert train.follow(RunFolder(tmp_path), as_json=True) == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_a_signal_stopped_exits_with_128_and_its_number(
    number: signal.Signals, told: list[ev.Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    handler = signal.getsignal(number)

    def command(folder: RunFolder, name: str) -> None:
        sent.append(name)
        told.append(STOPPED)

    monkeypatch.setattr(client, "command", command)
    # The command's own clock: another thread that sleeps would send the signal where nobody awaits it.
    clock = SimpleNamespace(**vars(time) | {"sleep": lambda seconds: os.kill(os.getpid(), number)})
    monkeypatch.setattr("tui.cli.train.time", clock)
    monkeypatch.setattr(store, "alive", lambda folder: not sent or bool(told))
    told += [STARTED]
    assert train.follow(RunFolder(tmp_path), as_json=True) == 128 + number
    assert sent == ["stop"]
    assert signal.getsignal(number) is handler
