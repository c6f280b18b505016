import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.home import RunFolder
from engine.hosting import process
from engine.runs import client, listing, store
from engine.runs.log import EventLog
from engine.runs.state import fold
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.engine.runs.test_state import STARTED, evaluated, progress
from tests.support.made_up import MadeUpRun


@pytest.fixture
def run(home: Path) -> RunFolder:
    return store.create(home, client.request(TrainConfig(), name="first"))


def child(seconds: float) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])


def test_a_run_folder_is_the_persons_alone(run: RunFolder) -> None:
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert store.read_run(run)["config"] == TrainConfig().to_dict()


def test_a_host_is_alive_only_while_its_process_is(run: RunFolder) -> None:
    process = child(60)
    try:
        store.write_host(run, "", pid=process.pid)
        assert store.alive(run)
    finally:
        process.kill()
    # Killed and not yet waited for, it is a zombie: no host any more.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not store.alive(run)
    process.wait()
    assert not store.alive(run)


@pytest.mark.parametrize("field", ["ticks", "boot_id"])
def test_another_process_with_the_same_id_is_not_the_host(run: RunFolder, field: str) -> None:
    store.write_host(run, "")  # this process
    assert store.alive(run)
    content = json.loads(run.host_json.read_text())
    content[field] = content[field] - 1 if field == "ticks" else "another boot"
    run.host_json.write_text(json.dumps(content))
    assert not store.alive(run)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}', "\xff"])
def test_a_damaged_host_record_is_nobody(run: RunFolder, content: str) -> None:
    run.host_json.write_text(content)
    assert not store.alive(run)


def test_a_run_whose_host_is_gone_ended(run: RunFolder) -> None:
    log = EventLog(run)
    log.append(STARTED)
    log.append(progress(3, 2.0))
    log.close()
    assert listing.summary(run).state == "training"
    run.host_json.unlink()
    assert listing.summary(run).state == "ended"
    with pytest.raises(RunError, match="is not running: ended without finishing"):
        client.command(run, "pause")


def test_a_run_that_said_how_it_ended_is_that_with_or_without_its_host(run: RunFolder) -> None:
    log = EventLog(run)
    log.append(STARTED)
    log.append(ev.Stopped(epoch=1, step=0, reason="asked"))
    log.close()
    assert listing.summary(run).state == "stopped"
    run.host_json.unlink()
    assert listing.summary(run).state == "stopped"


def test_a_summary_agrees_with_the_whole_fold(run: RunFolder) -> None:
    events = [STARTED, progress(1, 2.0), progress(5, 1.9), evaluated(1, 0.7), progress(5, 1.0, 2), evaluated(2, 0.6),
              ev.Finished(epochs=2, seconds=1.0)]  # fmt: skip
    log = EventLog(run)
    written = [log.append(event) for event in events]
    log.close()
    whole = fold(written)
    assert replace(listing.quick_state(run), curve=whole.curve, curves=whole.curves) == whole
    found = listing.summary(run)
    assert (found.state, found.accuracy, found.best_accuracy, found.epoch, found.epochs) == ("finished", 0.6, 0.7, 2, 2)
    assert (found.name, found.model, found.dataset, found.demo) == ("first", "mlp", "demo data", True)


def test_a_second_look_reads_only_what_came_since(home: Path, run: RunFolder) -> None:
    log = EventLog(run)
    log.append(STARTED)
    log.append(progress(3, 2.0))
    looking = listing.Listing(home)
    assert looking.look()[0].epoch == 1
    written = run.events.read_bytes()
    # What was read before is not read again: as long as it is, its content does not matter.
    run.events.write_bytes(b"x" * (len(written) - 1) + b"\n")
    for event in (evaluated(1, 0.7), progress(2, 1.5, epoch=2)):
        log.append(event)
    log.close()
    (found,) = looking.look()
    assert (found.epoch, found.accuracy) == (2, 0.7)


