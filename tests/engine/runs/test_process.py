"""Whether a run's process lives does not depend on the clock, on the machine's name, or on who has its id now."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import RunError
from engine.home import RunFolder
from engine.hosting import process, record_file
from engine.runs import client, listing, store
from engine.training.config import TrainConfig
from tests.support.made_up import MadeUpRun

NAMED = "import sys, time; open('/proc/self/comm', 'w').write(sys.argv[1]); print(flush=True); time.sleep(600)"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def run(home: Path) -> RunFolder:
    return store.create(home, client.request(TrainConfig()))


@pytest.fixture
def other() -> Iterator["subprocess.Popen[str]"]:
    """A process, of a name that looks like the fields behind it in /proc/PID/stat."""
    child = subprocess.Popen([sys.executable, "-c", NAMED, "a) Z 1 (b)"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()


@linux
@pytest.mark.parametrize("jump", [2.0, -2.0, 86400.0, -1e9])
def test_a_clock_that_is_set_ends_no_run(jump: float, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa").folder
    now, created = process.record(), psutil.Process.create_time
    # psutil adds the start's ticks to the time at which the machine was started, which the kernel moves with the clock.
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + jump)
    assert store.alive(run)
    assert listing.summary(run).state == "training"
    assert process.record() == replace(now, started=now.started + jump)
    with pytest.raises(RunError, match="is running"):
        client.check_resumable(run)
    with pytest.raises(RunError, match="is still starting"):  # not "is not running"
        client.command(run, "pause")


@linux
def test_a_machine_that_is_renamed_is_the_same_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = MadeUpRun(home, "20260101-101010-aaaa").folder
    os.utime(run.host_json, (0, 0))  # no heartbeat: its process is looked up
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    assert store.alive(run)
    with pytest.raises(RunError, match="is still starting"):  # not "send commands there"
        client.command(run, "pause")


@linux
@pytest.mark.parametrize("change", [{"ticks": 1}, {"ticks": -1}, {"pid": -1}])
def test_another_process_is_not_the_host(change: dict[str, int], other: Any, run: RunFolder) -> None:
    record = process.record(other.pid)
    store.restore_host(run, record)
    assert store.alive(run)
    if "ticks" in change:
        store.restore_host(run, replace(record, ticks=record.ticks + change["ticks"]))
    else:  # a process that started at another moment
        store.restore_host(run, replace(record, pid=os.getpid()))
    assert not store.alive(run)


@linux
def test_a_process_of_another_container_is_known_by_its_heartbeat(run: RunFolder) -> None:
    record = process.record()
    store.restore_host(run, replace(record, namespaces="pid:[1]", pid=2**22 + 1, ticks=1))  # no such process here
    assert store.alive(run)
    os.utime(run.host_json, (0, 0))
    assert not store.alive(run)
    store.restore_host(run, replace(record, namespaces="pid:[1]"))  # the id of a process here, which is another one
    os.utime(run.host_json, (0, 0))
    assert not store.alive(run)


@pytest.mark.parametrize("set_by", [3600.0, -3600.0])
def test_a_heartbeat_counts_by_the_clock_that_stamps_the_files(
    set_by: float, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.restore_host(run, replace(process.record(), boot_id="another", hostname="elsewhere"))
    now = time.time()
    monkeypatch.setattr("engine.runs.store.time.time", lambda: now + set_by)
    assert store.alive(run)
    silent = now - 2 * record_file.HEARTBEAT_S
    os.utime(run.host_json, (silent, silent))
    assert not store.alive(run)
    assert sorted(path.name for path in run.path.iterdir()) == ["host.json", "host.lock", "run.json"]


def test_a_record_of_an_earlier_version_is_of_the_process_that_started_then(run: RunFolder) -> None:
    store.write_host(run, "")
    content = json.loads(run.host_json.read_text())
    old = {name: content[name] for name in ("v", "pid", "started", "boot_id", "hostname", "socket")}
    run.host_json.write_text(json.dumps(old))
    assert store.alive(run)
    run.host_json.write_text(json.dumps(old | {"started": old["started"] - 100}))
    assert not store.alive(run)
    run.host_json.write_text(json.dumps(old | {"hostname": "elsewhere"}))
    os.utime(run.host_json, (0, 0))
    assert not store.alive(run)


@linux
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_a_run_has_one_host_all_the_same(
    code: int, other: Any, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    os.close(store.lock(run))  # this process made it, and stands for its host
    store.write_host(run, "", os.getppid())  # as does the one that started this one
    os.close(store.lock(run))
    store.write_host(run, "", other.pid)
    with pytest.raises(RunError, match="is trained by another process"):
        store.lock(run)
    other.kill()
    other.wait()
    os.close(store.lock(run))


def test_a_lock_that_can_not_be_opened_is_named(run: RunFolder) -> None:
    run.host_lock.unlink()
    run.host_lock.mkdir()
    with pytest.raises(RunError, match=r"cannot write to .*host\.lock \(a folder, not a file\)"):
        store.lock(run)
