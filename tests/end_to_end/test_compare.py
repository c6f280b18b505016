"""Two trained runs and one that trains, compared by keys in a real pseudo-terminal."""

import csv
import os
import re
import signal
from pathlib import Path

import pytest

from engine.runs import client, store
from engine.training.config import TrainConfig
from tests.end_to_end.test_app import long
from tests.support.terminal import PROGRAM, Terminal
from tests.support.trained import TrainOnce
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def the_demo_data_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def test_runs_are_compared_by_keys(home: Path, train_once: TrainOnce) -> None:
    adam = TrainConfig(dataset="demo", epochs=2, threads=1, batch_size=256, optimizer="adam")
    train_once(home, adam, "adam")
    train_once(home, TrainConfig.from_dict(adam.to_dict() | {"optimizer": "sgd", "lr": 0.05}), "sgd")
    table = home / "table.csv"
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=140, rows=45) as terminal:
        terminal.press("3")
        terminal.wait_for("2 runs")
        terminal.press("m", "m", "d")
        terminal.wait_for(lambda text: all(words in text for words in ("≠ other than", "adam", "Accuracy by class")))
        terminal.press("E")
        terminal.wait_for(lambda text: all(words in text for words in ("McNemar's test: p =", "all classes")))
        terminal.press("tab", "tab", "tab")
        terminal.wait_for("Export")
        terminal.press("e")
        terminal.wait_for("Export the table")
        terminal.press("\x15")
        terminal.press(str(table), "enter")
        wait_for(table.exists, "the table")
        terminal.press("tab", "tab", "enter")  # from the settings to the images
        terminal.wait_for("is right")
        terminal.wait_for("Images of test")
        terminal.press("3")
        terminal.wait_for("≠ other than")
        terminal.fall_silent(1.0)
        since = terminal.received
        terminal.fall_silent(5.0)
        assert terminal.received == since, "nobody trains: nothing is sent"
        terminal.press("escape")
        terminal.wait_for("2 marked")
        terminal.press("q")
        assert terminal.exit_code() == 0
    rows = list(csv.DictReader(table.open()))
    assert {row["optimizer"] for row in rows} == {"adam", "sgd"}
    assert all(0 < float(row["best"]) <= 1 for row in rows)


def test_a_run_that_trains_is_drawn_on(home: Path, train_once: TrainOnce, tmp_path: Path) -> None:
    train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, batch_size=256), "ended")
    live = client.start(home, long(tmp_path), name="live")
    try:
        with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=140, rows=45) as terminal:
            terminal.press("3")
            terminal.wait_for("2 runs")
            terminal.press("m", "m", "d")
            terminal.wait_for("≠ other than")

            def row_of(text: str) -> str:
                """Of the table: it ends with how long the run has trained."""
                found = re.search(r"live  .*\d (s|min)\b", text)
                return found[0] if found else ""

            terminal.wait_for(row_of)
            before = row_of(terminal.text())
            terminal.wait_for(lambda text: row_of(text) not in ("", before))
            terminal.press("q")
            assert terminal.exit_code() == 0
    finally:
        record = store.read_host(live)
        if record is not None and store.alive(live):
            os.kill(record.pid, signal.SIGKILL)
