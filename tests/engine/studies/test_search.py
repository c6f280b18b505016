"""What Optuna is asked and told, in a journal and in a database file: no trial twice, none lost, whoever is killed."""

import json
import threading
from pathlib import Path

import msgspec
import optuna
import pytest

from engine.errors import ConfigError, RunError
from engine.home import Home, StudyFolder
from engine.studies import client, search, storage, study_file
from engine.studies.search import Search
from engine.studies.study_file import Definition, Record

SPACE = ("lr=1e-4..1e-1:log", "optimizer=sgd,adam", "momentum=0..0.9", "epochs=4")


def record_of(definition: Definition, url: str = "") -> Record:
    return Record(id="1" * 16, name="one", worker="a" * 16, definition=definition, storage=url)


def made(home: Path, trials: int, *texts: str, url: str = "", **how: str) -> tuple[StudyFolder, Search]:
    definition = client.define(texts or SPACE, **how)  # type: ignore[arg-type]
    folder = Home(home).study("one")
    record = record_of(definition, url)
    study_file.write_new(folder, record)
    return folder, Search.create(folder, record, [{} for _ in range(trials)])


def again(folder: StudyFolder, worker: str = "") -> Search:
    """Another process's view of the study, as another worker where one is named."""
    record = study_file.read(folder)
    return Search(folder, msgspec.structs.replace(record, worker=worker) if worker else record)


