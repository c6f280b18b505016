"""Runs that ended and go on: hosts in this process where that tells as much, real ones where something is killed."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import manifest
from engine.checkpoints.read import newest_good
from engine.errors import CheckpointError, ConfigError, EngineError, ModelError, RunError
from engine.home import RunFolder
from engine.models import trusted_code
from engine.models.trusted_code import UntrustedCodeError
from engine.runs import checkpoint_refs, client, listing, store
from engine.runs.follower import Follower
from engine.runs.host import take
from engine.runs.state import RunState, fold
from engine.runs.verify_resume import _losses, fingerprint, kill, verify_resume
from engine.training import event_json
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.own_code import write_trusted
from tests.support.trained import TrainOnce
from tests.support.waiting import wait_for

SHORT = TrainConfig(dataset="demo", epochs=3, threads=1, shuffle=True, optimizer="adam", batch_size=128)  # 47 steps


def create(home: Path, config: TrainConfig = SHORT, *agenda: tuple[int, int, str], name: str = "") -> RunFolder:
    return store.create(home, client.request(config, name=name) | {"agenda": [list(one) for one in agenda]})


def serve(folder: RunFolder, resume: dict[str, Any] | None = None) -> RunState:
    """Be the run's host in this process until it ends."""
    take(folder, resume).serve()
    return state(folder)


def go_on(folder: RunFolder, **changes: Any) -> RunState:
    """Resume the run here, its agenda done with."""
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    return serve(folder, changes)


def state(folder: RunFolder) -> RunState:
    return fold(Follower(folder).poll())


def weights(folder: RunFolder) -> str:
    found = newest_good(folder)
    assert found is not None
    return fingerprint([found[1]["model"], found[1]["optimizer"], found[1]["rng"]])


def everything(folder: RunFolder) -> dict[str, bytes]:
    """The folder's files, but for what starting and refusing prints."""
    files = {str(path.relative_to(folder.path)): path for path in folder.path.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "host.log"}


def wait(folder: RunFolder, until: Callable[[RunState], object]) -> RunState:
    def reached() -> RunState | None:
        run = state(folder)
        return run if until(run) else None

    return wait_for(reached, f"the awaited state of {folder.id}")


@pytest.fixture
def straight(home: Path, train_once: TrainOnce) -> RunFolder:
    """The run that nothing happens to."""
    return train_once(home, SHORT, "")


def test_a_stopped_run_goes_on_as_if_it_had_never_been_stopped(home: Path, straight: RunFolder) -> None:
    folder = create(home, SHORT, (2, 20, "stop"))
    assert serve(folder).status == "stopped"
    run = go_on(folder)
    assert run.status == "finished"
    assert weights(folder) == weights(straight)
    assert _losses(folder) == _losses(straight)
    untouched = state(straight)
    assert [(r.epoch, r.accuracy, r.confusion) for r in run.tests] == [
        (r.epoch, r.accuracy, r.confusion) for r in untouched.tests
    ]
    assert run.epoch_losses == untouched.epoch_losses
    assert [event.seq for event in Follower(folder).poll()] == list(range(1, run.seq + 1))
    (resumed,) = run.resumes
    assert (resumed.epoch, resumed.step, resumed.checkpoint) == (2, 20, "checkpoints/epoch-0002-step-000020.pt")
    assert (resumed.differences, resumed.bad) == ([], [])
    # The checkpoint that the resume rests on stays, though only a stop wrote it.
    kept = [entry.file for entry in manifest.read(folder)]
    assert kept == ["epoch-0001.pt", "epoch-0002-step-000020.pt", "epoch-0002.pt", "epoch-0003.pt"]


