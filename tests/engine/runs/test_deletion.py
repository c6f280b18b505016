"""Deleting runs: what it gives back and whom it concerns is said before; they come back, or are gone for good."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import RunError
from engine.home import Home, RunFolder
from engine.hosting import process, record_file
from engine.runs import deletion, disk, listing, meta, store, trash
from engine.runs.trash import Trash
from engine.training import events as ev
from tests.support.made_up import MadeUpRun
from tests.support.permissions import permissions_hold

A, B, C = "20260101-101010-aaaa", "20260101-111111-bbbb", "20260101-121212-cccc"


def run(home: Path, run_id: str, *, checkpoints: int = 0, living: bool = False, **settings: object) -> RunFolder:
    """A run that is finished, unless it is `living`, with files of 1000 bytes as its checkpoints."""
    made = MadeUpRun(home, run_id, name=run_id[-4:], dead=not living)
    if not living:
        made.add(ev.Finished(epochs=checkpoints, seconds=1.0))
    folder = made.folder
    if checkpoints:
        folder.checkpoints.mkdir()
        entries = [
            Entry(f"epoch-{epoch:04}.pt", epoch, 100, 1000, "00", 1.0, "epoch", 1.0 - epoch / 100)
            for epoch in range(1, checkpoints + 1)
        ]
        for entry in entries:
            folder.checkpoint(entry.file).write_bytes(bytes(1000))
        manifest.write(folder, entries)
    return folder


def branch(home: Path, run_id: str, parent: RunFolder, file: str) -> RunFolder:
    """A branch from a checkpoint, which shares that file."""
    folder = run(home, run_id)
    request = store.read_run(folder)
    store.write_run(folder, request | {"parent": {"run": parent.id, "file": f"checkpoints/{file}"}})
    folder.checkpoints.mkdir()
    os.link(parent.checkpoint(file), folder.checkpoint(file))
    return folder


def rows(home: Path) -> dict[str, listing.RunSummary]:
    return {row.id: row for row in listing.Listing(home).look()}


# What it would do


def test_a_file_with_two_names_counts_once_and_is_given_back_with_the_last_of_them(tmp_path: Path) -> None:
    parent = run(tmp_path, A, checkpoints=3)
    child = branch(tmp_path, B, parent, "epoch-0002.pt")
    one, other, both = disk.usage(parent), disk.usage(child), disk.usage(parent, child)
    assert (one.checkpoints, one.bytes - one.freed) == (3000 + parent.manifest.stat().st_size, 1000)
    assert (other.checkpoints, other.bytes - other.freed) == (1000, 1000)
    assert both.bytes == one.bytes + other.bytes - 1000 == both.freed
    assert both.files == one.files + other.files - 1


def test_a_folder_that_is_a_link_takes_nothing(tmp_path: Path) -> None:
    real = run(tmp_path / "elsewhere", A, checkpoints=2)
    linked = Home(tmp_path).run(A)
    linked.path.parent.mkdir()
    linked.path.symlink_to(real.path)
    assert disk.usage(linked).bytes == 0


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    folder = run(tmp_path, A)
    os.mkfifo(folder.path / "pipe")
    (folder.path / "link").symlink_to("/")
    assert disk.usage(folder).files == len(os.listdir(folder.path))


def test_a_plan_says_who_rests_on_a_run_and_who_trains(tmp_path: Path) -> None:
    parent = run(tmp_path, A, checkpoints=2)
    branch(tmp_path, B, parent, "epoch-0001.pt")
    run(tmp_path, C, living=True)
    every = rows(tmp_path)
    plan = deletion.plan([every[A], every[C]], list(every.values()))
    assert [one.run.id for one in plan.doomed] == [A]
    assert [one.id for one in plan.branches] == [B]
    assert [one.id for one in plan.refused] == [C]
    assert plan.usage.bytes - plan.usage.freed == 1000
    assert deletion.plan([every[A], every[B]], list(every.values())).branches == []


# Deleting, and the way back


def test_a_deleted_run_is_in_no_list_and_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = run(tmp_path, A, checkpoints=1)
    run(tmp_path, B)
    meta.change(folder, note="dear")
    before = rows(tmp_path)
    here = Trash(tmp_path)
    here.delete([folder])
    assert set(rows(tmp_path)) == {B}
    with pytest.raises(RunError, match="no run"):
        store.find(tmp_path, A)
    assert here.holds == 1
    assert here.bring_back() == [folder]
    assert rows(tmp_path) == before
    with pytest.raises(RunError, match="nothing was deleted"):
        here.bring_back()


def test_what_was_deleted_together_comes_back_together_the_last_first(tmp_path: Path) -> None:
    a, b, c = (run(tmp_path, one) for one in (A, B, C))
    here = Trash(tmp_path)
    here.delete([a, b])
    here.delete([c])
    assert here.holds == 3
    assert here.bring_back() == [c]
    assert here.bring_back() == [a, b]


def test_an_emptied_trash_gives_the_room_back(tmp_path: Path) -> None:
    folder = run(tmp_path, A, checkpoints=2)
    child = branch(tmp_path, B, folder, "epoch-0001.pt")
    here = Trash(tmp_path)
    here.delete([folder])
    assert here.empty() == []
    assert os.listdir(Home(tmp_path).trash) == []
    assert child.checkpoint("epoch-0001.pt").read_bytes() == bytes(1000)  # the branch has it
    assert here.holds == 0


def test_a_run_that_trains_is_refused_and_so_are_those_beside_it(tmp_path: Path) -> None:
    idle, training = run(tmp_path, A), run(tmp_path, B, living=True)
    with pytest.raises(RunError, match=f"{B} trains; stop it first: fmnist-tui stop {B}"):
        Trash(tmp_path).delete([idle, training])
    assert set(rows(tmp_path)) == {A, B}


def test_a_run_that_a_host_begins_to_train_is_refused(tmp_path: Path) -> None:
    """Its lock counts, whatever host.json says."""
    other, folder = run(tmp_path, B), run(tmp_path, A)
    script = (
        f"import fcntl, os; lock = os.open({os.fspath(folder.host_lock)!r}, os.O_RDWR | os.O_CREAT); "
        "fcntl.flock(lock, fcntl.LOCK_EX); print(flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RunError, match="trains"):
            Trash(tmp_path).delete([other, folder])
        assert set(rows(tmp_path)) == {A, B}  # what was moved before is back
        holder.communicate(b"\n")
    Trash(tmp_path).delete([folder])


def test_a_run_that_can_not_be_read_can_be_deleted(tmp_path: Path) -> None:
    folder = run(tmp_path, A)
    folder.run_json.write_text("{")
    run(tmp_path, B)
    assert trash.resolve(tmp_path, A) == folder
    Trash(tmp_path).delete([folder])
    assert set(rows(tmp_path)) == {B}


def test_a_name_that_is_no_run_does_not_mean_one_that_can_not_be_read(tmp_path: Path) -> None:
    run(tmp_path, A).run_json.write_text("{")
    for text in ("", "last", "something", "2027"):
        with pytest.raises(RunError):
            trash.resolve(tmp_path, text)


def test_of_a_linked_run_the_link_goes_alone(tmp_path: Path) -> None:
    real = run(tmp_path / "elsewhere", A, checkpoints=1)
    linked = Home(tmp_path).run(A)
    linked.path.parent.mkdir()
    linked.path.symlink_to(real.path)
    assert trash.delete_now([linked]) == []
    assert not os.path.lexists(linked.path)
    assert real.checkpoint("epoch-0001.pt").exists()


def test_links_in_a_run_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    folder = run(tmp_path / "home", A)
    (folder.path / "link").symlink_to(kept)
    trash.delete_now([folder])
    assert (kept / "file").exists()


def test_folders_that_may_not_be_written_are_deleted_all_the_same(tmp_path: Path) -> None:
    folder = run(tmp_path, A, checkpoints=2)
    folder.checkpoints.chmod(0o500)
    with permissions_hold():
        assert trash.delete_now([folder]) == []
    assert not folder.path.exists()
    assert trash.contents(tmp_path) == []


def test_where_nothing_can_be_written_the_run_stays(tmp_path: Path) -> None:
    folder = run(tmp_path, A)
    folder.path.parent.chmod(0o500)
    with permissions_hold(), pytest.raises(RunError, match=r"can't be deleted \(Permission denied\)"):
        Trash(tmp_path).delete([folder])
    folder.path.parent.chmod(0o700)
    assert folder.run_json.exists()


def test_a_run_does_not_come_back_over_another(tmp_path: Path) -> None:
    folder = run(tmp_path, A)
    here = Trash(tmp_path)
    here.delete([folder])
    run(tmp_path, A)
    with pytest.raises(RunError, match="there is one of that id"):
        here.bring_back()
    assert here.holds == 1


# The trash of others


def test_the_trash_is_found_by_another_process(tmp_path: Path) -> None:
    folder = run(tmp_path, A)
    Trash(tmp_path).delete([folder])
    (one,) = trash.contents(tmp_path)
    assert one.folder == folder
    assert trash.find(tmp_path, A[-4:]) == trash.find(tmp_path, A) == one
    assert trash.bring_back(one) == folder
    assert set(rows(tmp_path)) == {A}


def left_by(home: Path, owner: process.HostRecord | None) -> Path:
    """The trash of another process, as old as a day."""
    Trash(home).delete([run(home, A)])
    (own,) = Home(home).trash.iterdir()
    if owner is None:
        (own / trash.OWNER).unlink()
    else:
        record_file.write(own / trash.OWNER, owner)
    os.utime(own, (time.time() - trash.KEPT_S - 10,) * 2)
    return own


def ended() -> process.HostRecord:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        return process.record(child.pid)


def test_what_a_process_that_ended_left_is_gone_after_a_day(tmp_path: Path) -> None:
    own = left_by(tmp_path, ended())
    assert trash.sweep(tmp_path, now=own.stat().st_mtime + trash.KEPT_S - 1) == []
    assert own.exists()
    assert trash.sweep(tmp_path) == []
    assert not own.exists()


def test_a_trash_without_an_owner_is_nobodys(tmp_path: Path) -> None:
    own = left_by(tmp_path, None)
    trash.sweep(tmp_path)
    assert not own.exists()


def test_the_trash_of_an_app_that_is_open_stays(tmp_path: Path) -> None:
    own = left_by(tmp_path, process.record())
    trash.sweep(tmp_path)
    assert own.exists()


@pytest.mark.parametrize("content", [b"", b"[" * 10_000, b'{"pid": "x"}', b"{}"])
def test_an_owner_that_is_none_is_no_fault(tmp_path: Path, content: bytes) -> None:
    own = left_by(tmp_path, None)
    (own / trash.OWNER).write_bytes(content)
    trash.sweep(tmp_path, now=time.time() + trash.KEPT_S + 1)
    assert not own.exists()


def test_a_trash_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "20260101"
    elsewhere.mkdir(parents=True)
    os.utime(elsewhere, (0, 0))
    run(tmp_path, A)
    Home(tmp_path).trash.symlink_to(elsewhere.parent)
    trash.sweep(tmp_path)
    assert elsewhere.exists()
    assert trash.contents(tmp_path) == []


# Pruning


def test_runs_are_as_old_as_their_training(tmp_path: Path) -> None:
    for folder, days in ((run(tmp_path, A), 40), (run(tmp_path, B), 10)):
        for path in (folder.run_json, folder.events):
            os.utime(path, (time.time() - days * 86400,) * 2)
    meta.change(Home(tmp_path).run(A), note="said today")
    every = list(rows(tmp_path).values())
    assert [one.id for one in deletion.old(every, 30 * 86400)] == [A]
    assert {one.id for one in deletion.old(every, 5 * 86400)} == {A, B}


def test_pruned_checkpoints_leave_the_best_the_newest_and_those_of_branches(tmp_path: Path) -> None:
    folder = run(tmp_path, A, checkpoints=6)
    branch(tmp_path, B, folder, "epoch-0003.pt")
    every = list(rows(tmp_path).values())
    (pruned,) = deletion.plan_checkpoints(every, 1)
    assert [entry.epoch for entry in pruned.entries] == [2, 4, 5]
    assert pruned.freed == 3000
    assert len(manifest.read(folder)) == 6  # nothing is done yet
    deletion.prune_checkpoints([pruned], 1)
    assert [entry.epoch for entry in manifest.read(folder)] == [1, 3, 6]
    assert sorted(path.name for path in folder.checkpoints.glob("*.pt")) == [
        f"epoch-{epoch:04}.pt" for epoch in (1, 3, 6)
    ]
    assert deletion.plan_checkpoints(every, 1) == []


def test_a_run_that_trains_keeps_its_checkpoints(tmp_path: Path) -> None:
    folder = run(tmp_path, A, checkpoints=4)
    (pruned,) = deletion.plan_checkpoints(list(rows(tmp_path).values()), 1)
    store.write_host(folder, "", os.getpid())
    with pytest.raises(RunError, match="trains"):
        deletion.prune_checkpoints([pruned], 1)
    assert len(manifest.read(folder)) == 4
