"""The queue: its file, its order, and its scheduler, with real processes where something is killed."""

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.hosting import record_file
from engine.queue import client, queue_file, resources, shown
from engine.queue.queue_file import Queue, Started, Waiting
from engine.queue.scheduler import MOST_RESTARTS, Scheduler, serve
from engine.runs import client as runs
from engine.runs import listing, store
from engine.runs.follower import Follower
from engine.runs.state import RunState, fold
from engine.runs.verify_resume import kill
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.waiting import wait_for

QUICK = TrainConfig(dataset="demo", epochs=1, threads=1, batch_size=1024)


def made(home: Path, **settings: Any) -> RunFolder:
    config = TrainConfig.from_dict(QUICK.to_dict() | settings)
    return store.create(home, runs.request(config) | {"prepared": True})


def state(folder: RunFolder) -> RunState:
    return fold(Follower(folder).poll())


def begun(folder: RunFolder) -> int:
    """How often the run was begun at its first step."""
    return sum(isinstance(event, ev.RunStarted) for event in Follower(folder).poll())


@pytest.fixture
def no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the queue but the test."""
    monkeypatch.setattr(client, "ensure_scheduler", lambda home: False)


@pytest.fixture
def ending(home: Path) -> Iterator[None]:
    """Whatever the test leaves running in its home is ended."""
    yield
    path = Home(home).scheduler_json
    record = record_file.read(path)
    if record is not None and record_file.lives(path, record) and record.pid != os.getpid():
        _kill(record.pid)
    for folder in store.run_folders(home):
        kill(folder)


def _kill(pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.kill()
        process.wait(10)


@pytest.mark.usefixtures("no_scheduler")
def test_runs_wait_in_the_order_in_which_they_came_and_can_be_moved(home: Path) -> None:
    one, two, three = (made(home) for _ in range(3))
    client.add(home, [one, two])
    client.add(home, [three, one])
    order = [waiting.run for waiting in queue_file.read(home).waiting]
    assert order == [one.id, two.id, three.id], "none twice"
    for to, expected in (
        (lambda place, _: place - 1, [one.id, three.id, two.id]),
        (lambda place, _: place - 5, [three.id, one.id, two.id]),
        (lambda place, _: place + 1, [one.id, three.id, two.id]),
        (lambda _, count: count, [one.id, two.id, three.id]),
        (lambda _, __: 99, [one.id, two.id, three.id]),
        (lambda _, __: 2, [one.id, three.id, two.id]),
    ):
        queue = client.move(home, three.id, to)
        assert [waiting.run for waiting in queue.waiting] == expected


@pytest.mark.usefixtures("no_scheduler")
def test_a_run_is_held_released_and_cancelled(home: Path) -> None:
    folder = made(home)
    client.add(home, [folder])
    assert client.hold(home, folder.id).ready == ()
    rows = [listing.summary(folder)]
    assert [row.state for row in shown.with_queue(rows, queue_file.read(home))] == ["held"]
    assert client.hold(home, folder.id, held=False).ready == (Waiting(folder.id),)
    assert [row.state for row in shown.with_queue(rows, queue_file.read(home))] == ["queued"]
    client.cancel(home, folder.id)
    assert queue_file.read(home) == Queue()
    assert not folder.path.exists()
    for act in (client.hold, client.cancel):
        with pytest.raises(RunError, match="does not wait: it is not in the queue"):
            act(home, folder.id)


@pytest.mark.usefixtures("no_scheduler")
def test_a_run_that_was_started_is_not_cancelled(home: Path) -> None:
    folder = made(home)
    queue_file.change(home, lambda queue: Queue(started=(Started(folder.id),)))
    with pytest.raises(RunError, match="the queue has started it"):
        client.cancel(home, folder.id)
    assert folder.path.is_dir()


@pytest.mark.parametrize("slots", [0, -1, 65])
def test_so_many_at_once_are_refused(home: Path, slots: int) -> None:
    with pytest.raises(RunError, match="from 1 to 64"):
        client.set_slots(home, slots)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b'{"v": 2}', b'{"slots": 0}', b'{"slots": "1"}', b'{"waiting": [{"run": "../x"}]}',
        b'{"waiting": [{"run": ".."}]}', b'{"waiting": [{"run": ""}]}', b'{"started": [{"run": "a", "restarts": -1}]}',
        b'{"waiting": ' + b"[" * 100_000, b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_queue_that_can_not_be_read_is_named_and_stays(home: Path, content: bytes) -> None:
    path = Home(home).queue
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"queue\.json can't be read \(.*\); mend it, or move it away"):
        client.add(home, [])
    assert path.read_bytes() == content
    assert shown.read(home) == Queue()


def test_changes_of_many_at_once_are_all_there(home: Path) -> None:
    def put(run: str) -> None:
        queue_file.change(home, lambda queue: Queue(waiting=(*queue.waiting, Waiting(run))))

    def add(at: int) -> None:
        for number in range(10):
            put(f"{at}-{number}")

    threads = [threading.Thread(target=add, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.run for one in queue_file.read(home).waiting}) == 80


def test_cores_and_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.device.usable_cores", lambda: 9)
    assert [resources.threads_of({"threads": 0}, slots) for slots in (1, 2, 3, 20)] == [8, 4, 2, 1]
    assert resources.threads_of({"threads": 5}, 4) == 5
    assert resources.gpus({"CUDA_VISIBLE_DEVICES": "2,GPU-ab"}) == ["2", "GPU-ab"]
    assert resources.gpus({"CUDA_VISIBLE_DEVICES": ""}) == []
    assert resources.gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == []
    assert resources.gpu_of({}, ["0", "1", "2"], ["0", "1", "0"]) == "2"
    assert resources.gpu_of({"device": "cuda"}, ["0", "1"], ["0", "1"]) == "0"
    assert resources.gpu_of({"device": "cuda:1"}, ["0", "1"], []) is None
    assert resources.gpu_of({"device": "cpu"}, ["0", "1"], []) is None
    assert resources.gpu_of({}, ["0"], []) is None


@pytest.mark.usefixtures("ending")
def test_each_run_is_trained_once_in_turn_and_the_scheduler_ends(home: Path) -> None:
    folders = [made(home, seed=seed) for seed in range(3)]
    client.set_slots(home, 2)
    client.add(home, folders)
    assert client.scheduler_lives(home) or wait_for(lambda: client.scheduler_lives(home), "the scheduler")
    wait_for(lambda: all(state(folder).status == "finished" for folder in folders), "the ends of the runs")
    wait_for(lambda: not client.scheduler_lives(home), "the end of the scheduler")
    assert queue_file.read(home) == Queue(slots=2)
    assert [begun(folder) for folder in folders] == [1, 1, 1]
    assert not Home(home).scheduler_json.exists()


@pytest.mark.usefixtures("ending")
def test_what_can_not_start_fails_and_the_next_one_trains(home: Path) -> None:
    bad, good = made(home, model="torchvision:vgg16", freeze="nothing.like.it"), made(home)
    client.add(home, [bad, good])
    wait_for(lambda: state(good).status == "finished", "the end of the second run")
    failed = state(bad)
    assert failed.status == "failed"
    assert "no parameter of torchvision:vgg16 matches" in failed.reason
    assert bad.path.is_dir()


@pytest.mark.usefixtures("ending")
def test_two_schedulers_are_one(home: Path) -> None:
    held = record_file.lock(_made_lock(home), Home(home).scheduler_json)
    assert held is not None
    try:
        queue_file.change(home, lambda queue: Queue(waiting=(Waiting("a"),)))
        assert serve(home) == 0
        assert queue_file.read(home).waiting == (Waiting("a"),)
    finally:
        os.close(held)


def _made_lock(home: Path) -> Path:
    path = Home(home).scheduler_lock
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.usefixtures("ending", "no_scheduler")
def test_a_scheduler_that_was_killed_before_it_started_a_run_is_followed_by_one_that_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.queue.scheduler.SETTLE_S", 0.0)
    folder = made(home)
    folder.host_json.unlink()
    queue_file.change(home, lambda queue: Queue(started=(Started(folder.id),)))
    assert serve(home) == 0
    assert (state(folder).status, begun(folder)) == ("finished", 1)


@pytest.mark.usefixtures("ending", "no_scheduler")
def test_a_run_whose_host_was_killed_is_gone_on_with(home: Path) -> None:
    folder = made(home, epochs=3, checkpoint_every=0.0)
    store.write_run(folder, store.read_run(folder) | {"agenda": [[2, 2, "pause"]]})
    runs.begin(folder)
    wait_for(lambda: state(folder).status == "paused", "the pause")
    kill(folder)
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    queue_file.change(home, lambda queue: Queue(started=(Started(folder.id),)))
    assert serve(home) == 0
    run = state(folder)
    assert (run.status, begun(folder), len(run.resumes)) == ("finished", 1, 1)


@pytest.mark.usefixtures("no_scheduler")
def test_a_run_whose_host_dies_again_and_again_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(home)
    folder.host_json.unlink()
    tried: list[str] = []

    def begin(folder: RunFolder, **_: Any) -> None:
        tried.append(folder.id)  # its host dies at once, without a word

    monkeypatch.setattr(runs, "begin", begin)
    queue_file.change(home, lambda queue: Queue(waiting=(Waiting(folder.id),)))
    scheduler = Scheduler(home)
    for _ in range(8):
        scheduler.look()
        scheduler.wait()
    assert tried == [folder.id] * 4
    assert queue_file.read(home) == Queue()


@pytest.mark.usefixtures("no_scheduler")
def test_a_run_whose_host_is_killed_while_it_starts_is_started_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(home)
    folder.host_json.unlink()  # as who puts it into the queue does: this process is not its host
    begun = list[str]()

    def begin(folder: RunFolder, **_: Any) -> None:
        begun.append(folder.id)
        raise runs.KilledError("the run's host process died while starting (exit -9)")

    monkeypatch.setattr(runs, "begin", begin)
    queue_file.change(home, lambda queue: Queue(waiting=(Waiting(folder.id),)))
    scheduler = Scheduler(home)
    for _ in range(10):
        scheduler.look()
        scheduler.wait()
    assert begun == [folder.id] * 4  # and then it is given up
    assert queue_file.read(home) == Queue()


def test_folders_that_are_gone_and_runs_that_have_ended_hold_up_nothing(home: Path) -> None:
    queue_file.change(home, lambda queue: Queue(started=(Started("gone"),), waiting=(Waiting("gone too"),)))
    scheduler = Scheduler(home)
    for _ in range(3):
        scheduler.look()
        scheduler.wait()
    assert queue_file.read(home) == Queue()


@pytest.mark.slow
@pytest.mark.usefixtures("ending")
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(home: Path) -> None:
    """Schedulers and hosts are killed while runs wait their turn; somebody looks at the queue now and then. KILLS=30
    kills more."""
    random.seed(19)
    most = int(os.environ.get("KILLS", "8"))
    folders = [made(home, seed=seed, epochs=2) for seed in range(max(5, most // 2))]
    client.set_slots(home, 2)
    client.add(home, folders)
    killed = Counter[str]()  # one that never comes further is given up, after MOST_RESTARTS
    kills, deadline = 0, time.monotonic() + 20 * most
    while kills < most and time.monotonic() < deadline:
        time.sleep(random.uniform(0.3, 2.0))
        hosts = {folder.id: _host(folder) for folder in folders if killed[folder.id] < MOST_RESTARTS}
        victims = [(name, pid) for name, pid in [("", _scheduler(home)), *hosts.items()] if pid is not None]
        if victims:
            name, pid = random.choice(victims)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills += 1
            killed[name] += bool(name)
        client.ensure_scheduler(home)
        if all(state(folder).status == "finished" for folder in folders):
            break
    assert kills > 2

    def over() -> bool:
        client.ensure_scheduler(home)
        return all(state(folder).status == "finished" for folder in folders)

    wait_for(over, "the ends of the runs")
    for folder in folders:
        tests = [(event.epoch, event.seq) for event in Follower(folder).poll() if isinstance(event, ev.Evaluated)]
        run = state(folder)
        assert [test.epoch for test in run.tests] == [1, 2], tests
        assert [event.seq for event in Follower(folder).poll()] == list(range(1, run.seq + 1)), "one host wrote it"
    wait_for(lambda: not client.scheduler_lives(home), "the end of the scheduler")


def _scheduler(home: Path) -> int | None:
    path = Home(home).scheduler_json
    record = record_file.read(path)
    return record.pid if record is not None and record_file.lives(path, record) else None


def _host(folder: RunFolder) -> int | None:
    record = store.read_host(folder)
    return record.pid if record is not None and store.lives(folder, record) else None


def test_the_queue_is_as_people_read_it(home: Path) -> None:
    queue_file.change(home, lambda queue: Queue(slots=3, waiting=(Waiting("a", True),), started=(Started("b", 1),)))
    assert json.loads(Home(home).queue.read_text()) == {
        "v": 1, "slots": 3, "waiting": [{"run": "a", "held": True}], "started": [{"run": "b", "restarts": 1}],
    }  # fmt: skip
    assert Home(home).queue.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("no_scheduler")
def test_commands_to_a_run_that_waits_say_that_it_has_not_begun(home: Path) -> None:
    folder = made(home)
    client.add(home, [folder])
    for act in (lambda: runs.command(folder, "pause"), lambda: runs.resume(folder)):
        with pytest.raises(RunError, match="has not begun: it waits in the queue"):
            act()