@pytest.mark.slow
def test_a_killed_host_loses_what_came_after_the_checkpoint_and_does_it_again(home: Path, straight: RunFolder) -> None:
    folder = create(home, SHORT, (2, 10, "checkpoint"), (2, 30, "pause"))
    client.launch(folder)
    wait(folder, lambda run: run.status == "paused")
    kill(folder)
    assert listing.summary(folder).state == "ended"
    with open(folder.events, "ab") as log:
        log.write(b'{"v": 1, "seq": 999, "t": 17')  # as if it had been killed in the middle of a line
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    assert client.resume(folder) == client.Resumed()
    run = wait(folder, lambda run: run.done)
    assert run.status == "finished"
    assert weights(folder) == weights(straight)
    assert _losses(folder) == _losses(straight)
    assert run.resumes[0].step == 10
    assert [point.x for point in run.curve] == sorted(point.x for point in run.curve)


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_begins_anew(home: Path, straight: RunFolder) -> None:
    folder = create(home, SHORT, (1, 5, "pause"))
    client.launch(folder)
    wait(folder, lambda run: run.status == "paused")
    kill(folder)
    assert go_on(folder).resumes[0].checkpoint == ""
    assert weights(folder) == weights(straight)
    assert _losses(folder) == _losses(straight)


@pytest.mark.slow
def test_edits_are_done_again_by_the_run_that_was_killed_after_them(home: Path) -> None:
    """Edits by the control socket, as a person makes them, then the same without the kill."""

    def edited(*, killed: bool) -> RunFolder:
        folder = create(home, SHORT, (1, 20, "checkpoint"), (1, 30, "pause"), (2, 30, "pause"))
        client.launch(folder)
        wait(folder, lambda run: run.status == "paused" and run.epoch == 1)
        assert client.command(folder, "set", {"lr": "x2", "weight_decay": "1e-3"}) == [
            "lr 0.001 → 0.002",
            "weight_decay 0 → 0.001",
        ]
        client.command(folder, "set", {"batch_size": "64", "epochs": "4"})
        with pytest.raises(RunError, match="--weight-decay: -1 is out of range"):
            client.command(folder, "set", {"lr": "1", "weight_decay": "-1"})
        wait(folder, lambda run: len(run.edits) == 4)
        client.command(folder, "unpause")
        wait(folder, lambda run: run.status == "paused" and run.epoch == 2)
        if killed:
            kill(folder)
            path = folder.checkpoint("epoch-0001.pt")  # it holds the edits; the one before does not
            path.write_bytes(path.read_bytes()[:-1])
            store.write_run(folder, store.read_run(folder) | {"agenda": []})
            assert "epoch-0001.pt: it has" in client.resume(folder).bad[0]
        else:
            client.command(folder, "unpause")
        assert wait(folder, lambda run: run.done).status == "finished"
        return folder

    plain, broken = edited(killed=False), edited(killed=True)
    assert weights(plain) == weights(broken)
    assert _losses(plain) == _losses(broken)
    runs = state(plain), state(broken)
    assert runs[1].resumes[0].step == 20
    assert [(e.epoch, e.step, e.setting, e.after) for e in runs[0].edits] == [
        (e.epoch, e.step, e.setting, e.after) for e in runs[1].edits
    ]
    assert all(e.replayed for e in runs[1].edits)
    assert runs[0].epochs == runs[1].epochs == 4
    assert [{**run.config, "device": ""} for run in runs[:1]] == [{**run.config, "device": ""} for run in runs[1:]]


def test_a_finished_run_takes_more_epochs(home: Path) -> None:
    folder = create(home, SHORT)
    serve(folder)
    before = everything(folder)
    with pytest.raises(RunError, match=r"is complete, 3 of 3 epochs; for more: fmnist-tui resume .* --epochs 13"):
        serve(folder, {})
    with pytest.raises(ConfigError, match="3 epochs are done already"):
        serve(folder, {"epochs": 2})
    assert everything(folder) == before
    run = serve(folder, {"epochs": 5})
    assert (run.status, run.epochs, run.epoch, len(run.tests)) == ("finished", 5, 5, 5)
    longer = create(home, TrainConfig.from_dict(SHORT.to_dict() | {"epochs": 5}))
    serve(longer)
    assert weights(folder) == weights(longer)


def test_the_newest_good_checkpoint_is_used_and_the_bad_ones_are_named(home: Path, straight: RunFolder) -> None:
    folder = create(home, SHORT, (3, 20, "stop"))
    serve(folder)
    newest, older = (folder.checkpoint(name) for name in ("epoch-0003-step-000020.pt", "epoch-0002.pt"))
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1  # one bit, in the middle of a tensor: PyTorch would load it
    newest.write_bytes(data)
    older.unlink()
    run = go_on(folder)
    (resumed,) = run.resumes
    assert resumed.checkpoint == "checkpoints/epoch-0001.pt"
    assert [bad.split(":")[0] for bad in resumed.bad] == [
        "checkpoints/epoch-0003-step-000020.pt",
        "checkpoints/epoch-0002.pt",
    ]
    assert "SHA-256" in resumed.bad[0]
    assert "No such file" in resumed.bad[1]
    assert weights(folder) == weights(straight)