def test_runs_are_found_by_id_by_its_beginning_by_name_and_as_last(home: Path) -> None:
    runs = [store.create(home, client.request(TrainConfig(), name=f"run {index}")) for index in range(2)]
    renamed = [run.other(f"20260101-00000{index}-abcd") for index, run in enumerate(runs)]
    for run, new in zip(runs, renamed, strict=True):
        run.path.rename(new.path)
    assert store.find(home, "last") == renamed[1]
    assert store.find(home, renamed[0].id) == renamed[0]
    assert store.find(home, "20260101-000001") == renamed[1]
    assert store.find(home, "run 0") == renamed[0]
    with pytest.raises(RunError, match="matches 2 runs"):
        store.find(home, "2026")
    with pytest.raises(RunError, match="no run 'x'"):
        store.find(home, "x")
    assert [run.id for run in listing.list_runs(home)] == [renamed[1].id, renamed[0].id]


def test_no_runs_at_all_says_how_to_start_one(home: Path) -> None:
    with pytest.raises(RunError, match="fmnist-tui train"):
        store.find(home, "last")
    assert listing.list_runs(home) == []


def test_a_folder_that_is_no_run_is_left_out(home: Path, run: RunFolder) -> None:
    (home / "runs" / "notes").mkdir()
    broken = home / "runs" / "broken"
    broken.mkdir()
    RunFolder(broken).run_json.write_text("{")
    assert [found.id for found in listing.list_runs(home)] == [run.id]


def test_a_home_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to the home folder .*file"):
        store.create(tmp_path / "file", {})


@pytest.mark.parametrize("file", ["host.lock", "run.json", "host.json"])
def test_a_run_that_can_not_be_made_leaves_no_folder(file: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    touch, write_bytes = Path.touch, Path.write_bytes

    def refuse(real: Callable[..., object]) -> Callable[..., object]:
        def refusing(path: Path, *arguments: object, **more: object) -> object:
            if file in path.name:
                raise full
            return real(path, *arguments, **more)

        return refusing

    monkeypatch.setattr(Path, "touch", refuse(touch))
    monkeypatch.setattr(Path, "write_bytes", refuse(write_bytes))
    with pytest.raises(RunError, match=r"cannot write to the home folder .* \(No space left on device\)"):
        store.create(home, client.request(TrainConfig()))
    assert list((home / "runs").iterdir()) == []


def test_two_runs_never_share_a_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))
    monkeypatch.setattr("time.time", lambda: 1e9)
    made = [store.create(home, client.request(TrainConfig())).id[-4:] for _ in range(2)]
    assert made == ["aaaa", "bbbb"]


def test_only_what_a_host_left_is_cleared_away(home: Path, tmp_path: Path) -> None:
    made = MadeUpRun(home, "20260101-101010-aaaa", dead=True).folder
    made.checkpoints.mkdir()
    left = [made.path / ".run.json.123.part", made.checkpoints / ".epoch-0001.pt.77.part", made.path / ".s.7.8.part"]
    kept = [made.path / ".notes.part", made.path / "a.1.part", made.path / ".mine.x.part"]
    precious = tmp_path / "precious"
    for path in (*left, *kept, precious):
        path.write_text("x")
    (made.path / ".link.1.part").symlink_to(precious)
    (made.path / ".folder.1.part").mkdir()
    ours = Path(tempfile.mkdtemp(prefix="fmnist-tui-"))
    (ours / "control.sock").write_text("no socket")
    for socket_path in (str(precious), str(ours / "control.sock"), "", "\0", str(tmp_path / "fmnist-tui-x" / "y")):
        store.clear_away(made, replace(process.record(), socket=socket_path))
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (*kept, precious, made.path / ".link.1.part", ours / "control.sock"))
    shutil.rmtree(ours)


@pytest.mark.parametrize(
    "name", ["a\x1b[2J", "a\nb", "\x1b]0;title\x07", "a\u202eb", "a\u200bb", "\x9b31m", "a\x00", "x" * 201, "\ud800"]
)
def test_a_name_that_can_not_be_shown_is_refused_where_it_is_made(name: str, home: Path) -> None:
    with pytest.raises(RunError, match="the run's name") as refused:
        store.create(home, client.request(TrainConfig(), name=name))
    assert str(refused.value).isprintable()
    assert not list(home.glob("runs/*"))


@pytest.mark.parametrize("name", ["", "lr 1e-3, 한국어", "a[b]{c}$(d)", "é" * 200])
def test_a_name_that_can_be_shown_is_taken(name: str, home: Path) -> None:
    made = store.create(home, client.request(TrainConfig(), name=name))
    assert store.title(made) == (name or made.id)
