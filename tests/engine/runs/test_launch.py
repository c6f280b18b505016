"""What a session starts with, from the files of a run: a branch, a resume, and what is done again after it."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import manifest
from engine.checkpoints.write import CheckpointWriter
from engine.errors import ConfigError, RunError
from engine.home import Home, RunFolder
from engine.runs import client, history, launch, store
from engine.runs.log import EventLog
from engine.training import events as ev
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.config import TrainConfig
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup

SAYS = "print('what went wrong', flush=True)"
EDIT = {"setting": "lr", "value": 0.5}


def scheduled(epoch: int, step: int, kind: CommandKind, **what: Any) -> ScheduledCommand:
    return ScheduledCommand(epoch, step, Command(kind, **what))


@pytest.fixture
def saved(prepared: Callable[..., TrainingSetup]) -> list[dict[str, Any]]:
    """Checkpoints of a run of two epochs whose lr was edited at step 2: at step 5 of epoch 1, after it, and after 2."""
    found: list[dict[str, Any]] = []

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        copied = {name: value.clone() for name, value in content["model"].items()}
        found.append({**content, "model": copied, "reason": reason})
        return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

    agenda = [scheduled(1, 2, CommandKind.SET, **EDIT), scheduled(1, 5, CommandKind.CHECKPOINT)]
    TrainingSession(prepared(epochs=2), sink=lambda event: None, save=save, scheduled=agenda).run()
    assert [(one["epoch"], one["step"], len(one["edits"])) for one in found] == [(1, 5, 1), (1, 10, 1), (2, 10, 1)]
    return found


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: Callable[..., TrainingSetup]
) -> Callable[..., RunFolder]:
    """Makes a run folder with checkpoints; a session there is one of the test's small network and data."""

    def prepare(folder: RunFolder, request: Mapping[str, Any], config: Any, team: Any, *, fresh: bool) -> TrainingSetup:
        return prepared(**{name: value for name, value in config.to_dict().items() if name != "model"})

    monkeypatch.setattr(launch, "_prepare", prepare)

    def make(contents: list[dict[str, Any]], **record: Any) -> RunFolder:
        run = Home(tmp_path).run("20260101-101010-aaaa")
        run.path.mkdir(parents=True)
        store.write_run(run, {"v": 1, "id": run.id, "config": contents[0]["config"] if contents else {}, **record})
        writer = CheckpointWriter(run)
        for content in contents:
            writer.save(content, content["reason"])
        return run

    return make


def test_a_branch_begins_at_its_checkpoint_without_its_parents_edits_and_hooks(
    saved: list[dict[str, Any]], folder: Callable[..., RunFolder]
) -> None:
    content = {**saved[0], "reason": "branch", "hooks": {"layer_stats": {"warned": [["a", "b"]]}}}
    parent = {"run": "p", "file": "checkpoints/x.pt", "epoch": 1, "step": 5, "sha256": "", "changes": {"lr": 0.25}}
    config = content["config"] | {"lr": 0.25}
    setup = launch.start(folder([content], config=config, parent=parent, agenda=[[1, 4, "pause"], [2, 1, "stop"]]))
    start = setup.start
    assert (start.epoch, start.step, start.evaluated) == (1, 5, False)
    assert (start.loss_sum, start.seconds, start.training_s) == (
        content["loss_sum"], content["seconds"], content["training_s"],
    )  # fmt: skip
    assert (start.edits, dict(start.hooks)) == ((), {})
    began, branched = setup.opening
    assert isinstance(began, ev.RunStarted)
    assert branched == ev.Branched(
        parent="p", checkpoint="checkpoints/x.pt", epoch=1, step=5, evaluated=False, changes={"lr": 0.25}, notes=[]
    )
    assert setup.agenda == (scheduled(2, 1, CommandKind.STOP),)  # what is before its place is past
    weights = setup.prepared.network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in content["model"].items())
    assert [group["lr"] for group in setup.prepared.optimizer.param_groups] == [0.25]


def test_a_branch_that_has_no_epoch_left_is_refused(
    saved: list[dict[str, Any]], folder: Callable[..., RunFolder]
) -> None:
    content = {**saved[2], "reason": "branch"}
    parent = {"run": "p", "file": "x.pt", "epoch": 2, "step": 10, "sha256": "", "changes": {}}
    with pytest.raises(ConfigError, match="2 of 2 epochs are done"):
        launch.start(folder([content], parent=parent))


def test_a_resume_goes_on_from_the_newest_checkpoint_with_its_settings_and_seconds(
    saved: list[dict[str, Any]], folder: Callable[..., RunFolder]
) -> None:
    run = folder([{**saved[0], "training_s": 71.5}], agenda=[[1, 5, "pause"], [1, 7, "checkpoint"]])
    log = EventLog(run)
    log.append(ev.Edited(epoch=1, step=2, setting="lr", before=1e-3, after=0.5, lr=0.5, from_epoch=1))
    log.append(ev.Edited(epoch=1, step=8, setting="epochs", before=2, after=3, lr=0.5, from_epoch=1))
    log.close()
    setup = launch.resume(run, {})
    (resumed,) = setup.opening
    assert isinstance(resumed, ev.Resumed)
    assert (resumed.checkpoint, resumed.epoch, resumed.step) == ("checkpoints/epoch-0001-step-000005.pt", 1, 5)
    assert (resumed.training_s, setup.start.training_s) == (71.5, 71.5)
    assert setup.prepared.config.lr == 0.5
    assert len(setup.start.edits) == 1
    assert setup.agenda == (  # the edit that is in the checkpoint is not made again
        scheduled(1, 8, CommandKind.SET, setting="epochs", value=3, replayed=True),
        scheduled(1, 7, CommandKind.CHECKPOINT),
    )
    assert (setup.last_seq, setup.bad, setup.differences) == (2, [], [])
    assert setup.rests_on == manifest.read(run)[0]


