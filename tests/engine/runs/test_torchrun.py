"""One run in two processes, over gloo on the CPU: the same samples in a batch, and every feature works on it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from engine.data.dataset import Split
from engine.data.loader import ResidentBatches
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import client, store
from engine.runs.state import RunState
from engine.runs.verify_resume import _losses, kill
from engine.training import events as ev
from engine.training.config import TrainConfig
from engine.training.loop import Score
from tests.engine.runs.test_host_resume import Follower, serve, state, wait, weights
from tests.support.waiting import wait_for

# 97: shards of 49 and 48 samples, and a last batch of 83.
CONFIG = TrainConfig(dataset="demo", epochs=2, threads=1, shuffle=True, optimizer="adam", batch_size=97, seed=3)


def create(home: Path, *agenda: tuple[int, int, str], config: TrainConfig = CONFIG, processes: int = 2) -> RunFolder:
    request = client.request(config, processes=processes) | {"agenda": [list(one) for one in agenda]}
    return store.create(home, request)


def workers(folder: RunFolder) -> list[psutil.Process]:
    """All processes of the run: torchrun, and those it started."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or []):
            found.append(process)
    return found


def all_gone(folder: RunFolder) -> bool:
    return wait_for(lambda: not workers(folder), f"the end of the processes of {folder.id}")


@pytest.fixture
def home(home: Path) -> Iterator[Path]:
    yield home
    for folder in store.run_folders(home):
        for process in workers(folder):
            os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_the_shards_of_a_batch_are_the_batch(size: int, shuffle: bool) -> None:
    rng = np.random.default_rng(0)
    split = Split("train", rng.integers(0, 255, (100, 28, 28), dtype=np.uint8), (np.arange(100) % 10).astype(np.uint8))

    def batches(rank: int, of: int) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
        made = ResidentBatches(split, 33, "cpu", shuffle=shuffle, seed=1)  # 33, 33, 33 and 1
        made.share(rank, of)
        made.set_epoch(1)
        return [(X, y, made.weight) for X, y in made]

    whole, parts = batches(0, 1), [batches(rank, size) for rank in range(size)]
    for step, (X, _, _) in enumerate(whole):
        shards = [part[step] for part in parts]
        counted = [shard for shard in shards if shard[2] > 0]
        samples = torch.cat([shard[0] for shard in counted])
        assert sorted(map(float, samples.sum((1, 2, 3)))) == pytest.approx(sorted(map(float, X.sum((1, 2, 3)))))
        mean = sum(float(shard[0].mean()) * shard[2] for shard in shards) / size
        assert mean == pytest.approx(float(X.mean()), rel=1e-5)


def test_the_scores_of_dealt_out_batches_are_the_score() -> None:
    one = Score((1.0, 3.0, 5.0), ((2, 0), (1, 1)), (2, 1, 1))
    other = Score((2.0, 4.0), ((0, 3), (0, 1)), (2, 2))
    together = Score.together([one, other])
    assert together.losses == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert together.confusion == ((2, 3), (1, 2))
    assert together.sizes == (2, 2, 1, 2, 1)


@pytest.mark.slow
def test_two_processes_train_the_same_and_obey_like_one(home: Path) -> None:
    alone = create(home, processes=1)
    serve(alone)
    straight = create(home)
    client.launch(straight)
    run = wait(straight, lambda run: run.done)
    assert run.status == "finished"
    assert "2 processes" in run.device_name
    # The same losses as one process, but for the order of additions.
    one, two = _losses(alone), _losses(straight)
    assert one.keys() == two.keys()
    for place, loss in one.items():
        assert two[place] == pytest.approx(loss, rel=2e-3), place
    tests = [[result.confusion for result in state(folder).tests] for folder in (alone, straight)]
    assert [sum(map(sum, confusion)) for confusion in tests[0]] == [sum(map(sum, c)) for c in tests[1]]
    assert all_gone(straight)

    # Paused, edited, saved, killed and gone on with: the same as the same without the kill.
    def edited(*, killed: bool) -> RunFolder:
        folder = create(home, (1, 20, "pause"), (2, 10, "checkpoint"), (2, 20, "pause"))
        client.launch(folder)
        wait(folder, lambda run: run.status == "paused")
        assert client.command(folder, "set", {"lr": "x2"}) == ["lr 0.001 → 0.002"]
        with pytest.raises(RunError, match="paused already"):
            client.command(folder, "pause")
        client.command(folder, "unpause")
        wait(folder, lambda run: run.status == "paused" and run.epoch == 2)
        if killed:
            kill(folder)
            assert all_gone(folder)  # the other one does not outlive it
            store.write_run(folder, store.read_run(folder) | {"agenda": []})
            assert client.resume(folder) == client.Resumed()
        else:
            client.command(folder, "unpause")
        assert wait(folder, lambda run: run.done).status == "finished"
        return folder

    plain, broken = edited(killed=False), edited(killed=True)
    assert weights(plain) == weights(broken)
    assert _losses(plain) == _losses(broken)
    assert state(broken).resumes[0].step == 10


@pytest.mark.slow
def test_a_signal_to_the_first_process_saves_and_ends_both_and_a_lone_one_may_go_on(home: Path) -> None:
    folder = create(home, config=TrainConfig.from_dict(CONFIG.to_dict() | {"epochs": 100_000}))
    client.launch(folder)
    wait(folder, lambda run: run.step > 3)
    record = store.read_host(folder)
    assert record is not None
    os.kill(record.pid, signal.SIGTERM)
    run: RunState = wait(folder, lambda run: run.done)
    assert all_gone(folder)
    assert (run.status, run.reason) == ("stopped", "SIGTERM")
    asked: dict[str, Any] = store.read_run(folder)
    store.write_run(folder, asked | {"processes": 1, "agenda": [[run.epoch + 1, 1, "stop"]]})
    resumed = serve(folder, {}).resumes[0]
    assert resumed.differences == ["processes 2, now 1"]
    assert [event.kind for event in Follower(folder).poll() if isinstance(event, ev.Stopped)] == ["stopped", "stopped"]