def test_a_lost_manifest_is_no_lost_run(home: Path, straight: RunFolder) -> None:
    for damage in (Path.unlink, lambda path: path.write_text("{")):
        folder = create(home, SHORT, (2, 20, "stop"))
        serve(folder)
        damage(folder.manifest)
        run = go_on(folder)
        assert run.resumes[0].step == 20
        assert run.status == "finished"
        assert weights(folder) == weights(straight)


def test_what_can_not_be_resumed_is_refused_in_one_line_with_nothing_changed(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    source = (
        "from torch import nn\n\n\nclass Mine(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))\n\n"
        "    def forward(self, x):\n        return self.net(x)\n"
    )
    write_trusted(own, source)
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, model=f"{own}:Mine"), (1, 20, "stop"))
    serve(folder)
    asked = store.read_run(folder)

    def refused(error: type[EngineError], words: str) -> None:
        before = everything(folder)
        with pytest.raises(error, match=words) as caught:
            serve(folder, {})
        assert "\n" not in str(caught.value)
        assert everything(folder) == before

    own.write_text(source.replace("16", "24"))
    refused(UntrustedCodeError, "has changed since you trusted it")
    trusted_code.trust(own)
    refused(ModelError, r"has changed: net\.1\.weight is \[24, 784\] now, and \[16, 784\] in the checkpoint")
    write_trusted(own, "broken(")
    refused(ModelError, "SyntaxError")
    write_trusted(own, source)
    store.write_run(folder, asked | {"dataset": asked["dataset"] | {"checksum": "0" * 64}})
    refused(RunError, "the data is not what the run was trained on")
    store.write_run(folder, asked)
    for path in folder.checkpoints.glob("epoch-*.pt"):
        path.write_bytes(b"")
    refused(CheckpointError, r"no checkpoint of .* can be used: checkpoints/epoch-0001-step-000020\.pt: it has 0 bytes")


def test_a_model_file_that_changed_without_changing_a_shape_is_told(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    write_trusted(
        own,
        "from torch import nn\n\n\nclass Mine(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, 10))\n",
    )
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, model=f"{own}:Mine"), (1, 20, "stop"))
    serve(folder)
    write_trusted(own, own.read_text() + "# a word more\n")
    request = store.read_run(folder)
    assert "the model file has changed since" in go_on(folder, threads=2).resumes[0].differences
    assert "threads 1, now 2" in state(folder).resumes[0].differences
    assert store.read_run(folder)["threads"] == 2
    assert request["threads"] == 1


@pytest.mark.slow
def test_a_run_that_lives_is_neither_resumed_nor_hosted_twice(home: Path) -> None:
    folder = client.start(home, TrainConfig(dataset="demo", epochs=100_000, threads=1))
    with pytest.raises(RunError, match=r"is running \(process \d+ on "):
        client.resume(folder)
    with pytest.raises(RunError, match="is trained by another process;"):
        take(folder, {})
    client.command(folder, "pause")
    record = store.read_host(folder)
    assert record is not None
    os.kill(record.pid, signal.SIGTERM)
    wait_for(lambda: not store.alive(folder), "the end of its process")
    run = state(folder)
    assert (run.status, run.reason) == ("stopped", "SIGTERM")
    assert run.checkpoints[-1].reason == "stop"


