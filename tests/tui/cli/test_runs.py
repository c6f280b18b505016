"""`fmnist-tui runs --filter`."""

import json
from functools import partial
from pathlib import Path

import pytest

from engine.home import Home, RunFolder
from engine.runs import log
from engine.training import events as ev
from tests.support.made_up import MadeUpRun
from tui.cli import main, run_rows


@pytest.fixture(autouse=True)
def runs(home: Path) -> None:
    fast = MadeUpRun(home, "20260101-101010-aaaa", name="fast", dead=True)
    fast.train([1, 2])
    fast.add(ev.Finished(epochs=2, seconds=20))
    MadeUpRun(home, "20260101-111111-bbbb", name="gone", dead=True)


def listed(capsys: pytest.CaptureFixture[str], text: str) -> list[str]:
    assert main.main(["runs", "--json", f"--filter={text}"]) == 0
    return [run["name"] for run in json.loads(capsys.readouterr().out)]


def test_a_filter_lists_the_runs_that_pass_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "") == ["gone", "fast"]
    assert listed(capsys, "best>=50 optimizer=sgd") == ["fast"]
    assert listed(capsys, "-state:finished") == ["gone"]
    assert listed(capsys, "lr>1") == []
    assert main.main(["runs", "--filter", "state=ended"]) == 0
    out = capsys.readouterr().out
    assert "gone" in out
    assert "fast" not in out


def test_a_filter_that_no_run_passes_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["runs", "--filter", "lr>1"]) == 0
    assert capsys.readouterr().out == "no run of 2 passes the filter lr>1\n"


def test_a_filter_that_cannot_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["runs", "--filter", "lr>=x"]) == 2
    assert capsys.readouterr().err == "fmnist-tui: lr is compared with a number, not with 'x'; such as lr>=1e-3\n"


def test_how_far_it_is_is_told_while_long_logs_are_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = list[str]()
    monkeypatch.setattr(run_rows, "tell_in_place", told.append)
    listed(capsys, "")
    assert told == [], "what takes no time says nothing"
    for run in Home(home).runs.iterdir():
        RunFolder(run).summary_json.unlink(missing_ok=True)
    monkeypatch.setattr(log, "parts", partial(log.parts, most=100))
    monkeypatch.setattr(run_rows, "TELL_S", 0.0)
    every = listed(capsys, "")
    assert any("of a log …" in line for line in told)
    assert all("to read" in line for line in told[:-1])
    assert told[-1] == "", "nothing of it stays"
    assert every == ["gone", "fast"]
