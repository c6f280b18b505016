"""A run.json may come from anybody: who starts its run refuses it in a line, or trains; and who commands it, too."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.home import RunFolder
from engine.runs import launch, store
from engine.runs.unreadable import UnreadableError
from engine.training.commands import CommandKind, ScheduledCommand
from engine.training.config import TrainConfig
from engine.training.setup import TrainingSetup
from tests.engine.runs.test_foreign_runs import JSON
from tests.engine.training.test_session import Ran

EXAMPLES = int(os.environ.get("FUZZ", "0"))
CONFIG = TrainConfig(model="mlp", dataset="demo", epochs=1, threads=1).to_dict()
PLACES = st.tuples(st.integers(-1, 20), st.integers(-1, 20), st.sampled_from([
    "checkpoint", "pause", "stop", "set", "step", "unpause", "", "\x1b[2J", "status",
])).map(list)  # fmt: skip
PARENTS = st.fixed_dictionaries({}, optional={
    "run": st.sampled_from(["", "2026-01-01-000000-aaaa", "../..", "\0"]),
    "file": st.sampled_from(["", "/nowhere", "/", "\0"]),
    "epoch": st.integers(0, 3), "step": st.integers(0, 3), "sha256": st.text(max_size=5), "own": st.booleans(),
    "changes": st.dictionaries(st.sampled_from(["lr", "model", "x"]), st.one_of(st.text(max_size=3), st.integers())),
})  # fmt: skip
FIELDS = {
    "config": st.one_of(st.just(CONFIG), JSON), "agenda": st.one_of(st.lists(PLACES, max_size=3), JSON),
    "parent": st.one_of(PARENTS, JSON), "dataset": st.one_of(st.fixed_dictionaries({}, optional={
        "checksum": JSON, "val_sha256": JSON}), JSON), "environment": JSON, "data_dir": JSON, "processes": JSON,
    "seed": JSON, "device": JSON, "versions": JSON, "race": JSON, "study": JSON,
}  # fmt: skip


def bounded(most: int) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = settings(
        max_examples=EXAMPLES or most, deadline=None, derandomize=not EXAMPLES, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return found


@pytest.mark.slow
@bounded(60)
@given(changes=st.fixed_dictionaries({}, optional=FIELDS))
@example(changes={"agenda": None})
@example(changes={"agenda": [[1, 1, "set"]]})
@example(changes={"agenda": [[1, 1, "nonsense"]]})
@example(changes={"config": None})
@example(changes={"parent": {}})
@example(changes={"parent": {"own": True}})
@example(changes={"parent": {"run": "2026-01-01-000000-aaaa"}})
@example(changes={"dataset": None, "environment": None, "processes": None})
def test_whatever_it_asks_for_is_refused_in_a_line_or_begun(
    changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("home") / "runs" / "2026-01-01-000000-abcd")
    folder.path.mkdir(parents=True)
    folder.run_json.write_text(json.dumps({"v": 1, "id": folder.id, "config": CONFIG} | changes))
    refused, agenda = "", tuple[ScheduledCommand, ...]()
    try:
        agenda = launch.start(folder).agenda
    except EngineError as error:
        refused = str(error)
    assert len(refused.splitlines()) <= 1
    assert all(one.command.kind.value in ("checkpoint", "pause", "stop") for one in agenda)


def test_a_run_without_settings_can_be_listed_and_not_begun(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.run_json.write_text("{}")
    assert store.read_run(folder) == {}
    with pytest.raises(UnreadableError, match="it has no settings: 'config'"):
        store.read_request(folder)


EDITS = st.dictionaries(
    st.sampled_from(["lr", "momentum", "weight_decay", "epochs", "batch_size", "save_every", "patience", "x", ""]),
    st.one_of(
        st.sampled_from(["0", "1", "-1", "1e308", "x1e308", "x0", "nan", "inf", "-inf", "0x10", "1e-400", "9" * 500, "",
                         "x", "\x1b[2J", "+1", "10%", "2"]),
        st.text(max_size=6),
    ),
    max_size=3,
)  # fmt: skip
COMMANDS = st.lists(
    st.tuples(st.sampled_from([kind for kind in CommandKind if kind is not CommandKind.STOP]), EDITS), max_size=8
)


@bounded(40)
@given(commands=COMMANDS)
@example(commands=[(CommandKind.SET, {"epochs": "x1e308"})])
def test_whatever_it_is_commanded_it_trains_on_and_stops_when_it_is_told(
    commands: list[tuple[CommandKind, dict[str, str]]], prepared: Callable[..., TrainingSetup]
) -> None:
    run = Ran(prepared(epochs=3))
    sent, refused = threading.Event(), list[str]()

    def send() -> None:
        for kind, changes in commands:
            try:
                run.session.send(kind, changes=changes)
            except EngineError as error:
                refused.append(str(error))
        try:
            run.session.send(CommandKind.STOP)
        finally:
            sent.set()

    run.on(lambda event: event.kind == "progress", send)
    events = run.to_the_end()
    assert sent.is_set()
    assert all(len(one.splitlines()) == 1 for one in refused)
    assert events[-1].kind in ("stopped", "finished")
