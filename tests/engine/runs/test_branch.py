"""The rules of branching, the same for the prompt, the command line and the host."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, RunError
from engine.home import RunFolder
from engine.runs import branch, client, store
from engine.runs.log import EventLog
from engine.training import events as ev
from engine.training.config import TrainConfig

EPOCH_1 = Entry("epoch-0001.pt", 1, 100, 1, "01", 1.0, "epoch", 0.5)
INSIDE = Entry("epoch-0002-step-000040.pt", 2, 40, 1, "02", 2.0, "asked")
EPOCH_2 = Entry("epoch-0002.pt", 2, 100, 1, "03", 3.0, "epoch", 0.4)


@pytest.fixture
def parent(home: Path) -> RunFolder:
    """A run of two epochs, whose lr was changed at step 50 of the second."""
    folder = store.create(home, client.request(TrainConfig(lr=0.1, epochs=2), name="parent"))
    folder.checkpoints.mkdir()
    manifest.write(folder, [EPOCH_2, INSIDE, EPOCH_1])
    log = EventLog(folder)
    log.append(ev.Edited(epoch=2, step=50, setting="lr", before=0.1, after=0.2, lr=0.2, from_epoch=2))
    log.close()
    return folder


def test_a_branch_has_the_settings_of_its_checkpoint_and_the_changes(parent: RunFolder) -> None:
    before_the_edit = branch.plan_branch(parent, {"lr": "x2", "batch_size": "128"}, "2:40")
    assert before_the_edit.point.entry == INSIDE
    assert before_the_edit.changes == {"lr": 0.2, "batch_size": 128}
    assert before_the_edit.config == replace(before_the_edit.point.config, lr=0.2, batch_size=128)
    after_it = branch.plan_branch(parent, {"lr": "x2", "epochs": "3"})
    assert (after_it.point.entry, after_it.changes) == (EPOCH_2, {"lr": 0.4, "epochs": 3})


@pytest.mark.parametrize(("at", "done", "suggested"), [("1", 1, ""), ("2:40", 1, ""), ("2", 2, "epochs=4")])
def test_only_a_checkpoint_of_the_last_epochs_end_needs_more_epochs(
    parent: RunFolder, at: str, done: int, suggested: str
) -> None:
    point = branch.branch_point(parent, at)
    assert (point.epochs_done, point.suggested) == (done, suggested)
    if suggested:
        with pytest.raises(ConfigError, match="2 of 2 epochs are done there already; add epochs=7") as refused:
            point.plan({})
        assert refused.value.field == "epochs"
    else:
        assert point.plan({}).config == point.config


@pytest.mark.parametrize("setting", ["model", "dataset"])
def test_a_branch_keeps_its_parents_model_and_data(parent: RunFolder, setting: str) -> None:
    with pytest.raises(ConfigError, match=f"a branch keeps its parent's {setting}") as refused:
        branch.plan_branch(parent, {setting: "cnn"}, "1")
    assert refused.value.field == setting


def test_a_checkpoint_that_is_not_there_is_refused_with_the_nearest(parent: RunFolder) -> None:
    with pytest.raises(RunError, match="no checkpoint at epoch 2, step 60; nearest: 2:40 or 2"):
        branch.plan_branch(parent, {}, "2:60")


def test_the_clients_branch_is_the_plan_with_its_checkpoint(parent: RunFolder) -> None:
    parent.checkpoint(INSIDE.file).write_bytes(b"x")
    new = client.prepare_branch(parent, "2:40", {"lr": "/2"}, name="child")
    asked = store.read_run(new)
    assert TrainConfig.from_dict(asked["config"]).lr == 0.05
    assert asked["parent"] == {
        "run": parent.id, "file": f"checkpoints/{INSIDE.file}", "epoch": 2, "step": 40, "sha256": "02",
        "changes": {"lr": 0.05},
    }  # fmt: skip
    (entry,) = manifest.read(new)
    assert entry == replace(INSIDE, reason="branch", rested_on=True)
    assert new.checkpoint(entry.file).read_bytes() == b"x"
    assert (store.title(new), store.title(parent)) == ("child", "parent")


def test_a_run_without_a_name_is_called_by_its_id(home: Path) -> None:
    folder = store.create(home, client.request(TrainConfig()))
    assert store.title(folder) == folder.id
