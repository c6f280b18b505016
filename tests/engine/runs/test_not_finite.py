"""Runs whose weights became NaN: what was saved of them is known as such, and a resume goes back to before it."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import manifest
from engine.checkpoints.read import newest_good
from engine.checkpoints.write import CheckpointWriter
from engine.errors import CheckpointError, RunError
from engine.home import RunFolder
from engine.runs import checkpoint_refs, client, history, store
from engine.runs.follower import Follower
from engine.runs.going_on import GoesOn, goes_on
from engine.runs.host import take
from engine.runs.state import RunState, fold
from engine.runs.verify_resume import kill
from engine.training import events as ev
from engine.training.config import TrainConfig
from engine.weights.contents_cache import contents_of
from tests.support.images import striped
from tests.support.waiting import wait_for

CONFIG = TrainConfig(dataset="demo", epochs=3, threads=1, batch_size=500)  # 12 steps
TOO_MUCH = {"lr": "1e30"}


def diverged(home: Path, config: TrainConfig) -> RunFolder:
    """A run that is sound up to step 4 of epoch 2, and then made to diverge."""
    request = client.request(config) | {"agenda": [[2, 4, "stop"]]}
    folder = store.create(home, request)
    take(folder).serve()
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    serve(folder, TOO_MUCH)
    return folder


def serve(folder: RunFolder, settings: dict[str, str] | None = None) -> RunState:
    """Resume the run here, until it ends."""
    changes: dict[str, Any] = {"settings": settings} if settings else {}
    take(folder, changes).serve()
    return fold(Follower(folder).poll())


def end(folder: RunFolder) -> RunState:
    """Wait until a run in a process of its own has ended."""
    wait_for(lambda: fold(Follower(folder).poll()).done and not store.alive(folder), "the end of the run")
    return fold(Follower(folder).poll())


def finite(folder: RunFolder) -> dict[str, bool]:
    return {entry.file: entry.finite for entry in manifest.read(folder)}


@pytest.mark.parametrize(("model", "optimizer"), [("mlp", "sgd"), ("cnn", "sgd"), ("mlp", "adam")])
def test_a_run_that_stopped_after_a_nan_goes_on_from_before_it(tmp_path: Path, model: str, optimizer: str) -> None:
    small = replace(CONFIG, dataset=striped(tmp_path / "images", train=600), batch_size=50)  # as many steps
    begun = small if model == "cnn" else CONFIG
    config = replace(begun, model=model, optimizer=optimizer, on_non_finite="stop", keep="1")
    folder = diverged(tmp_path, config)
    before, after = manifest.read(folder)[-2:]
    assert (before.finite, after.finite) == (True, False)
    # The losses are looked at by the clock: of few steps the end of the epoch may come first, and has its checkpoint.
    assert after.reason == ("epoch" if after.epochs_done == after.epoch else "stop")
    saved = [event for event in Follower(folder).poll() if isinstance(event, ev.CheckpointSaved)]
    assert [event.finite for event in saved][-2:] == [True, False]
    bare = torch.load(folder.weights, weights_only=True)
    kept = torch.load(folder.checkpoint(before.file), weights_only=True)["model"]
    assert all(torch.equal(bare[name], kept[name]) for name in kept), "the newest finite weights"
    (warned,) = [event for event in Follower(folder).poll() if getattr(event, "code", "") == "older_weights"]
    assert isinstance(warned, ev.Warned)
    assert before.file in warned.message

    run = serve(folder, {"lr": "1e-3"})
    assert run.status == "finished"
    assert run.resumes[-1].checkpoint.endswith(before.file)
    assert run.resumes[-1].bad == [f"checkpoints/{after.file}: its weights or its loss are NaN or infinite"]
    assert all(math.isfinite(one.loss) for one in run.tests)
    assert all(finite(folder).values()), "what is not finite, and of a stretch that is void, is let go"
    assert not folder.checkpoint(after.file).exists()
    assert goes_on(run) is GoesOn.FROM_NEWEST


def test_a_run_that_went_on_to_its_end_with_nan_is_not_done_again_as_it_was(tmp_path: Path) -> None:
    folder = diverged(tmp_path, replace(CONFIG, on_non_finite="continue", keep="1"))
    assert list(finite(folder).values()) == [True, True, False], "epoch 1 is the best, 2:4 the newest that is finite"
    assert "epoch-0003.pt" in finite(folder)
    assert goes_on(fold(Follower(folder).poll())) is GoesOn.FROM_EARLIER
    with pytest.raises(RunError, match="is complete, and its last weights or losses are NaN") as refused:
        take(folder, {})
    assert "\n" not in str(refused.value)
    run = serve(folder, {"lr": "1e-3"})
    assert (run.resumes[-1].epoch, run.resumes[-1].step, run.status) == (2, 4, "finished")
    assert math.isfinite(run.tests[-1].loss)


def test_without_a_finite_checkpoint_a_resume_is_refused_in_a_line(tmp_path: Path) -> None:
    folder = store.create(tmp_path, client.request(replace(CONFIG, lr=1e30, on_non_finite="stop")))
    take(folder).serve()
    assert list(finite(folder).values()) == [False]
    assert not folder.weights.exists()
    assert "no finite checkpoint" in fold(Follower(folder).poll()).warnings[-1].message
    assert goes_on(fold(Follower(folder).poll())) is GoesOn.NOT
    before = folder.events.read_bytes()
    with pytest.raises(CheckpointError, match=r"NaN or infinite; start a new run.*fmnist-tui train") as refused:
        take(folder, {"settings": {"lr": "1e-3"}})
    assert "\n" not in str(refused.value)
    assert folder.events.read_bytes() == before


def test_a_killed_run_goes_back_past_what_was_saved_after_the_nan(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=400, on_non_finite="continue")
    folder = store.create(tmp_path, client.request(config) | {"agenda": [[2, 4, "stop"]]})
    end(client.launch(folder))
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    client.resume(folder, settings=TOO_MUCH)
    # The log, which is written after the manifest.
    wait_for(lambda: len([one for one in history.read(folder).checkpoints if not one.finite]) > 1, "two of NaN")
    kill(folder)
    folder.manifest.unlink()  # the log has it too
    found = newest_good(folder, [])
    assert found is None
    resumed = client.resume(folder, settings={"lr": "1e-3"}, epochs=3)
    assert len(resumed.bad) > 1
    run = end(folder)
    assert (run.status, run.resumes[-1].epoch, run.resumes[-1].step) == ("finished", 2, 4)
    assert math.isfinite(run.tests[-1].loss)


def test_a_run_that_is_paused_at_a_nan_and_stopped_then_goes_back(tmp_path: Path) -> None:
    folder = store.create(tmp_path, client.request(CONFIG) | {"agenda": [[2, 4, "stop"]]})
    end(client.launch(folder))
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    client.resume(folder, settings=TOO_MUCH)
    wait_for(lambda: fold(Follower(folder).poll()).status == "paused", "the pause")
    client.command(folder, "stop")
    end(folder)
    assert not manifest.read(folder)[-1].finite
    client.resume(folder, settings={"lr": "1e-3"})
    run = end(folder)
    assert (run.status, run.resumes[-1].epoch, run.resumes[-1].step) == ("finished", 2, 4)


def test_a_checkpoint_of_an_earlier_version_is_looked_into(tmp_path: Path) -> None:
    folder = diverged(tmp_path, replace(CONFIG, on_non_finite="stop"))
    listed = json.loads(folder.manifest.read_text())
    for entry in listed["checkpoints"]:
        del entry["finite"]
    path = folder.checkpoint(listed["checkpoints"][-1]["file"])
    content = torch.load(path, weights_only=True)
    del content["finite"]
    folder.manifest.write_text(json.dumps(listed))
    CheckpointWriter(folder).save(content, "stop")
    assert not manifest.read(folder)[-1].finite
    found = newest_good(folder, [replace(entry, finite=True) for entry in manifest.read(folder)])
    assert found is not None
    assert (found[0].epoch, found[0].step) == (2, 4)


def test_last_stays_the_last_and_whoever_uses_it_is_told(tmp_path: Path) -> None:
    folder = diverged(tmp_path, replace(CONFIG, on_non_finite="stop"))
    last = checkpoint_refs.find(folder, "last")
    assert not last.finite
    assert checkpoint_refs.words(last).endswith(", not finite")
    assert f"the newest finite one is {folder.id}@2:4" in checkpoint_refs.warning(folder, last)
    assert checkpoint_refs.warning(folder, checkpoint_refs.find(folder, "2:4")) == ""
    notes = {entry.finite: contents_of(folder.checkpoint(entry.file)).notes for entry in manifest.read(folder)}
    assert "not finite" in notes[False][0]
    assert "can be resumed" in notes[True][0]
