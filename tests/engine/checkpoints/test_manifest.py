"""The list of checkpoints, and which of them a policy lets go."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import CheckpointError
from engine.home import RunFolder


def entry(epoch: int, step: int = 10, reason: str = "epoch", accuracy: float | None = None) -> Entry:
    name = f"epoch-{epoch:04}.pt" if reason == "epoch" else f"epoch-{epoch:04}-step-{step:06}.pt"
    return Entry(name, epoch, step, 1, "00", 0.0, reason, accuracy)


EPOCHS = [entry(n, accuracy=[0.5, 0.9, 0.7, 0.8, 0.6][n - 1]) for n in range(1, 6)]


def gone(entries: list[Entry], keep: str, pinned: tuple[str, ...] = ()) -> list[str]:
    return [one.file for one in manifest.superfluous(entries, keep, pinned)]


def test_all_keeps_every_epoch_and_what_was_asked_for() -> None:
    timed, asked, stopped = entry(2, 3, "time"), entry(2, 4, "asked"), entry(2, 5, "stop")
    assert gone([*EPOCHS, timed, asked, stopped], "all") == [timed.file, stopped.file]


def test_the_newest_is_kept_whatever_it_is() -> None:
    newest = entry(6, 3, "time")
    assert gone([*EPOCHS, newest], "all") == []
    assert newest.file not in gone([*EPOCHS, newest], "1")


def test_a_number_keeps_the_newest_and_the_best() -> None:
    assert gone(EPOCHS, "2") == ["epoch-0001.pt", "epoch-0003.pt"]
    assert gone(EPOCHS, "1") == ["epoch-0001.pt", "epoch-0003.pt", "epoch-0004.pt"]


def test_what_a_branch_or_a_resume_rests_on_stays() -> None:
    rested = [replace(one, rested_on=one.epoch == 3) for one in EPOCHS]
    assert gone(rested, "1", pinned=("epoch-0001.pt",)) == ["epoch-0004.pt"]


def test_an_epochs_end_comes_after_its_last_step() -> None:
    stopped, done = entry(3, 10, "stop"), entry(3, 10)
    assert max([done, stopped], key=lambda one: one.place) is done


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_a_list_is_read_back_and_a_damaged_one_is_said_to_be(run: RunFolder) -> None:
    assert manifest.read(run) == []
    run.checkpoints.mkdir()
    manifest.write(run, EPOCHS)
    assert manifest.read(run) == EPOCHS
    manifest.rest_on(run, EPOCHS[1])
    assert [one.file for one in manifest.read(run) if one.rested_on] == ["epoch-0002.pt"]
    path = run.manifest
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CheckpointError, match=r"manifest\.json can't be read"):
        manifest.read(run)


def test_a_later_resume_forgets_no_earlier_one(run: RunFolder) -> None:
    run.checkpoints.mkdir()
    manifest.write(run, EPOCHS)
    manifest.rest_on(run, EPOCHS[0])
    manifest.rest_on(run, EPOCHS[2])
    listed = manifest.read(run)
    assert [one.file for one in listed if one.rested_on] == ["epoch-0001.pt", "epoch-0003.pt"]
    assert gone(listed, "1") == ["epoch-0004.pt"]


def test_a_checkpoint_without_a_result_is_never_the_best() -> None:
    assert gone([replace(one, accuracy=None) for one in EPOCHS[:3]], "1") == ["epoch-0001.pt", "epoch-0002.pt"]
    scored = [replace(EPOCHS[0], accuracy=0.0), replace(EPOCHS[1], accuracy=0.3), replace(EPOCHS[2], accuracy=None)]
    assert gone(scored, "1") == ["epoch-0001.pt"]
    assert manifest.superfluous([], "1", ()) == []


def test_a_checkpoint_inside_an_epoch_has_the_epochs_before_it_done() -> None:
    assert (entry(3).epochs_done, entry(3, 10, "stop").epochs_done, entry(1, 4, "time").epochs_done) == (3, 2, 0)


def test_a_list_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.checkpoints.mkdir()
    manifest.write(run, EPOCHS[:1])
    path = run.manifest
    content = json.loads(path.read_text())
    assert content["v"] == 1
    content["checkpoints"][0]["from the future"] = 7
    del content["checkpoints"][0]["rested_on"]
    path.write_text(json.dumps(content))
    assert manifest.read(run) == EPOCHS[:1]


@pytest.mark.parametrize(
    "entry",
    [
        {"file": "../../other.pt"}, {"file": "/etc/passwd"}, {"file": ".."}, {"file": ""}, {"file": "a\x00b"},
        {"epoch": -1}, {"epoch": "1"}, {"bytes": 1.5}, {"t": 1e300}, {"accuracy": 2.0}, {"sha256": 7}, {"file": None},
    ],
)  # fmt: skip
def test_a_list_from_anybody_leads_nowhere_else(entry: dict[str, object], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    good = {"file": "epoch-0001.pt", "epoch": 1, "step": 2, "bytes": 3, "sha256": "00", "t": 1.0}
    folder.manifest.write_text(json.dumps({"v": 1, "checkpoints": [good]}))
    assert manifest.read(folder)[0].file == "epoch-0001.pt"
    folder.manifest.write_text(json.dumps({"v": 1, "checkpoints": [good, good | entry]}))
    with pytest.raises(CheckpointError, match=r"manifest\.json can't be read \(not as fmnist-tui writes it"):
        manifest.read(folder)


def test_the_newest_that_is_finite_is_never_let_go() -> None:
    nan = [replace(entry(n, accuracy=0.1), finite=False) for n in range(4, 9)]
    assert "epoch-0003.pt" not in gone([*EPOCHS[:3], *nan], "1")
    assert gone([*EPOCHS[:3], *nan], "1") == ["epoch-0001.pt", *(f"epoch-000{n}.pt" for n in range(4, 8))]


def test_what_is_not_finite_of_a_stretch_that_a_resume_has_left_goes() -> None:
    nan = [replace(entry(n), finite=False) for n in (4, 9)]
    timed = replace(entry(9, 3, "asked"), finite=False)
    assert gone([*EPOCHS[:2], *nan, timed, EPOCHS[2]], "all") == ["epoch-0004.pt", timed.file, "epoch-0009.pt"]
    assert gone([*EPOCHS[:2], *nan, EPOCHS[2]], "all", pinned=("epoch-0009.pt",)) == ["epoch-0004.pt"]
    assert gone([*EPOCHS[:2], EPOCHS[3], EPOCHS[2]], "all") == [], "one that is finite stays"


def test_the_best_is_finite_where_one_is() -> None:
    nan = replace(entry(2, accuracy=0.95), finite=False)
    assert manifest.best([EPOCHS[0], nan]) == EPOCHS[0]
    assert manifest.best([nan]) == nan
    assert manifest.best([replace(EPOCHS[0], accuracy=None)]) is None
