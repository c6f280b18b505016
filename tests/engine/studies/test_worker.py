"""The process that works on a study: what it does with a trial's run, and what is left when something is killed."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import RunError
from engine.home import Home, RunFolder, StudyFolder
from engine.hosting import record_file
from engine.runs import client as runs
from engine.runs import listing, store
from engine.runs.follower import Follower
from engine.runs.log import EventLog
from engine.runs.verify_resume import kill
from engine.studies import client, study_file, trials
from engine.studies.trials import Snapshot
from engine.studies.worker import MOST_RESTARTS, Worker
from engine.training import events as ev
from tests.support import postgres
from tests.support.waiting import wait_for

QUICK = ("dataset=demo", "batch_size=512", "threads=1")


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on a study but the test."""
    monkeypatch.setattr(client, "ensure_worker", lambda folder: None)


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[None]:
    """Whatever the test leaves running in homes below its folder is ended."""
    yield
    for path in tmp_path.rglob("studies/*/host.json"):
        _kill(_pid(path))
    for home in {path.parent for path in tmp_path.rglob("runs") if path.is_dir()}:
        for folder in store.run_folders(home):
            kill(folder)


def _pid(path: Path) -> int | None:
    record = record_file.read(path)
    return record.pid if record is not None and record.pid != os.getpid() and record_file.lives(path, record) else None


def _kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            process.kill()
            process.wait(10)


def snapshot(folder: StudyFolder) -> Snapshot:
    found = trials.read(folder)
    assert found is not None
    return found


