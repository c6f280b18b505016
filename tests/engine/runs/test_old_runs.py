"""Run folders that an earlier version wrote (tests/fixtures/old_runs): they are listed, fold and resume."""

import json
import math
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from engine import device
from engine.checkpoints import manifest
from engine.checkpoints.read import load
from engine.home import Home, RunFolder
from engine.models import trusted_code
from engine.runs import branch, history, listing, log
from engine.runs.family import family
from engine.runs.host import take
from engine.runs.state import RunState, fold

OLD = Path(__file__).parents[2] / "fixtures" / "old_runs"
FINISHED, STOPPED, BRANCH = "20261126-072359-c721", "20261126-072412-c323", "20261126-072426-4dbc"


@pytest.fixture
def old(home: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with copies of the runs; the folder of their model is the working directory."""
    shutil.copytree(OLD / "runs", home / "runs", dirs_exist_ok=True)
    for record in home.glob("runs/*/host.json"):
        os.utime(record, (0, 0))  # a host on another machine is alive by its heartbeat
    monkeypatch.chdir(OLD)
    trusted_code.trust(OLD / "tiny.py")
    return Home(home)


def state(folder: RunFolder) -> RunState:
    return fold(log.read(folder).events)


def test_they_are_listed_with_what_became_of_them(home: Path, old: Home) -> None:
    runs = listing.list_runs(home)
    assert [(run.id, run.name, run.state, run.epoch, run.epochs) for run in runs] == [
        (BRANCH, "branch", "stopped", 3, 4),
        (STOPPED, "stopped", "stopped", 2, 3),
        (FINISHED, "finished", "finished", 3, 3),
    ]
    assert {(run.model, run.dataset, run.demo) for run in runs} == {("tiny.py:Tiny", "demo data", True)}
    assert [depth for depth, _ in family(runs)] == [0, 1, 0]
    assert (runs[0].parent, runs[0].parent_epoch, runs[0].parent_step) == (STOPPED, 2, 6)


def test_a_finished_run_folds_to_its_results(old: Home) -> None:
    run = state(old.run(FINISHED))
    assert (run.status, run.epoch, run.step, run.steps, run.seq) == ("finished", 3, 12, 12, 29)
    assert [result.epoch for result in run.tests] == [1, 2, 3]
    assert [sum(map(sum, result.confusion)) for result in run.tests] == [1000] * 3
    assert [(one.epoch, one.step) for one in run.layer_stats] == [(e, s) for e in (1, 2, 3) for s in (1, 4, 7, 10)]
    assert [saved.file for saved in run.checkpoints] == [f"checkpoints/epoch-000{epoch}.pt" for epoch in (1, 2, 3)]


def test_a_stopped_run_folds_to_its_edit_and_a_branch_to_its_parent(old: Home) -> None:
    run, branched = state(old.run(STOPPED)), state(old.run(BRANCH))
    assert (run.status, run.reason, run.epoch, run.step) == ("stopped", "asked", 2, 6)
    assert [(edit.epoch, edit.step, edit.setting, edit.before, edit.after) for edit in run.edits] == [
        (1, 4, "lr", 0.05, 0.02)
    ]
    assert history.read(old.run(STOPPED)).edits == run.edits
    assert branched.parent is not None
    assert (branched.parent.parent, branched.parent.epoch, branched.parent.step) == (STOPPED, 2, 6)
    assert branched.config["lr"] == 0.1
    assert branched.begun_at == pytest.approx(1.5)


def test_their_checkpoints_are_whole_and_can_be_branched_off(old: Home) -> None:
    for run, files in {
        FINISHED: ["epoch-0002.pt", "epoch-0003.pt"],
        STOPPED: ["epoch-0001.pt", "epoch-0002-step-000006.pt"],
        BRANCH: ["epoch-0002-step-000006.pt", "epoch-0002.pt", "epoch-0003-step-000002.pt"],
    }.items():
        entries = sorted(manifest.read(old.run(run)), key=lambda entry: entry.place)
        assert [entry.file for entry in entries] == files
        for entry in entries:
            content = load(old.run(run), entry)
            assert (content["epoch"], content["step"]) == (entry.epoch, entry.step)
            assert content["evaluated"] == (entry.epochs_done == entry.epoch)
    plan = branch.plan_branch(old.run(STOPPED), {"lr": "x2"})
    assert (plan.point.entry.file, plan.config.lr) == ("epoch-0002-step-000006.pt", 0.04)  # the edit's 0.02, doubled


@pytest.mark.slow
@pytest.mark.parametrize(("run", "place"), [(STOPPED, (2, 6)), (BRANCH, (3, 2))])
def test_they_resume_and_end_as_they_did_with_that_version(old: Home, run: str, place: tuple[int, int]) -> None:
    folder = old.run(run)
    then = json.loads(folder.run_json.read_text())
    assert take(folder, {}).serve() == 0
    resumed = state(folder)
    assert [(event.epoch, event.step, event.bad) for event in resumed.resumes] == [(*place, [])]
    assert resumed.status == "finished"
    expected: dict[str, Any] = json.loads((OLD / "expected.json").read_text())[then["name"]]
    tests = [[test.epoch, test.loss, test.accuracy] for test in resumed.tests]
    assert [test[0] for test in tests] == [test[0] for test in expected["tests"]]
    same = then["versions"]["torch"] == version("torch") and then["environment"]["device"] == device.processor()
    if same and not resumed.resumes[-1].differences:
        assert tests == expected["tests"]
        assert list(resumed.epoch_losses) == expected["epoch_losses"]
    else:  # another version's kernels round differently
        for (_, loss, _), (_, was, _) in zip(tests, expected["tests"], strict=True):
            assert math.isclose(loss, was, rel_tol=1e-3)
