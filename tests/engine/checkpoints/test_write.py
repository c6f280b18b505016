"""A disk that fails at every single write of a checkpoint and of the event log: what was there before is whole."""

import builtins
import errno
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import manifest
from engine.checkpoints.read import newest_good
from engine.checkpoints.write import CheckpointWriter
from engine.errors import CheckpointError
from engine.home import RunFolder
from engine.runs.follower import Follower
from engine.runs.log import EventLog
from engine.training import events as ev
from engine.training import loss_report
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup

FAULTS = [errno.ENOSPC, errno.EIO]


class Disk:
    """Counts the calls that change the disk, and lets the chosen ones fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, code: int) -> None:
        self.folder = folder
        self.code = code
        self.done: list[str] = []
        self.fail_at: set[int] = set()
        for name in ("fsync", "replace", "write"):
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))
        opened = builtins.open

        def open_(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            ours = isinstance(file, str | os.PathLike) and str(file).startswith(str(folder))
            if not ours or not set(mode) & set("wax+"):
                return opened(file, mode, *rest, **named)
            self._count("open")
            handle = opened(file, mode, *rest, **named)
            write = handle.write

            class Handle:
                """A file whose writes are counted."""

                def __getattr__(self, name: str) -> Any:
                    return getattr(handle, name)

                def __enter__(self) -> Any:
                    return self

                def __exit__(self, *_: object) -> None:
                    handle.close()

            made = Handle()
            made.write = lambda data: self._half(write, data)  # type: ignore[attr-defined]
            return made

        monkeypatch.setattr(builtins, "open", open_)

    def _count(self, name: str) -> None:
        self.done.append(name)
        if len(self.done) in self.fail_at:
            raise OSError(self.code, os.strerror(self.code))

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self._count(name)
            return call(*args)

        return counted

    def _half(self, write: Callable[[Any], Any], data: Any) -> Any:
        """A write that fails has written a part."""
        try:
            self._count("write")
        except OSError:
            write(data[: len(data) // 2])
            raise
        return write(data)


def contents(prepared: Callable[..., TrainingSetup]) -> list[dict[str, Any]]:
    """Two checkpoints' contents, after epochs 1 and 2, and one of the middle of epoch 2 between them."""
    kept: list[dict[str, Any]] = []

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        kept.append({name: value.copy() if isinstance(value, dict) else value for name, value in content.items()})
        return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

    agenda = [ScheduledCommand(2, 5, Command(CommandKind.CHECKPOINT))]
    TrainingSession(prepared(epochs=2), sink=lambda event: None, save=save, scheduled=agenda).run()
    return kept


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_at_any_write_of_a_checkpoint_leaves_the_one_before(
    prepared: Callable[..., TrainingSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    first, middle, last = contents(prepared)
    with monkeypatch.context() as patched:
        disk = Disk(patched, tmp_path, code)
        CheckpointWriter(_folder(tmp_path / "probe")).save(first)
        writes = len(disk.done)
    assert writes >= 9  # three files: opened, written, fsynced, renamed; their folder fsynced
    for number in range(1, writes + 1):
        folder = _folder(tmp_path / str(number))
        writer = CheckpointWriter(folder)
        writer.save(first)
        with monkeypatch.context() as patched:
            disk = Disk(patched, tmp_path, code)
            disk.fail_at = {number}
            with pytest.raises(
                CheckpointError, match=r"epoch-0002-step-000005\.pt can't be written .*free some space"
            ) as said:
                writer.save(middle, "asked")
        assert os.strerror(code) in str(said.value)
        found = newest_good(folder)
        assert found is not None
        entry, _, bad = found
        assert not bad
        assert entry.file in (
            "epoch-0001.pt",
            "epoch-0002-step-000005.pt",
        )  # the second: the fault came after all was there
        assert not list(folder.path.rglob("*.part"))
        writer.save(last)  # there is room again
        found = newest_good(folder)
        assert found is not None
        assert (found[0].file, found[2]) == ("epoch-0002.pt", [])


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_while_old_checkpoints_are_deleted_harms_none(
    prepared: Callable[..., TrainingSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    first, middle, last = contents(prepared)
    for number in range(1, 24):
        folder = _folder(tmp_path / str(number))
        writer = CheckpointWriter(folder)
        writer.save(first)
        writer.save(middle, "time")
        with monkeypatch.context() as patched:
            disk = Disk(patched, tmp_path, code)
            disk.fail_at = {number}
            try:
                writer.save(last)
            except CheckpointError:
                continue  # it did not come to deleting
        found = newest_good(folder)
        assert found is not None
        assert (found[0].file, found[2]) == ("epoch-0002.pt", [])
        listed = {entry.file for entry in manifest.read(folder)}
        assert listed >= {"epoch-0001.pt", "epoch-0002.pt"}
        there = {path.name for path in folder.checkpoints.glob("epoch-*.pt")}
        assert listed <= there, "a file is deleted only once it is out of the list"


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_at_any_write_of_the_log_pauses_the_run_and_loses_no_event(
    prepared: Callable[..., TrainingSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The run pauses at its next report; told to go on once the disk can be written, it finishes with a whole log."""
    monkeypatch.setattr(loss_report, "REPORT_S", 0.0)
    for number in range(1, 12):
        folder = _folder(tmp_path / str(number))
        log = EventLog(folder)
        sunk: list[ev.Event] = []
        session: TrainingSession

        def sink(event: ev.Event, log: EventLog = log, sunk: list[ev.Event] = sunk) -> None:
            sunk.append(log.append(event))
            if isinstance(event, ev.Paused):
                disk.fail_at = set()  # noqa: B023
                log.retry()
                session.send(CommandKind.UNPAUSE)  # noqa: B023

        def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
            return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

        with monkeypatch.context() as patched:
            disk = Disk(patched, tmp_path, code)
            disk.fail_at = set(range(number, number + 40))  # and the reserve is no help
            session = TrainingSession(
                prepared(epochs=2, batch_size=16),
                sink=sink,
                save=save,
                trouble=lambda log=log: log.trouble,  # type: ignore[misc]
            )
            assert session.run() == "finished"
            log.close()
        assert Follower(folder).poll() == sunk
        assert [event.seq for event in sunk] == list(range(1, len(sunk) + 1))
        assert any(isinstance(event, ev.Paused) and event.reason == "cannot_write" for event in sunk)


def _folder(path: Path) -> RunFolder:
    path.mkdir()
    return RunFolder(path)


def test_the_bare_weights_are_the_newest_but_for_those_written_for_time(
    prepared: Callable[..., TrainingSetup], tmp_path: Path
) -> None:
    first, middle, last = contents(prepared)
    writer = CheckpointWriter(RunFolder(tmp_path))

    def is_of(content: dict[str, Any]) -> bool:
        weights = torch.load(RunFolder(tmp_path).weights, weights_only=True)
        return all(torch.equal(weights[name], value) for name, value in content["model"].items())

    first["model"] = {name: value + 1 for name, value in last["model"].items()}
    middle["model"] = {name: value + 2 for name, value in last["model"].items()}
    writer.save(first)
    assert is_of(first)
    writer.save(middle, "time")
    assert is_of(first)
    writer.save(middle, "asked")
    assert is_of(middle)


def bare(folder: RunFolder) -> float:
    """The first value of what model_weights.pth holds."""
    weights = torch.load(folder.weights, weights_only=True)
    return float(next(iter(weights.values())).flatten()[0])


def filled(content: dict[str, Any], value: float, **changes: Any) -> dict[str, Any]:
    model = {name: torch.full_like(values, value) for name, values in content["model"].items()}
    return content | {"model": model, "finite": math.isfinite(value)} | changes


def test_the_bare_weights_stay_the_newest_finite_ones(prepared: Callable[..., TrainingSetup], tmp_path: Path) -> None:
    first, middle, last = contents(prepared)
    folder = RunFolder(tmp_path)
    writer = CheckpointWriter(folder)
    assert writer.save(filled(first, 1.0)).weights == ""
    in_time = writer.save(filled(middle, 2.0), "time")
    assert (in_time.weights, bare(folder)) == ("", 1.0)
    saved = writer.save(filled(last, math.nan, step=middle["step"] + 1, evaluated=False), "stop")
    assert (saved.finite, saved.weights, bare(folder)) == (False, Path(in_time.file).name, 2.0)
    written = folder.weights.stat().st_ino
    saved = writer.save(filled(last, math.inf, epoch=9), "asked")
    assert (saved.weights, folder.weights.stat().st_ino) == (Path(in_time.file).name, written), "once is enough"
    assert (writer.save(filled(last, 3.0, epoch=10)).weights, bare(folder)) == ("", 3.0)
    assert Path(writer.save(filled(last, math.nan, epoch=11)).weights).name == "epoch-0010.pt"


def test_a_damaged_checkpoint_gives_no_bare_weights(prepared: Callable[..., TrainingSetup], tmp_path: Path) -> None:
    first, middle, last = contents(prepared)
    folder = RunFolder(tmp_path)
    one = CheckpointWriter(folder).save(filled(first, 1.0))
    other = CheckpointWriter(folder).save(filled(middle, 2.0), "time")
    folder.checkpoint(Path(other.file).name).write_bytes(b"")
    folder.weights.unlink()
    saved = CheckpointWriter(folder).save(filled(last, math.nan), "stop")
    assert (saved.weights, bare(folder)) == (Path(one.file).name, 1.0)


def test_without_finite_weights_no_bare_ones_are_written(
    prepared: Callable[..., TrainingSetup], tmp_path: Path
) -> None:
    saved = CheckpointWriter(RunFolder(tmp_path)).save(filled(contents(prepared)[0], math.nan))
    assert (saved.finite, saved.weights, RunFolder(tmp_path).weights.exists()) == (False, "", False)


@pytest.mark.parametrize(
    ("keep", "pinned", "left"),
    [
        ("all", set(), ["epoch-0001.pt", "epoch-0002.pt"]),
        ("1", set(), ["epoch-0002.pt"]),
        ("1", {"epoch-0001.pt"}, ["epoch-0001.pt", "epoch-0002.pt"]),
    ],
)
def test_what_the_policy_lets_go_is_deleted_but_for_what_is_pinned(
    prepared: Callable[..., TrainingSetup], tmp_path: Path, keep: str, pinned: set[str], left: list[str]
) -> None:
    first, middle, last = contents(prepared)
    writer = CheckpointWriter(RunFolder(tmp_path), lambda: pinned)
    for content, accuracy, reason in ((first, 0.5, "epoch"), (middle, None, "time"), (last, 0.6, "epoch")):
        content["accuracy"] = accuracy
        content["config"] = content["config"] | {"keep": keep}
        writer.save(content, reason)
    assert [entry.file for entry in manifest.read(RunFolder(tmp_path))] == left
    assert sorted(path.name for path in RunFolder(tmp_path).checkpoints.glob("epoch-*.pt")) == left
