"""The one thread in which a run is set up and trained."""

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.runs import launch, store
from engine.runs.host import take
from engine.runs.torch_thread import TorchThread
from engine.training.config import TrainConfig
from engine.training.session import TrainingSession


def test_what_it_is_given_is_done_in_turn_and_in_one_thread() -> None:
    thread, done = TorchThread("training"), list[tuple[int, int]]()
    for number in range(20):
        thread.begin(lambda number=number: done.append((number, threading.get_ident())))  # type: ignore[misc]
    assert thread.call(threading.get_ident) != threading.get_ident()
    assert [number for number, _ in done] == list(range(20))
    assert len({ident for _, ident in done}) == 1
    thread.close()


def test_what_it_raises_comes_to_who_called_and_the_thread_goes_on() -> None:
    thread = TorchThread("training")
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    with pytest.raises(SystemExit):
        thread.call(lambda: (_ for _ in ()).throw(SystemExit(3)))
    future = thread.begin(lambda: 1 // 0)
    assert thread.call(lambda: 5) == 5
    assert isinstance(future.exception(), ZeroDivisionError)
    thread.close()


def test_a_run_is_set_up_and_trained_in_the_same_thread(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[int] = []
    begin, run = launch.begin, TrainingSession.run

    def noted(function: Any) -> Any:
        def call(*given: Any) -> Any:
            where.append(threading.get_ident())
            return function(*given)

        return call

    monkeypatch.setattr(launch, "begin", noted(begin))
    monkeypatch.setattr(TrainingSession, "run", noted(run))
    config = TrainConfig(dataset="demo", epochs=1).to_dict()
    assert take(store.create(home, {"config": config})).serve(stop_on=()) == 0
    assert len(where) == 2
    assert len(set(where)) == 1
    assert where[0] != threading.get_ident()
