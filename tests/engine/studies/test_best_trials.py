"""A study among what is compared: its best trial's run."""

from pathlib import Path
from typing import Any

import pytest

from engine.home import Home, StudyFolder
from engine.runs import comparison, listing, store
from engine.runs.compared_runs import Compared, together
from engine.runs.groups import Group
from engine.studies import study_file, trials
from engine.studies.best_trials import best_trials
from tests.support.made_up import MadeUpRun
from tests.support.studies import made_study
from tui.cli.main import main


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A study with the runs of three trials, and a run that is of none."""
    folder = made_study(tmp_path)
    found = trials.read(folder)
    assert found is not None
    assert found.best is not None
    for number in (found.best.number, 4, 8):
        made = MadeUpRun(tmp_path, f"20260101-0000{number:02d}-aaaa", name=f"first trial {number}", dead=True)
        request: dict[str, Any] = store.read_run(made.folder)
        study = {"id": study_file.read(folder).id, "name": "first", "trial": number}
        store.write_run(
            made.folder, request | {"study": study, "group": {"id": study["id"], "name": "first", "size": 0}}
        )
        made.train([1])
    MadeUpRun(tmp_path, "20260102-000000-aaaa", name="by hand", dead=True).train([1])
    return tmp_path


def chosen(home: Path) -> list[Compared]:
    runs = listing.list_runs(home)
    return together([run.id for run in runs], runs)


def best_of(home: Path) -> str:
    found = trials.read(study_folder(home))
    assert found is not None
    assert found.best is not None
    return found.best.run


def study_folder(home: Path) -> StudyFolder:
    return Home(home).study("first")


def test_a_study_is_its_best_trial_and_what_is_twice_is_there_once(home: Path) -> None:
    every = chosen(home)
    assert sorted(isinstance(one, Group) for one in every) == [False, True]
    found = best_trials(home, every)
    assert sorted(one.id for one in found) == sorted([best_of(home), "20260102-000000-aaaa"])
    best = listing.summary(store.find(home, best_of(home)))
    assert [one.id for one in best_trials(home, [best, *every])].count(best.id) == 1


def test_a_study_without_a_result_or_without_its_best_run_stays_a_group(home: Path) -> None:
    (group,) = [one for one in chosen(home) if isinstance(one, Group)]
    without = Group(group.id, group.name, group.size, tuple(run for run in group.runs if run.id != best_of(home)))
    assert best_trials(home, [without]) == [without]
    study_folder(home).snapshot.unlink()
    assert best_trials(home, [group]) == [group]
    study_folder(home).snapshot.write_text("{")
    assert best_trials(home, [group]) == [group]


@pytest.mark.parametrize("name", ["../runs", "/etc", "a/b", "", "x" * 300])
def test_a_run_can_not_name_another_folder_as_its_study(home: Path, name: str) -> None:
    (group,) = [one for one in chosen(home) if isinstance(one, Group)]
    for run in group.runs:
        request = store.read_run(run.folder)
        store.write_run(run.folder, request | {"study": request["study"] | {"name": name}})
    (group,) = [one for one in chosen(home) if isinstance(one, Group)]
    assert best_trials(home, [group]) == [group]


def test_a_study_is_compared_by_its_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [one.id for one in comparison.find(home, ["first"])] == [study_file.read(study_folder(home)).id]
    assert main(["compare", "first", "by hand", "--home", str(home)]) == 0
    out = capsys.readouterr().out
    number = int(best_of(home)[13:15])
    assert f"first trial {number}" in out
    assert main(["compare", "first", best_of(home), "--home", str(home)]) == 2
    assert "two or more" in capsys.readouterr().err
