"""The worker process as a screen asks it: what goes wrong on the way is one line, and the next request is answered."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.errors import BugError, InspectionCancelledError, InspectionError
from engine.inspection.model_requests import SummaryRequest
from engine.sources import NetworkRef, NewModel
from engine.weights.requests import FileRequest
from engine.worker import wire
from engine.worker.client import WorkerClient
from tests.support.waiting import wait_for


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerClient]:
    started = WorkerClient(home)
    yield started
    started.close()


ASKED = SummaryRequest(NetworkRef(NewModel("mlp"), dataset="demo"))


@pytest.mark.slow
def test_what_can_not_be_sent_is_a_line_with_a_log_and_the_next_request_is_answered(
    worker: WorkerClient, home: Path
) -> None:
    odd: Any = object()
    with pytest.raises(BugError, match=r"a bug: TypeError: a object can't be sent.*traceback in .*worker\.log"):
        worker.ask(replace(ASKED, network=odd))
    assert "in _encoded_numpy" in (home / "worker.log").read_text()
    assert worker.ask(ASKED).classes


@pytest.mark.usefixtures("cold")
@pytest.mark.slow
def test_a_process_that_was_prepared_says_when_torch_is_there_and_one_that_is_closed_meanwhile_is_gone(
    worker: WorkerClient, home: Path
) -> None:
    worker.prepare()
    process = worker._process
    assert not worker.ready
    wait_for(lambda: worker.ready, "torch")
    assert worker.ask(ASKED).classes
    assert worker._process is process
    hurried = WorkerClient(home)
    hurried.prepare()
    process = hurried._process
    hurried.close()
    assert process is not None
    assert process.poll() is not None
    hurried.prepare()
    assert hurried._process is process  # nothing starts after the end


@pytest.mark.usefixtures("cold")
@pytest.mark.slow
def test_what_needs_no_torch_is_answered_without_it(worker: WorkerClient, tmp_path: Path) -> None:
    """A process that is prepared imports it once nobody asks: a file is listed before that."""
    path = tmp_path / "weights.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    worker.prepare()
    assert [one.name for one in worker.ask(FileRequest(path)).tensors] == ["a"]
    assert not worker.ready
    assert worker.ask(ASKED).classes
    assert worker.ready


@pytest.mark.slow
def test_reading_a_file_says_how_far_it_is_and_can_be_cancelled(worker: WorkerClient, tmp_path: Path) -> None:
    path = tmp_path / "long.pkl"
    path.write_bytes(b"\x80\x04" + b"N0" * 2_000_000 + b"N.")
    said: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        said.append((done, total))
        if len(said) == 2:
            worker.cancel()

    with pytest.raises(InspectionCancelledError):
        worker.ask(FileRequest(path), progress)
    assert [total for _, total in said] == [path.stat().st_size] * len(said)
    assert said[0][0] < said[1][0] < said[1][1]
    assert worker.ask(FileRequest(path)).counts["tensors"] == 0


@pytest.mark.slow
def test_an_answer_that_can_not_be_read_is_a_line_with_a_log_and_the_next_request_is_answered(
    worker: WorkerClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = wire.receive

    def broken(stream: Any) -> Any:
        receive(stream)
        raise ValueError("out of step")

    monkeypatch.setattr(wire, "receive", broken)
    with pytest.raises(BugError, match="a bug: ValueError: out of step"):
        worker.ask(ASKED)
    monkeypatch.setattr(wire, "receive", receive)
    assert worker.ask(ASKED).classes
    assert "in broken" in (home / "worker.log").read_text()


def test_a_process_that_can_not_start_is_one_line(worker: WorkerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any, **__: Any) -> Any:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", no_memory)
    with pytest.raises(InspectionError, match="the worker process can't start: Cannot allocate memory"):
        worker.ask(ASKED)
