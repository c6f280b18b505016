"""The comparison with other libraries, without them: what is measured, what comes of it, and who is left out."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import peers
from benchmarks.peers import PEERS, Peer, in_a_process, main, measure, options, rows_of
from benchmarks.train_speed import tutorial_epoch

FOUND = {
    "engine": [[2.5, 2.0], [2.0, 2.25]], "tutorial": [[4.0, 4.0], [5.0, 5.0]], "peer": [[9.0, 9.0], [8.0, 10.0]],
    "off": 2.5e-7, "version": "1.2", "data": "demo data",
}  # fmt: skip


@pytest.fixture(autouse=True)
def the_demo_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def given(*arguments: str) -> argparse.Namespace:
    return options().parse_args(arguments)


def test_the_fastest_round_of_each_way_counts() -> None:
    rows = {row.what: (row.value, row.unit) for row in rows_of("keras", 2, FOUND)}
    assert rows == {
        "2 threads: keras": (8.0, "s an epoch"),
        "2 threads: keras, in turn with it the engine": (2.0, "s an epoch"),
        "2 threads: keras, and the tutorial's loop": (4.0, "s an epoch"),
        "2 threads: keras takes, of the engine's time,": (4.0, "×"),
        "2 threads: keras takes, of the engine's CPU time,": (4.5, "×"),
        "2 threads: keras takes, of the tutorial's time,": (2.0, "×"),
        "2 threads: keras, a weight off the tutorial's, at most": (0.25, "millionths"),
    }
    assert rows_of("keras", 1, FOUND)[0].what == "1 thread: keras"


def test_all_libraries_are_compared_unless_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert given().only == ["lightning", "ignite", "fastai", "keras", "skorch"]
    assert given().threads == [1, 2]
    assert given("--only", "keras", "ignite").only == ["keras", "ignite"]
    with pytest.raises(SystemExit):
        given("--only", "tensorflow")
    assert "invalid choice: 'tensorflow'" in capsys.readouterr().err


def test_each_library_that_is_compared_is_one_that_make_installs() -> None:
    lines = (Path(peers.__file__).parent / "peers.txt").read_text().splitlines()
    wanted = {line.partition(">=")[0] for line in lines if line and not line.startswith("#")}
    assert wanted == {peer.distribution for peer in PEERS.values()}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_library_that_is_left_out_is_named_with_the_reason(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(name: str, threads: int, given: argparse.Namespace) -> dict[str, Any]:
        return {"left_out": "No module named 'ignite'"} if name == "ignite" else FOUND

    monkeypatch.setattr(peers, "in_a_process", found)
    main(["--only", "ignite", "keras", "--threads", "1", *["--json"] * as_json])
    shown = capsys.readouterr().out
    if as_json:
        told = json.loads(shown)
        assert told["left out"] == "ignite (No module named 'ignite')"
        assert (told["keras"], told["data"], len(told["rows"])) == ("1.2", "demo data", 7)
    else:
        assert "left out ignite (No module named 'ignite')" in shown
        assert "keras 1.2" in shown
        assert "ignite takes" not in shown


def test_with_no_library_at_all_the_table_is_empty_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "in_a_process", lambda *_: {"left_out": "No module named 'skorch'"})
    main(["--only", "skorch"])
    assert capsys.readouterr().out.strip().endswith("left out skorch (No module named 'skorch')")


@pytest.mark.parametrize("name", PEERS)
def test_a_library_that_is_not_installed_is_no_failure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lightning", "ignite", "fastai", "keras", "skorch"):
        monkeypatch.setitem(sys.modules, module, None)
    found = measure(name, 1, 1, "cpu", None)
    assert list(found) == ["left_out"]
    assert name in found["left_out"]


def test_a_process_that_fails_is_named_with_its_last_words() -> None:
    """Of the real one: it is refused a device that is not there."""
    found = in_a_process("keras", 1, given("--device", "cuda:99"))
    assert found["left_out"].startswith("ended with 1: ")
    assert "cuda:99 is not on this machine" in found["left_out"]


def with_peer(
    ready: Callable[[Any, nn.Module], tuple[Callable[[], object], Callable[[], Mapping[str, torch.Tensor]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PEERS, "made up", Peer("torch", ready))  # type: ignore[arg-type]


def test_the_three_ways_train_in_turn_and_their_weights_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    with_peer(lambda p, model: (lambda: tutorial_epoch(p, model), model.state_dict), monkeypatch)
    found = measure("made up", 1, 2, "cpu", None)
    assert {way: len(found[way]) for way in ("engine", "tutorial", "peer")} == dict.fromkeys(
        ("engine", "tutorial", "peer"), 2
    )
    assert all(wall > 0 and cpu > 0 for way in ("engine", "tutorial", "peer") for wall, cpu in found[way])
    assert found["off"] == 0.0
    assert found["version"].startswith(torch.__version__.partition("+")[0])


def test_a_library_that_trains_something_else_can_be_told_from_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    with_peer(lambda p, model: (lambda: None, model.state_dict), monkeypatch)  # it does not train at all
    assert measure("made up", 1, 1, "cpu", None)["off"] > 1e-4
    with_peer(lambda p, model: (lambda: None, nn.Linear(2, 2).state_dict), monkeypatch)
    with pytest.raises(ValueError, match="not the same network"):
        measure("made up", 1, 1, "cpu", None)