@pytest.fixture(params=["journal", "database"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "" if request.param == "journal" else f"sqlite:///{tmp_path}/study.db"


def test_trials_are_taken_told_and_seen(tmp_path: Path, url: str) -> None:
    folder, found = made(tmp_path, 3, url=url, pruner="median")
    for number, value in ((0, 0.5), (1, 0.3)):
        assert found.take() == number
        config, texts = found.config(number)
        assert 1e-4 <= config.lr <= 1e-1
        assert (config.momentum > 0) == ("momentum" in texts)
        assert config.epochs == 4
        found.note(number, search.RUN, f"run-{number}")
        found.report(number, 1, 0.9)
        found.report(number, 2, value)
        found.complete(number, value)
    assert found.take() == 2
    found.fail(2, "the loss is not finite")
    assert found.take() is None
    seen = again(folder).snapshot()
    assert [one.state for one in seen.trials] == ["complete", "complete", "failed"]
    assert seen.best is not None
    assert (seen.best.number, seen.best.value, seen.best.run) == (1, 0.3, "run-1")
    assert seen.trials[0].values == [(1, 0.9), (2, 0.5)]
    assert seen.trials[2].failure == "the loss is not finite"
    assert seen.over


def test_a_trial_draws_the_same_whoever_draws_it(tmp_path: Path, url: str) -> None:
    """A worker that is killed after some trials must not begin the sampler's numbers anew."""
    folder, found = made(tmp_path, 4, url=url, sampler="random")
    drawn = list[object]()
    for number in range(4):
        found = again(folder)
        assert found.take() == number
        drawn.append(found.config(number))
        assert again(folder).config(number) == drawn[-1]
    assert len({str(one) for one in drawn}) == 4


def test_a_killed_worker_goes_on_with_what_it_has_drawn(tmp_path: Path, url: str) -> None:
    folder, found = made(tmp_path, 1, url=url)
    number = found.take()
    assert number is not None
    before = found.config(number)
    later = again(folder)
    assert later.own() == [number]
    assert later.config(number) == before
    assert again(folder, worker="b" * 16).own() == []
    assert again(folder, worker="b" * 16).others_run() == 1


def test_what_nobody_has_was_lost_and_is_done_again(tmp_path: Path) -> None:
    """Killed right after the storage gave it the trial, before it could say whose it is."""
    folder, found = made(tmp_path, 2)
    found._study.ask()
    later = again(folder)
    later.repair(alone=False)
    assert later.waits() == 1  # another worker may be about to say so
    later.repair(alone=True)
    later.repair(alone=True)
    assert later.waits() == 2
    seen = later.snapshot()
    assert len(seen.trials) == 2
    assert seen.lost == 1
    assert {one.again for one in seen.trials} == {None, 0}


def test_a_silent_machine_loses_its_trial_to_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "GRACE", 1)
    folder, found = made(tmp_path, 1, url=f"sqlite:///{tmp_path}/study.db", heartbeat_s=1)  # type: ignore[arg-type]
    assert found.take() == 0
    params = found.config(0)[1]
    other = again(folder, worker="b" * 16)
    other.repair(alone=False)
    assert other.waits() == 0
    for _ in range(100):
        threading.Event().wait(0.2)
        other.repair(alone=False)
        if other.waits():
            break
    assert other.take() == 1
    assert other.config(1)[1] == params
    other.complete(1, 0.4)
    assert found.own() == []
    found.complete(0, 0.1)  # it comes back, and is too late
    seen = other.snapshot()
    assert [(one.number, one.value, one.again) for one in seen.trials] == [(1, 0.4, 0)]


def test_two_that_see_the_same_loss_have_it_done_once(tmp_path: Path, url: str) -> None:
    folder, found = made(tmp_path, 1, url=url)
    found._study.ask()
    found._lose(0)
    first, second = again(folder), again(folder, worker="b" * 16)
    for one in (first, second):  # both look before either writes
        one._enqueue({}, again=0)
    assert {first.take(), second.take()} == {1, None}
    seen = first.snapshot()
    assert len(seen.trials) == 1


def test_many_workers_take_each_trial_once(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, 20, sampler="random")
    taken, lock = list[int](), threading.Lock()

    def work(worker: str) -> None:
        mine = again(folder, worker=worker)
        misses = 0
        while misses < 3:
            number = mine.take()
            misses += number is None
            if number is not None:
                with lock:
                    taken.append(number)

    threads = [threading.Thread(target=work, args=(letter * 16,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(taken)) == sorted(taken)
    assert len(again(folder).snapshot().trials) == 20


def test_a_grid_is_tried_point_by_point(tmp_path: Path) -> None:
    definition = client.define(["optimizer=sgd,adam", "momentum=0|0.9", "epochs=1"], sampler="grid")
    folder = Home(tmp_path).study("one")
    record = record_of(definition)
    study_file.write_new(folder, record)
    found = Search.create(folder, record, client._points(definition, None))
    texts = list[dict[str, str]]()
    while (number := found.take()) is not None:
        texts.append(found.config(number)[1])
        found.complete(number, 0.5)
    assert texts == [
        {"optimizer": "sgd", "momentum": "0"},
        {"optimizer": "sgd", "momentum": "0.9"},
        {"optimizer": "adam"},
    ]


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_does_badly_is_pruned(tmp_path: Path, pruner: str) -> None:
    _, found = made(tmp_path, 12, "lr=1e-4..1e-1:log", "epochs=9", pruner=pruner)
    pruned = list[int]()
    for trial in range(12):
        number = found.take()
        assert number == trial
        found.config(number)
        bad = trial % 3 == 2
        for epoch in range(1, 10):
            found.report(number, epoch, (5.0 if bad else 1.0) / epoch + trial / 1000)
            if epoch < 9 and found.should_prune(number):
                found.note(number, search.PRUNED_AT, epoch)
                found.prune(number)
                pruned.append(trial)
                break
        else:
            found.complete(number, 5.0 if bad else 1.0)
    assert pruned
    assert all(trial >= 3 for trial in pruned) or pruner == "hyperband"
    seen = {one.number: one for one in found.snapshot().trials}
    assert all(seen[trial].state == "pruned" and seen[trial].pruned_at for trial in pruned)


def test_without_a_pruner_nothing_is_pruned(tmp_path: Path) -> None:
    _, found = made(tmp_path, 1)
    assert found.take() == 0
    found.report(0, 1, 1e9)
    assert not found.should_prune(0)


def test_more_trials_and_one_by_hand(tmp_path: Path, url: str) -> None:
    folder, found = made(tmp_path, 1, url=url)
    found.add([{"lr": "3e-3", "optimizer": "adam"}])
    later = again(folder)
    later.take()
    assert later.take() == 1
    config, texts = later.config(1)
    assert (config.lr, config.optimizer, texts) == (3e-3, "adam", {"lr": "3e-3", "optimizer": "adam"})
    with pytest.raises(RunError, match="too many"):
        found.add([{}] * study_file.MOST_TRIALS)


def test_the_space_is_changed_for_trials_to_come(tmp_path: Path) -> None:
    folder, found = made(tmp_path, 3)
    found.take()
    found.config(0)
    wider = client.define(["lr=0.5..0.6:log", "weight_decay=1e-5..1e-4:log", "epochs=4"])
    found.redefine(msgspec.structs.replace(wider, config=found.definition.config))
    other = again(folder)
    assert other.take() == 1
    assert set(other.config(1)[1]) == {"lr", "weight_decay"}
    assert other.config(1)[0].lr >= 0.5


def test_a_torn_line_of_the_journal_loses_nothing_else(tmp_path: Path) -> None:
    folder, found = made(tmp_path, 2)
    found.take()
    whole = folder.journal.read_bytes()
    for cut in (1, 7, 60):
        folder.journal.write_bytes(whole + b'{"op_code": 4, "worker_id": "x", "trial_id": 1, "state": 1'[:cut])
        later = again(folder)
        assert [one.state for one in later.snapshot().trials] == ["running", "waiting"]
        assert folder.journal.read_bytes() == whole
    assert later.take() == 1


def test_a_journal_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, 1)
    folder.journal.write_bytes(b"\x00\xff garbage\n" * 3)
    with pytest.raises(RunError) as refused:
        again(folder)
    assert "journal" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "ours",
    [
        None,
        "text",
        {"id": "1" * 16},
        {"id": "../../etc", "definition": {"space": {}, "config": {}, "metric": "val_loss"}},
        {"id": "1" * 16, "definition": {"space": {"lr": "1..2"}, "config": {}, "metric": "rm -rf"}},
        {"id": "1" * 16, "definition": {"space": {"lr": "x"}, "config": {"val": "0.1"}, "metric": "val_loss"}},
        {"id": "1" * 16, "definition": {"space": {"lr": "1..2"}, "config": {"epochs": "many"}, "metric": "val_loss"}},
        {"id": "1" * 16, "definition": {"space": {"lr": "1..2"}, "config": {}, "metric": "val_loss"}},
    ],
)
def test_what_a_storage_says_of_a_study_is_somebody_elses_text(tmp_path: Path, ours: object) -> None:
    folder, _ = made(tmp_path, 1)
    record = study_file.read(folder)
    optuna.load_study(study_name="one", storage=storage.opened(folder, record)).set_user_attr(search.OURS, ours)
    with pytest.raises(RunError) as refused:
        again(folder)
    assert "\n" not in str(refused.value)


def test_a_study_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    made(tmp_path / "here", 1, url=url)
    with pytest.raises(RunError, match="sweep join one"):
        made(tmp_path / "there", 1, url=url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:secret@127.0.0.1:1/none", "refused"),
        ("sqlite:////nowhere/at/all.db", "can't be shared"),
        ("oracle://me@there/none", "not a database's URL"),
        ("there", "not a database's URL"),
    ],
)
def test_a_storage_that_can_not_be_reached_is_told_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    definition = client.define(SPACE)
    with pytest.raises(RunError) as refused:
        client.create(tmp_path, "one", definition, storage=url)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
    assert not Home(tmp_path).study("one").path.exists()