def test_more_epochs_are_an_edit_at_the_place_of_the_resume(
    saved: list[dict[str, Any]], folder: Callable[..., RunFolder]
) -> None:
    run = folder(saved)
    with pytest.raises(RunError, match=r"is complete, 2 of 2 epochs; for more: .* --epochs 12$"):
        launch.resume(run, {})
    setup = launch.resume(run, {"epochs": 4})
    assert setup.agenda == (scheduled(2, 10, CommandKind.SET, setting="epochs", value=4),)
    assert (setup.start.epoch, setup.start.epochs_done) == (2, 2)
    with pytest.raises(ConfigError, match="1 is too few: 2 epochs are done already"):
        launch.resume(run, {"epochs": 1})


def test_a_damaged_checkpoint_is_passed_over_and_named(
    saved: list[dict[str, Any]], folder: Callable[..., RunFolder]
) -> None:
    run = folder(saved[:2])
    run.checkpoint("epoch-0001.pt").write_bytes(b"")
    setup = launch.resume(run, {})
    assert (setup.start.epoch, setup.start.step) == (1, 5)
    (bad,) = setup.bad
    assert bad.startswith("checkpoints/epoch-0001.pt: it has 0 bytes")


def test_an_edit_that_a_later_one_at_an_earlier_place_replaced_is_void(tmp_path: Path) -> None:
    def edit(epoch: int, step: int, setting: str, after: float, *, replayed: bool = False) -> ev.Edited:
        return ev.Edited(
            epoch=epoch, step=step, setting=setting, before=0.0, after=after, lr=0.1, from_epoch=epoch,
            replayed=replayed,
        )  # fmt: skip

    log = EventLog(RunFolder(tmp_path))
    saves = [ev.CheckpointSaved(file=f"checkpoints/{n}.pt", epoch=n, step=1, bytes=n, sha256=str(n)) for n in (1, 2)]
    for event in (
        edit(1, 5, "lr", 0.1), edit(2, 5, "lr", 0.2), edit(2, 6, "momentum", 0.9), edit(2, 1, "lr", 0.3), *saves,
        edit(2, 1, "lr", 0.3, replayed=True), ev.Finished(epochs=2, seconds=1.0),
    ):  # fmt: skip
        log.append(event)
    found = history.read(RunFolder(tmp_path))
    assert [(one.epoch, one.step, one.setting, one.after) for one in found.edits] == [
        (1, 5, "lr", 0.1), (2, 6, "momentum", 0.9), (2, 1, "lr", 0.3)
    ]  # fmt: skip
    assert (found.seq, found.finished) == (8, True)
    assert [(one.file, one.bytes, one.sha256) for one in found.entries()] == [("1.pt", 1, "1"), ("2.pt", 2, "2")]
    resumed = ev.Resumed(
        checkpoint="", epoch=1, step=1, evaluated=False, training_s=0.0, config={}, device="", device_name="",
        threads=1, loader="", epochs=3, steps=5, differences=[], bad=[],
    )  # fmt: skip
    log.append(resumed)
    log.close()
    assert history.read(RunFolder(tmp_path)).finished is False


@pytest.mark.parametrize(
    ("code", "end"),
    [("raise SystemExit(3)", "exit 3"), ("import os; os.kill(os.getpid(), 9)", "exit -9")],
)
def test_a_host_that_dies_while_it_starts_leaves_its_words_and_no_folder(
    code: str, end: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "host_command", lambda folder, arguments: [sys.executable, "-c", f"{SAYS}; {code}"])
    log = Home(home).app_log
    with pytest.raises(RunError, match=rf"died while starting \({end}\); see {re.escape(str(log))}$"):
        client.start(home, TrainConfig(dataset="demo"))
    assert store.run_folders(home) == []
    assert list((home / "runs").iterdir()) == []
    assert "what went wrong" in log.read_text()


def test_where_its_words_can_not_be_kept_elsewhere_the_folder_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "host_command", lambda folder, arguments: [sys.executable, "-c", "print('why')"])
    Home(home).app_log.mkdir(parents=True)
    with pytest.raises(RunError, match=r"died while starting \(exit 0\); see .*host\.log$"):
        client.start(home, TrainConfig(dataset="demo"))
    (folder,) = store.run_folders(home)
    assert folder.host_log.read_text() == "why\n"


@pytest.mark.parametrize(
    ("after", "undone"),
    [
        ([], ["lr"]),
        (
            [ev.Progress(epoch=1, step=5, steps=9, loss=1.0, lr=2.0, samples_per_s=1.0)],
            ["lr"],
        ),
        ([ev.Progress(epoch=1, step=6, steps=9, loss=1.0, lr=2.0, samples_per_s=1.0)], []),
        ([ev.EpochFinished(epoch=1, loss=1.0, seconds=1.0, samples_per_s=1.0)], []),
    ],
)
def test_an_edit_is_undone_where_the_run_failed_before_a_step_with_it(
    after: list[ev.Event], undone: list[str], tmp_path: Path
) -> None:
    log = EventLog(RunFolder(tmp_path))
    for event in (
        ev.Edited(epoch=1, step=5, setting="lr", before=1.0, after=2.0, lr=2.0, from_epoch=1),
        *after,
        ev.Failed(message="RuntimeError: no", log="host.log"),
    ):
        log.append(event)
    log.close()
    found = history.read(RunFolder(tmp_path))
    assert [edit.setting for edit in found.undone] == undone
    assert [edit.setting for edit in found.edits] == ([] if undone else ["lr"])
