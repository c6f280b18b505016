"""Runs with validation images: their folder, their list, what a resume and a branch of them may be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import manifest
from engine.data.demo.demo_dataset import demo_dataset
from engine.errors import ConfigError, RunError
from engine.home import RunFolder
from engine.runs import branch, checkpoint_refs, client, launch, listing, store
from engine.runs.follower import Follower
from engine.runs.state import fold
from engine.runs.verify_resume import _losses, kill, verify_resume
from engine.training import event_json
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.engine.runs.test_host_resume import create, go_on, serve, state, wait, weights
from tests.support.trained import TrainOnce

VALIDATED = TrainConfig(
    dataset="demo", epochs=3, threads=1, shuffle=True, optimizer="adam", batch_size=128, val="0.2", keep="1"
)


@pytest.fixture
def straight(home: Path, train_once: TrainOnce) -> RunFolder:
    return train_once(home, VALIDATED, "")


def results(folder: RunFolder) -> list[tuple[str, int]]:
    return [(one.split, one.epoch) for one in Follower(folder).poll() if isinstance(one, ev.Evaluated)]


def without_the_end(folder: RunFolder, after: str = "checkpoint_saved") -> None:
    """Leave of the log what a host had written that was killed right after the last event of that kind."""
    lines = folder.events.read_text().splitlines()
    last = max(at for at, line in enumerate(lines) if json.loads(line)["kind"] == after)
    folder.events.write_text("\n".join(lines[: last + 1]) + "\n")
    for cache in (folder.state_json, folder.summary_json):
        cache.unlink(missing_ok=True)


def test_what_is_held_out_is_on_record(straight: RunFolder) -> None:
    recorded = json.loads(straight.validation_json.read_text())
    facts = store.read_run(straight)["dataset"]
    train = demo_dataset().train
    assert recorded["images"] == len(train) == facts["train"] + facts["val"]
    assert facts["val"] == len(recorded["indices"]) == round(0.2 * len(train))
    assert recorded["sha256"] == facts["val_sha256"] == state(straight).dataset["val_sha256"]
    share = np.bincount(train.labels[recorded["indices"]]) / np.bincount(train.labels)
    assert share == pytest.approx([0.2] * 10, abs=0.01)


def test_the_best_epoch_is_the_validation_images_and_its_test_result_is_told(straight: RunFolder) -> None:
    run = state(straight)
    assert run.validates
    assert run.results == run.vals
    assert run.best == max(run.vals, key=lambda one: one.accuracy)
    assert run.tested is not None
    assert run.tested.epoch == run.best.epoch
    summary = listing.summary(straight)
    assert summary.best_accuracy == run.best.accuracy
    assert summary.accuracy == run.vals[-1].accuracy
    assert summary.test_accuracy == run.tested.accuracy
    best = checkpoint_refs.find(straight, "best")
    assert (best.epoch, best.accuracy) == (run.best.epoch, run.best.accuracy)
    assert best in manifest.read(straight), "though keep is 1"


def test_a_run_that_ended_before_its_test_is_resumed_for_that(home: Path, straight: RunFolder) -> None:
    told = results(straight)
    without_the_end(straight)
    assert results(straight) == [("val", 1), ("val", 2), ("val", 3)]
    run = go_on(straight)
    assert run.status == "finished"
    assert results(straight) == told
    (resumed,) = run.resumes
    assert (resumed.epoch, resumed.evaluated, resumed.epochs) == (3, True, 3)
    with pytest.raises(RunError, match="is complete, 3 of 3 epochs"):
        launch.resume(straight, {})


def test_the_end_that_was_interrupted_is_in_the_state_once(straight: RunFolder) -> None:
    before = state(straight)
    without_the_end(straight, "evaluated")
    run = go_on(straight)
    assert [(one.epoch, one.accuracy) for one in run.tests] == [(one.epoch, one.accuracy) for one in before.tests]
    assert run.status == "finished"


@pytest.mark.slow
def test_a_killed_run_is_the_one_that_was_not_killed(home: Path, straight: RunFolder) -> None:
    folder = create(home, VALIDATED, (2, 10, "checkpoint"), (2, 30, "pause"))
    client.launch(folder)
    wait(folder, lambda run: run.status == "paused")
    kill(folder)
    assert go_on(folder).status == "finished"
    assert weights(folder) == weights(straight)
    assert _losses(folder) == _losses(straight)


def test_other_validation_images_are_refused(straight: RunFolder) -> None:
    recorded = store.read_run(straight)
    store.write_run(straight, recorded | {"dataset": recorded["dataset"] | {"val_sha256": "0" * 64}})
    with pytest.raises(RunError, match="the validation images are not those that the run had"):
        launch.resume(straight, {"epochs": 5})


def test_a_branch_keeps_what_is_held_out_or_holds_out_nothing(straight: RunFolder) -> None:
    assert branch.plan_branch(straight, {"epochs": "5"}).config.val == "0.2"
    assert branch.plan_branch(straight, {"epochs": "5", "val": ""}).config.val == ""
    for val in ("0.3", "0.2:1", "100"):
        with pytest.raises(ConfigError, match="held out others"):
            branch.plan_branch(straight, {"epochs": "5", "val": val})


def test_a_branch_of_a_run_without_validation_can_hold_out_nothing(home: Path, train_once: TrainOnce) -> None:
    parent = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, batch_size=512), "")
    with pytest.raises(ConfigError, match="held out none"):
        branch.plan_branch(parent, {"epochs": "5", "val": "100"})


NEVER_LEARNS: dict[str, Any] = {"dataset": "demo", "threads": 1, "batch_size": 512, "lr": 1e-30, "epochs": 9}


def test_a_run_that_stopped_early_is_complete_until_its_patience_is_changed(home: Path) -> None:
    folder = create(home, TrainConfig(**NEVER_LEARNS, val="500", patience=1))
    run = serve(folder)
    assert (run.status, run.epoch, run.epochs) == ("finished", 2, 9)
    assert run.reason == "the validation accuracy has not improved for 1 epoch"
    assert results(folder) == [("val", 1), ("val", 2), ("test", 1), ("test", 2)]
    for changes in ({}, {"epochs": 20}, {"settings": {"lr": "0.1"}}):
        with pytest.raises(RunError, match=r"stopped early, after 2 of \d+ epochs: .*; to train on: .* patience=0"):
            launch.resume(folder, changes)
    run = go_on(folder, settings={"patience": "2"})
    assert (run.status, run.epoch) == ("finished", 3)
    run = go_on(folder, settings={"patience": "0"}, epochs=4)
    assert (run.status, run.epoch, run.reason) == ("finished", 4, "")


def test_a_run_that_was_killed_as_it_was_to_stop_early_stops_there(home: Path) -> None:
    folder = create(home, TrainConfig(**NEVER_LEARNS, patience=1))
    serve(folder)
    without_the_end(folder)
    run = go_on(folder)
    assert (run.status, run.epoch) == ("finished", 2)
    assert run.reason == "the test accuracy has not improved for 1 epoch"
    assert results(folder) == [("test", 1), ("test", 2)]


def test_a_condition_that_is_met_can_be_left_out_by_a_branch_alone(home: Path) -> None:
    folder = create(home, TrainConfig(**NEVER_LEARNS, stop_when="test_accuracy>=0"))
    assert serve(folder).reason == "test_accuracy>=0 holds"
    with pytest.raises(RunError, match=f"to train on: fmnist-tui branch {folder.id} stop_when="):
        launch.resume(folder, {})
    assert branch.plan_branch(folder, {"stop_when": ""}).config.stop_when == ""


def test_resume_is_verified_with_validation_and_early_stopping(home: Path) -> None:
    lines: list[str] = []
    config = TrainConfig(dataset="demo", threads=1, batch_size=256, epochs=3, val="0.5", patience=1, shuffle=True)
    assert verify_resume(config, home=home, steps=20, at=5, report=lines.append), lines


def test_a_result_of_an_unknown_set_is_no_event() -> None:
    told = ev.Evaluated(epoch=1, loss=1.0, accuracy=0.5, per_class=[0.5], confusion=[[1]], seconds=1.0, seq=2, t=5.0)
    line = event_json.encode(told)
    assert event_json.decode(line) == told
    for wrong in ("training", "", None, 3):
        assert event_json.decode(json.dumps(json.loads(line) | {"split": wrong})) is None
    older = json.loads(line)
    del older["split"]
    assert event_json.decode(json.dumps(older)) == told


def test_results_are_kept_in_the_order_of_the_epochs_whatever_comes_when() -> None:
    def result(seq: int, epoch: int, split: str, accuracy: float) -> ev.Evaluated:
        return ev.Evaluated(
            seq=seq, epoch=epoch, split=split, accuracy=accuracy, loss=1.0, per_class=[], confusion=[], seconds=0.1
        )

    facts: Any = {"name": "x", "train": 10, "test": 5, "val": 2}
    begun = ev.RunStarted(
        seq=1, config={"val": "2"}, device="cpu", device_name="", threads=1, dataset=facts, loader="resident",
        parameters=1, epochs=3, steps=2,
    )  # fmt: skip
    told = [result(2, 1, "val", 0.7), result(3, 2, "val", 0.9), result(4, 3, "val", 0.8)]
    tests = [result(5, 2, "test", 0.6), result(6, 3, "test", 0.5), result(7, 2, "test", 0.6), result(8, 3, "test", 0.4)]
    run = fold([begun, *told, *tests])
    assert [one.seq for one in run.tests] == [7, 8]
    assert run.best == told[1]
    assert run.tested == tests[2]
    assert fold([begun, *told]).tested is None
    assert fold([begun, *told, tests[1]]).tested == tests[1], "the best one's is not known: the newest's"
