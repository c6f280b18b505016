"""Parts of a host, without a process: when it leaves, and the order in which it writes."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from engine.runs import host as host_module
from engine.runs.host import Host
from engine.training import events as ev


@pytest.mark.parametrize(
    ("now", "saving", "ended", "leaves"),
    [
        (103.9, False, False, False),  # the step is given its time, …
        (104.0, False, False, True),
        (104.0, True, False, False),  # … and a checkpoint that is being written more
        (163.9, True, False, False),
        (164.0, True, False, True),
        (164.0, False, True, False),  # it has ended by itself
    ],
)
def test_a_host_leaves_with_the_newest_checkpoint_where_its_time_is_up(
    now: float, saving: bool, ended: bool, leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[ev.Event] = []
    codes: list[int] = []
    monkeypatch.setattr("engine.runs.host.time.monotonic", lambda: now)
    monkeypatch.setattr("engine.runs.host.os._exit", codes.append)
    stopping: Any = SimpleNamespace(
        _session=SimpleNamespace(saving=saving, ended=ended, epoch=3, step=7), _signal=signal.SIGTERM,
        _leave_at=100.0 + host_module.LEAVE_S, _sink=events.append, _log=SimpleNamespace(sync=lambda: None),
    )  # fmt: skip
    Host._leave_in_time(stopping)
    assert codes == ([128 + signal.SIGTERM] if leaves else [])
    assert events == ([ev.Stopped(epoch=3, step=7, reason="SIGTERM")] if leaves else [])


def test_the_log_is_on_the_disk_before_the_checkpoint() -> None:
    done: list[str] = []

    saved = ev.CheckpointSaved(file="x.pt", epoch=3, step=1, bytes=1, sha256="")

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        done.append(f"{content['epoch']} {reason}")
        return saved

    saving: Any = SimpleNamespace(
        _log=SimpleNamespace(sync=lambda: done.append("sync")), _writer=SimpleNamespace(save=save)
    )
    assert Host._save(saving, {"epoch": 3}, "time") is saved
    assert done == ["sync", "3 time"]
