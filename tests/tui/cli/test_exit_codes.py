"""Exit codes of commands, without a run's process: what the engine says decides them."""

from pathlib import Path
from typing import Any

import pytest

from engine.runs import store, verify_resume
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


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 1),  # its process died
        (ev.Failed(seq=2, t=2.0, message="boom", log="host.log"), 1),
        (ev.Stopped(seq=2, t=2.0, epoch=1, step=2, reason="asked"), 0),
        (ev.Finished(seq=2, t=2.0, epochs=2, seconds=1.0), 0),
    ],
)
def test_stop_exits_with_1_unless_the_run_ended_well(
    end: ev.Event | None, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events = [STARTED, *([end] if end else [])]

    class FromList:
        def __init__(self, *_: Any) -> None: ...

        def poll(self) -> list[ev.Event]:
            return [events.pop(0)] if events else []

    monkeypatch.setattr(train, "Follower", FromList)
    monkeypatch.setattr(store, "alive", lambda folder: bool(events))
    assert train.wait_for_end(tmp_path) == code