@pytest.fixture
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ensure_worker", lambda folder: None)


@pytest.mark.usefixtures("_no_worker")
def test_the_space_of_a_study_is_changed_as_far_as_optuna_can_go_on(tmp_path: Path) -> None:
    folder = client.create(tmp_path, "one", client.define(SPACE), count=3)
    definition = client.change_space(folder, ["lr=1e-3..1e-2:log", "batch_size=32|64", "momentum=0.5"])
    assert definition.space == {"optimizer": "sgd,adam", "lr": "1e-3..1e-2:log", "batch_size": "32,64"}
    assert definition.config["momentum"] == 0.5
    assert study_file.read(folder).definition == definition == again(folder).definition
    for text, words in (
        ("optimizer=sgd,rmsprop", "its choices can't be changed"),
        ("lr=1e-3..1e-2", "logarithmic"),
        ("lr=1e-3|1e-2", "whether it is a list"),
        ("metric=val_loss", "there is no setting"),
    ):
        with pytest.raises(ConfigError, match=words):
            client.change_space(folder, [text])
    assert study_file.read(folder).definition == definition


@pytest.mark.usefixtures("_no_worker")
def test_the_snapshot_is_json(tmp_path: Path) -> None:
    folder = client.create(tmp_path, "one", client.define(SPACE), count=2)
    seen = client.refreshed(folder)
    assert json.loads(json.dumps(seen.to_dict()))["trials"][0]["state"] == "waiting"
    assert seen.to_dict()["best"] is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "join", "-x", "x" * 65, "a b", "é"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        client.create(tmp_path, name, client.define(SPACE))