def test_a_branch_goes_on_from_its_parent_with_other_settings(home: Path, straight: RunFolder) -> None:
    before = everything(straight)
    same = client.prepare_branch(straight, "2", {}, name="same")
    run = serve(same)
    assert run.status == "finished"
    assert weights(same) == weights(straight)  # nothing differs: it is the parent
    assert [result.epoch for result in run.tests] == [3]
    other = client.prepare_branch(straight, "2", {"lr": "/2", "epochs": "4", "optimizer": "sgd", "batch_size": "64"})
    run = serve(other)
    assert (run.status, run.epoch, run.config["lr"], run.config["optimizer"]) == ("finished", 4, 5e-4, "sgd")
    assert run.parent is not None
    assert (run.parent.parent, run.parent.epoch, run.parent.evaluated) == (straight.id, 2, True)
    assert run.parent.changes == {"lr": 5e-4, "epochs": 4, "optimizer": "sgd", "batch_size": 64}
    assert run.parent.notes == ["the state of the optimizer adam was not loaded: sgd starts without state"]
    assert run.curve[0].x > 2
    assert everything(straight) == before
    assert store.branches_from(straight) == {"epoch-0002.pt"}


def test_a_branch_in_the_middle_of_an_epoch_finishes_it_as_its_parent_would_have(home: Path) -> None:
    parent = create(home, SHORT, (2, 20, "stop"))
    serve(parent)
    branch = client.prepare_branch(parent, "2:20", {"batch_size": "64", "shuffle": "no"})
    run = serve(branch)
    steps = {event.epoch: event.steps for event in Follower(branch).poll() if isinstance(event, ev.Progress)}
    assert steps == {2: 47, 3: 94}
    assert [result.epoch for result in run.tests] == [2, 3]


def test_a_branch_outlives_its_parents_folder_and_can_be_resumed_before_its_first_checkpoint(
    home: Path, straight: RunFolder
) -> None:
    branch = client.prepare_branch(straight, "1", {"lr": "1e-2"})
    wanted = client.prepare_branch(straight, "1", {"lr": "1e-2"})
    shutil.rmtree(straight.path)
    serve(wanted)
    store.write_run(branch, store.read_run(branch) | {"agenda": [[2, 5, "pause"]]})
    client.launch(branch)
    wait(branch, lambda run: run.status == "paused")
    kill(branch)
    run = go_on(branch)
    assert run.resumes[0].checkpoint == "checkpoints/epoch-0001.pt"
    assert run.config["lr"] == 1e-2
    assert run.parent is not None
    assert weights(branch) == weights(wanted)


def test_a_place_without_a_checkpoint_is_refused_with_the_nearest_two(home: Path, straight: RunFolder) -> None:
    count = len(store.run_folders(home))
    for at, words in {
        "2:13": r"no checkpoint at epoch 2, step 13; nearest: 1 or 2",
        "7": r"no checkpoint at the end of epoch 7; nearest: 3",
        "soon": "give an epoch such as 3",
    }.items():
        with pytest.raises(RunError, match=words):
            client.branch(straight, at, {})
    for changes, words in {
        "model": "keeps its parent's model",
        "lr": "out of range",
        "flavour": "there is no setting 'flavour'",
        "epochs": "3 of 3 epochs are done there already",
    }.items():
        with pytest.raises(ConfigError, match=words):
            client.branch(straight, "3", {changes: "-1" if changes == "lr" else "3"})
    assert len(store.run_folders(home)) == count
    best = max(state(straight).tests, key=lambda result: result.accuracy)
    assert checkpoint_refs.find(straight, "best").epoch == best.epoch
    assert checkpoint_refs.find(straight, "last").epoch == 3


