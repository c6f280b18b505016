"""A resume right after a stop waits for the stopped run's process; one of a run that trains is refused at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunError
from engine.runs import client, store
from engine.training import events as ev
from tests.support.made_up import MadeUpRun


@pytest.fixture
def made(home: Path, monkeypatch: pytest.MonkeyPatch) -> MadeUpRun:
    made = MadeUpRun(home, "20260101-101010-aaaa")
    made.train([1])
    store.write_run(made.folder, store.read_run(made.folder) | {"dataset": {"name": "demo"}})  # it has started once
    record = store.read_host(made.folder)
    assert record is not None
    store.restore_host(made.folder, replace(record, socket="/tmp/nobody-listens"))
    monkeypatch.setattr("engine.runs.client.time.sleep", lambda seconds: None)
    return made


def lives(monkeypatch: pytest.MonkeyPatch, looks: int) -> list[int]:
    """The process lives for so many looks at it; how many there were."""
    count = [0]

    def alive(folder: object) -> bool:
        count[0] += 1
        return count[0] <= looks

    monkeypatch.setattr(store, "alive", alive)
    return count


def answers(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | None) -> list[str]:
    """What the host answers, None: nothing; the commands that it was asked."""
    asked: list[str] = []

    def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["command"])
        if answer is None:
            raise RunError("its host does not answer")
        return answer

    monkeypatch.setattr(client, "ask", ask)
    return asked


@pytest.mark.parametrize(
    "end",
    [ev.Stopped(epoch=1, step=100, reason="asked"), ev.Finished(epochs=10, seconds=2), ev.Failed(message="x", log="")],
)
def test_a_run_that_is_over_is_waited_for(made: MadeUpRun, monkeypatch: pytest.MonkeyPatch, end: ev.Event) -> None:
    made.add(end)
    looks, asked = lives(monkeypatch, 5), answers(monkeypatch, None)
    client.check_resumable(made.folder)
    assert looks == [6]
    assert asked == []


def test_so_is_one_that_was_told_to_stop(made: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, asked = lives(monkeypatch, 5), answers(monkeypatch, {"ok": True, "state": "training", "stopping": True})
    client.check_resumable(made.folder)
    assert looks == [6]
    assert asked == ["status"]


@pytest.mark.parametrize("answer", [{"ok": True, "stopping": False}, {"ok": True, "state": "training"}, None])
def test_one_that_trains_is_refused_at_once(
    made: MadeUpRun, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | None
) -> None:
    looks = lives(monkeypatch, 10**6)
    answers(monkeypatch, answer)
    with pytest.raises(RunError, match=r"is running .* watch it with: fmnist-tui watch 20260101-101010-aaaa"):
        client.check_resumable(made.folder)
    assert looks == [2]


def test_so_is_one_whose_next_process_is_starting(made: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made.add(ev.Stopped(epoch=1, step=100, reason="asked"))
    record = store.read_host(made.folder)
    assert record is not None
    store.restore_host(made.folder, replace(record, socket=""))
    lives(monkeypatch, 10**6)
    with pytest.raises(RunError, match="is running"):
        client.check_resumable(made.folder)


def test_it_does_not_wait_for_ever(made: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made.add(ev.Stopped(epoch=1, step=100, reason="asked"))
    lives(monkeypatch, 10**6)
    now = [0.0]

    def monotonic() -> float:
        now[0] += 50
        return now[0]

    monkeypatch.setattr("engine.runs.client.time.monotonic", monotonic)
    with pytest.raises(RunError, match=r"has stopped, but its process .* still lives; try again later"):
        client.check_resumable(made.folder)