class Runs:
    """Trials' runs without processes: a test writes what their hosts would."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.begun: list[str] = []
        self.resumed: list[str] = []
        self.stopped: list[str] = []
        self.alive: set[str] = set()
        self.refuse = ""
        monkeypatch.setattr(runs, "begin", self._begin)
        monkeypatch.setattr(runs, "resume", self._resume)
        monkeypatch.setattr(runs, "command", self._command)
        monkeypatch.setattr(store, "alive", lambda folder: folder.id in self.alive)

    def _begin(self, folder: RunFolder, **_: Any) -> None:
        if self.refuse:
            raise RunError(self.refuse)
        self.begun.append(folder.id)
        self.alive.add(folder.id)
        config = store.read_run(folder)["config"]
        self.tell(
            folder.id,
            ev.RunStarted(
                config=config, dataset={"title": "x", "train": 1, "test": 1, "val": 1}, parameters=1,
                epochs=config["epochs"], steps=10, device="cpu", device_name="", threads=1, loader="",
            ),
        )  # fmt: skip

    def _resume(self, folder: RunFolder, **_: Any) -> None:
        self.resumed.append(folder.id)
        self.alive.add(folder.id)

    def _command(self, folder: RunFolder, name: str, *_: Any) -> list[str]:
        assert name == "stop"
        self.stopped.append(folder.id)
        return []

    def tell(self, run: str, *events: ev.Event) -> None:
        folder = Home(self.home).run(run)
        log = EventLog(folder, listing.quick_state(folder).seq)
        for event in events:
            log.append(event)
        log.close()

    def epoch(self, run: str, epoch: int, loss: float, accuracy: float = 0.5) -> None:
        self.tell(
            run,
            ev.EpochFinished(epoch=epoch, loss=loss, seconds=1.0, samples_per_s=1.0),
            ev.Evaluated(
                epoch=epoch, accuracy=accuracy, loss=loss, seconds=0.1, per_class=[], confusion=[], split="val"
            ),
        )

    def end(self, run: str, event: ev.Event) -> None:
        self.tell(run, event)
        self.alive.discard(run)


@pytest.fixture
def hosts(home: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(home, monkeypatch)


def study(home: Path, *texts: str, **how: Any) -> StudyFolder:
    creating = {name: how.pop(name) for name in ("count", "parallel") if name in how}
    definition = client.define([*texts, *QUICK], **how)
    return client.create(home, "one", definition, **creating)


def looked(worker: Worker) -> bool:
    """A look, with what it starts begun."""
    more = worker.look()
    worker.wait()
    return more


@pytest.mark.usefixtures("no_worker")
def test_trials_are_trained_so_many_at_once_and_told(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=3, parallel=2)
    worker = Worker(folder)
    worker.take_over()
    assert looked(worker)
    assert len(hosts.begun) == 2
    first, second = hosts.begun
    request = store.read_run(Home(home).run(first))
    assert request["study"] == {"id": study_file.read(folder).id, "name": "one", "trial": 0}
    assert request["config"]["val"] == "0.1"
    assert request["config"]["on_non_finite"] == "stop"
    hosts.epoch(first, 1, 0.9)
    hosts.epoch(first, 2, 1.1)
    looked(worker)
    assert snapshot(folder).trials[0].values == [(1, 0.9), (2, 1.1)]
    assert len(hosts.begun) == 2
    hosts.end(first, ev.Finished(epochs=2, seconds=1.0))
    looked(worker)
    assert len(hosts.begun) == 3
    for run in (second, hosts.begun[2]):
        hosts.epoch(run, 1, 0.95)
        hosts.end(run, ev.Finished(epochs=1, seconds=1.0))
    assert not looked(worker)
    seen = snapshot(folder)
    assert [one.state for one in seen.trials] == ["complete"] * 3
    assert [one.value for one in seen.trials] == [0.9, 0.95, 0.95]  # the best epoch's
    assert seen.best is not None
    assert seen.best.run == first


@pytest.mark.usefixtures("no_worker")
def test_a_trial_that_does_badly_is_stopped_and_told_as_pruned(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=3", pruner="median", count=7)
    worker = Worker(folder)
    for at in range(6):
        looked(worker)
        run = hosts.begun[at]
        for epoch in (1, 2, 3):
            hosts.epoch(run, epoch, 0.5 / epoch)
        hosts.end(run, ev.Finished(epochs=3, seconds=1.0))
    looked(worker)
    bad = hosts.begun[6]
    hosts.epoch(bad, 1, 9.0)
    looked(worker)
    assert hosts.stopped == []  # the first epoch says little
    hosts.epoch(bad, 2, 8.0)
    looked(worker)
    assert hosts.stopped == [bad]
    again = Worker(folder)  # it was killed before the run had ended
    looked(again)
    assert hosts.stopped[-1] == bad
    hosts.end(bad, ev.Stopped(epoch=2, step=10, reason="asked"))
    assert not looked(again)
    last = snapshot(folder).trials[6]
    assert (last.state, last.pruned_at, last.value) == ("pruned", 2, 8.0)


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize(
    ("event", "state", "words"),
    [
        (ev.Failed(message="out of memory", log=""), "failed", "out of memory"),
        (ev.Stopped(epoch=1, step=3, reason="non_finite_loss"), "failed", "the loss is not finite"),
        (ev.Stopped(epoch=1, step=3, reason="asked"), "failed", "it has no result"),
    ],
)
def test_a_trial_without_a_result_says_why(home: Path, hosts: Runs, event: ev.Event, state: str, words: str) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    looked(worker)
    hosts.end(hosts.begun[0], event)
    assert not looked(worker)
    (one,) = snapshot(folder).trials
    assert one.state == state
    assert words in one.failure


@pytest.mark.usefixtures("no_worker")
def test_what_can_not_start_fails_and_the_next_one_trains(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=2)
    worker = Worker(folder)
    hosts.refuse = "no such device"
    looked(worker)
    hosts.refuse = ""
    looked(worker)
    assert len(hosts.begun) == 1
    assert snapshot(folder).trials[0].failure == "no such device"


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("times", [1, MOST_RESTARTS, MOST_RESTARTS + 1])
def test_a_host_that_is_killed_while_it_starts_is_started_again(
    home: Path, hosts: Runs, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    begin, kills = runs.begin, list[str]()

    def killed(run: RunFolder, **how: Any) -> None:
        if len(kills) < times:
            kills.append(run.id)
            raise runs.KilledError("the run's host process died while starting (exit -9)")
        begin(run, **how)

    monkeypatch.setattr(runs, "begin", killed)
    for _ in range(times + 1):
        looked(worker)
    assert len(kills) == times
    assert len(hosts.begun) == (times <= MOST_RESTARTS)
    if times > MOST_RESTARTS:
        assert "exit -9" in snapshot(folder).trials[0].failure


@pytest.mark.usefixtures("no_worker")
def test_settings_that_do_not_go_together_fail_by_themselves(home: Path, hosts: Runs) -> None:
    folder = study(home, "warmup=1|3", "epochs=2", count=4, sampler="grid")
    worker = Worker(folder)
    looked(worker)
    hosts.epoch(hosts.begun[0], 1, 0.5)
    hosts.end(hosts.begun[0], ev.Finished(epochs=1, seconds=1.0))
    assert not looked(worker)
    first, second = snapshot(folder).trials
    assert first.state == "complete"
    assert "warm-up are too many" in second.failure


@pytest.mark.usefixtures("no_worker")
def test_a_run_that_is_deleted_is_a_trial_that_failed(home: Path, hosts: Runs) -> None:
    import shutil

    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    looked(worker)
    shutil.rmtree(Home(home).run(hosts.begun[0]).path)
    assert not looked(worker)
    assert snapshot(folder).trials[0].failure == "its run was deleted"


@pytest.mark.usefixtures("no_worker")
def test_a_run_whose_host_dies_is_gone_on_with_but_not_for_ever(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    looked(worker)
    (run,) = hosts.begun
    for _ in range(MOST_RESTARTS):
        hosts.alive.clear()
        looked(worker)
    assert hosts.resumed == [run] * MOST_RESTARTS
    hosts.alive.clear()
    assert not looked(worker)
    assert "without a word" in snapshot(folder).trials[0].failure
    assert hosts.begun == [run]


@pytest.mark.usefixtures("no_worker")
def test_a_worker_that_was_killed_before_it_noted_the_run_finds_it(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    number = worker._search.take()
    assert number == 0
    made = worker._made(number)  # and killed
    later = Worker(folder)
    later.take_over()
    looked(later)
    assert hosts.begun == [made.id]
    assert len(store.run_folders(home)) == 1


@pytest.mark.usefixtures("no_worker")
def test_a_study_that_is_stopped_goes_on_where_it_was(home: Path, hosts: Runs) -> None:
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=3)
    worker = Worker(folder)
    looked(worker)
    (run,) = hosts.begun
    client.stop(folder, now=True)
    assert looked(worker)
    assert hosts.stopped == [run]
    hosts.end(run, ev.Stopped(epoch=1, step=3, reason="asked"))
    assert not looked(worker)  # it ends
    assert snapshot(folder).trials[0].state == "running"
    assert not Worker(folder).look()
    client.go_on(folder)
    later = Worker(folder)
    assert looked(later)
    assert hosts.resumed == [run]
    hosts.epoch(run, 1, 0.5)
    client.stop(folder)
    hosts.end(run, ev.Finished(epochs=2, seconds=1.0))
    assert not looked(later)
    assert [one.state for one in snapshot(folder).trials] == ["complete", "waiting", "waiting"]


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("begins", [True, False])
def test_a_trial_that_others_do_again_is_given_up(home: Path, hosts: Runs, begins: bool) -> None:
    """This worker was silent for too long: suspended, or cut off from the database."""
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=2)
    worker = Worker(folder)
    looked(worker)
    (run,) = hosts.begun
    if begins:
        hosts.epoch(run, 1, 0.5)
    other = client.opened(folder)
    other._lose(0)
    other.repair(alone=False)
    looked(worker)
    assert hosts.stopped == [run]
    assert len(hosts.begun) == 2
    assert [one.number for one in snapshot(folder).trials] == [1, 2]


@pytest.mark.usefixtures("no_worker")
def test_a_run_of_another_study_is_no_trial(home: Path, hosts: Runs) -> None:
    """What the storage says of a trial's run may be anybody's text."""
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=1)
    worker = Worker(folder)
    assert worker._search.take() == 0
    other = store.create(home, {"name": "mine", "config": {}})
    for name in (other.id, "../../elsewhere", ""):
        worker._search.note(0, "run", name)
        assert worker._run_of(0) is None or not name
    worker._search.note(0, "run", other.id)
    assert not looked(worker)
    assert hosts.stopped == []
    assert other.path.is_dir()


@pytest.mark.slow
@pytest.mark.usefixtures("ending")
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(home: Path) -> None:
    """Workers and hosts are killed while a study's trials train. KILLS=30 kills more."""
    random.seed(23)
    most = int(os.environ.get("KILLS", "8"))
    folder = study(home, "lr=1e-3..1e-2:log", "epochs=2", count=max(4, most // 2), parallel=2)
    killed = Counter[RunFolder]()  # one that never comes further is given up, after MOST_RESTARTS
    kills, deadline = 0, time.monotonic() + 20 * most
    while kills < most and time.monotonic() < deadline and not snapshot(folder).over:
        time.sleep(random.uniform(0.2, 2.5))
        places = [folder.host_json, *(run.host_json for run in store.run_folders(home) if killed[run] < MOST_RESTARTS)]
        living = [host for host in places if _pid(host) is not None]
        if living and (pid := _pid(victim := random.choice(living))) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
                killed.update(run for run in store.run_folders(home) if run.host_json == victim)
        client.ensure_worker(folder)
    assert kills > 2

    def over() -> bool:
        client.ensure_worker(folder)
        return snapshot(folder).over

    wait_for(over, "the end of the study")
    seen = snapshot(folder)
    assert [one.state for one in seen.trials] == ["complete"] * len(seen.trials), seen
    assert len({one.run for one in seen.trials}) == len(seen.trials) == max(4, most // 2)
    there = store.run_folders(home)
    assert sorted(one.run for one in seen.trials) == sorted(run.id for run in there), "no run that is no trial's"
    for run in there:
        tests = [event for event in Follower(run).poll() if isinstance(event, ev.Evaluated) and event.split == "val"]
        assert sorted({event.epoch for event in tests}) == [1, 2]
    wait_for(lambda: not client.worker_lives(folder), "the end of the worker")


@pytest.mark.slow
@pytest.mark.usefixtures("ending")
def test_three_machines_work_on_one_study_and_one_is_killed(tmp_path: Path) -> None:
    """Each has a home of its own; all they share is a PostgreSQL. The killed one's trial is done again by another."""
    with postgres.running() as url:
        definition = client.define(["lr=1e-3..1e-2:log", "epochs=2", *QUICK], sampler="random", heartbeat_s=1)
        first = client.create(tmp_path / "a", "shared", definition, count=6, storage=url)
        others = [client.join(tmp_path / name, "shared", url) for name in "bc"]
        folders = [first, *others]
        victim = others[0]
        worker = study_file.read(victim).worker

        def at_work() -> bool:
            seen = client.refreshed(victim)
            return any(one.state == "running" and one.worker == worker and one.run for one in seen.trials)

        wait_for(at_work, "a trial of the one that is killed")
        _kill(_pid(victim.host_json))  # the machine is gone, with all that ran on it
        for run in store.run_folders(victim.home.path):
            kill(run)
        wait_for(lambda: client.refreshed(first).over, "the end of the study")
        seen = client.refreshed(first)
        assert [one.state for one in seen.trials] == ["complete"] * 6, seen
        done_again = [one for one in seen.trials if one.again is not None]
        assert seen.lost == len(done_again) == 1
        assert all(one.worker != worker for one in done_again)
        params = [tuple(one.params.items()) for one in seen.trials]
        assert len(set(params)) == 6, "none twice"
        assert {one.worker for one in seen.trials} <= {study_file.read(folder).worker for folder in folders}
        for folder in (first, others[1]):
            wait_for(lambda folder=folder: not client.worker_lives(folder), "the ends of the workers")  # type: ignore[misc]
        assert trials.read(first) is not None