def test_a_policy_bounds_the_disk_and_keeps_what_a_branch_rests_on(home: Path) -> None:
    config = TrainConfig.from_dict(SHORT.to_dict() | {"keep": "1", "epochs": 6})
    folder = create(home, config, (2, 47, "pause"))
    client.launch(folder)
    wait(folder, lambda run: run.status == "paused")
    branch = client.prepare_branch(folder, "1", {})
    client.command(folder, "unpause")
    run = wait(folder, lambda run: run.done)
    files = {path.name for path in folder.checkpoints.glob("epoch-*")}
    assert run.best is not None
    assert files == {"epoch-0001.pt", "epoch-0006.pt", f"epoch-{run.best.epoch:04}.pt"}
    assert {entry.file for entry in manifest.read(folder)} == files
    shutil.rmtree(branch.path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "schedule": "one_cycle", "shuffle": True},
        {"model": "{own}", "optimizer": "adam", "shuffle": True, "transform": "{flip}"},
        pytest.param({"device": "cuda"}, marks=pytest.mark.cuda),
        pytest.param(
            {"device": "cuda", "model": "{own}", "optimizer": "adam", "shuffle": True}, marks=pytest.mark.cuda
        ),
    ],
    ids=[
        "mlp, Adam with one-cycle, shuffled",
        "cnn with dropout and batch norm, random flips",
        "on CUDA",
        "on CUDA, cnn with dropout and batch norm",
    ],
)
def test_verify_resume(home: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    files = {"own": tmp_path / "own.py", "flip": tmp_path / "flip.py"}
    write_trusted(
        files["own"],
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self):\n        super().__init__(\n"
        "            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(),\n"
        "            nn.Linear(676, 10))\n",
    )
    write_trusted(
        files["flip"],
        "from torchvision import transforms as T\n\nflip = T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])\n",
    )
    named = {"{own}": f"{files['own']}:Net", "{flip}": f"{files['flip']}:flip"}
    config = TrainConfig(dataset="demo", threads=1, **{k: named.get(str(v), v) for k, v in settings.items()})
    told: list[str] = []
    if settings.get("device") == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert verify_resume(config, home=home, steps=60, at=25, report=told.append), told
    assert told[-1] == "the resumed run is the uninterrupted one, bit for bit"
    assert not list(home.glob("verify-*"))


def test_a_log_cut_anywhere_in_its_last_three_lines_still_opens(straight: RunFolder, tmp_path: Path) -> None:
    whole = straight.events.read_bytes()
    readings = ev.Readings(load=0.5, memory=1, memory_total=2, seq=whole.count(b"\n") + 1, t=1.0)
    whole += event_json.encode(readings).encode() + b"\n"  # as it stands at the end of a run that was killed
    lines = whole.splitlines(keepends=True)
    start = len(whole) - sum(map(len, lines[-3:]))
    copy = RunFolder(tmp_path / "cut")
    copy.path.mkdir()
    for cut in range(start, len(whole) + 1):
        copy.events.write_bytes(whole[:cut])
        events = Follower(copy).poll()
        assert [event.seq for event in events] == list(range(1, whole[:cut].count(b"\n") + 1))
        # A list's state leaves out single batches and readings of the machine.
        told = [event for event in events if not isinstance(event, (ev.BatchLoss, ev.Readings))]
        assert listing.quick_state(copy).seq == told[-1].seq
    json.loads(lines[-1])


def test_a_run_is_resumed_with_other_settings_as_if_they_had_been_set_there(home: Path) -> None:
    folder = create(home, SHORT, (2, 10, "stop"))
    assert serve(folder).status == "stopped"
    run = serve(folder, {"settings": {"lr": "x0.5", "weight_decay": "1e-4"}})
    assert run.status == "finished"
    assert [(edit.setting, edit.after, edit.epoch, edit.step) for edit in run.edits] == [
        ("weight_decay", 1e-4, 2, 10), ("lr", SHORT.lr / 2, 2, 10)
    ]  # fmt: skip
    assert run.config["lr"] == SHORT.lr / 2
    with pytest.raises(ConfigError, match="out of range"):
        take(folder, {"settings": {"lr": "x1e308"}, "epochs": 9})
    with pytest.raises(ConfigError, match="can't be changed"):
        take(folder, {"settings": {"model": "cnn"}, "epochs": 9})


def test_an_edit_that_a_run_failed_of_is_not_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create(home, SHORT, (2, 10, "pause"))
    step = torch.optim.Adam.step
    host = take(folder)

    def failing(optimizer: torch.optim.Adam, *args: Any, **kwargs: Any) -> Any:
        if optimizer.param_groups[0]["lr"] == 0.75:
            raise RuntimeError("value cannot be converted to type float without overflow")
        return step(optimizer, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", failing)

    def edit(event: ev.Event) -> None:
        if isinstance(event, ev.Paused):
            client.command(folder, "set", {"lr": "0.75"})
            client.command(folder, "unpause")

    assert host.serve(listener=edit) == 1
    assert state(folder).status == "failed"
    store.write_run(folder, store.read_run(folder) | {"agenda": []})
    again = take(folder, {})
    assert again.setup.bad == ["lr 0.75 at epoch 2, step 10: the run failed right after it"]
    assert again.serve() == 0
    run = state(folder)
    assert run.status == "finished"
    assert run.config["lr"] == SHORT.lr
