"""The command line as a person types it, in real processes, on the demo data."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from engine.training.config import TrainConfig, option
from engine.training.event_json import decode
from tests.support.unhurried import unhurried
from tests.support.waiting import HANG_S, wait_for

PROGRAM = [str(Path(sys.executable).with_name("fmnist-tui"))]
TRAIN = ["train", "--dataset", "demo", "--threads", "1"]


def fmnist_tui(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=HANG_S, stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_data_but_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


COMMANDS = [
    "train",
    "resume",
    "branch",
    "set",
    "verify-resume",
    "watch",
    "runs",
    "pause",
    "unpause",
    "step",
    "checkpoint",
    "stop",
    "data",
]


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_everywhere_has_an_example(command: list[str]) -> None:
    shown = fmnist_tui(*command, "--help")
    assert shown.returncode == 0
    assert f"example: fmnist-tui {' '.join(command)}" in " ".join(shown.stdout.split())


def test_help_names_every_option_of_a_run() -> None:
    shown = fmnist_tui("train", "--help").stdout
    named = set(re.findall(r"--[a-z-]+", shown))
    assert named >= set(map(option, TrainConfig.__dataclass_fields__))
    assert named >= {"--no-shuffle", "--data-dir", "--home", "--name", "--json", "--detach"}


@pytest.mark.usefixtures("cold")
@pytest.mark.slow
def test_a_run_is_one_line_an_epoch_where_there_is_no_terminal(home: Path) -> None:
    shown = fmnist_tui(*TRAIN, "--epochs", "2", "--name", "mine")
    assert (shown.returncode, shown.stderr) == (0, "")
    opening, first, second, ending = shown.stdout.splitlines()
    assert "demo data" in opening
    assert re.fullmatch(r"epoch 1/2  test accuracy [\d.]+%  test loss [\d.]+  train loss [\d.]+  .*samples/s", first)
    assert second.startswith("epoch 2/2")
    assert ending.startswith("finished 2 epochs")
    weights = Path(ending.partition("weights: ")[2])
    assert set(torch.load(weights, weights_only=True)) >= {"linear_relu_stack.0.weight"}

    listed = json.loads(fmnist_tui("runs", "--json").stdout)
    assert len(listed) == 1
    run = listed[0]
    assert {"id", "name", "state", "epoch", "epochs", "accuracy", "folder"} <= set(run)
    assert (run["name"], run["state"], run["epoch"], run["epochs"]) == ("mine", "finished", 2, 2)
    assert Path(run["folder"]) == home / "runs" / run["id"]
    assert run["id"] in fmnist_tui("runs").stdout


@pytest.mark.slow
def test_the_events_as_json_are_the_contract() -> None:
    begin = time.time()
    shown = fmnist_tui(*TRAIN, "--epochs", "1", "--json")
    end = time.time()
    assert shown.returncode == 0
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    for number, event in enumerate(events, 1):
        assert (event["v"], event["seq"]) == (1, number)
        assert begin - 1 < event["t"] < end + 1  # Unix seconds
        assert decode(json.dumps(event)) is not None
    by_kind = {event["kind"]: event for event in events}
    assert {
        "run_started",
        "progress",
        "batch_loss",
        "epoch_finished",
        "evaluated",
        "checkpoint_saved",
        "finished",
    } <= set(by_kind)
    assert {"epoch", "step", "steps", "loss", "lr", "samples_per_s"} <= set(by_kind["progress"])
    assert by_kind["progress"]["epoch"] == 1
    assert by_kind["progress"]["step"] == by_kind["progress"]["steps"] == 94
    evaluated = by_kind["evaluated"]
    assert {"epoch", "loss", "accuracy", "per_class", "confusion"} <= set(evaluated)
    assert 0 <= evaluated["accuracy"] <= 1
    assert sum(map(sum, evaluated["confusion"])) == 1000
    kept = next((Path(os.environ["FMNIST_TUI_HOME"]) / "runs").glob("*/events.jsonl")).read_text()
    assert [json.loads(line) for line in kept.splitlines()] == events


@pytest.mark.slow
def test_a_detached_run_is_commanded_by_its_id(tmp_path: Path) -> None:
    started = fmnist_tui(*TRAIN, "--epochs", "100000", "--detach", "--model", unhurried(tmp_path))
    assert started.returncode == 0
    run_id = started.stdout.strip()
    assert started.stdout == f"{run_id}\n"

    def state() -> str:
        return str(json.loads(fmnist_tui("runs", "--json").stdout)[0]["state"])

    assert state() == "training"
    assert fmnist_tui("pause", run_id).returncode == 0
    wait_for(lambda: state() == "paused", "the pause")
    refused = fmnist_tui("pause", run_id[:-2])
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "paused already" in refused.stderr
    assert fmnist_tui("unpause", "last").returncode == 0
    stopped = fmnist_tui("stop", "last")
    assert stopped.returncode == 0
    assert stopped.stdout.startswith("stopped at epoch ")
    assert state() == "stopped"
    refused = fmnist_tui("stop", "last")
    assert refused.returncode == 2
    assert "is not running: stopped" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_training_after_saving(home: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *TRAIN, "--epochs", "100000", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        for line in process.stdout:
            if '"progress"' in line:
                break
        process.send_signal(number)
        kinds = [json.loads(line)["kind"] for line in process.stdout]
        assert process.wait(timeout=HANG_S) == 128 + number
        assert process.stderr.read() == ""
    assert kinds[-2:] == ["checkpoint_saved", "stopped"]
    assert list((home / "runs").glob("*/checkpoints/model_weights.pth"))


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_training_after_saving(home: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *TRAIN, "--epochs", "100000", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=HANG_S) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
    assert json.loads(fmnist_tui("runs", "--json").stdout)[0]["state"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("train --batch-size 0", "--batch-size: 0 is out of range"),
        ("train --lr -1", "--lr: -1 is out of range"),
        ("train --lr nan", "--lr: nan is not a finite number"),
        ("train --lr abc", "--lr: 'abc' is not a number"),
        ("train --optimizer lion", "--optimizer: 'lion' is unknown"),
        ("train --model lenet", "--model: 'lenet' is unknown"),
        ("train --dataset cifar", "--dataset: 'cifar' is unknown"),
        ("train --json --detach", "not allowed with"),
        ("train --frobnicate", "unrecognized arguments"),
        ("train --epochs", "expected one argument"),
        ("dance", "invalid choice: 'dance'"),
        ("pause last", "there are no runs"),
        ("watch 2026", "there are no runs"),
        ("pause", "the following arguments are required: RUN"),
        ("", "the app needs a terminal"),
        ("data --data-dir nowhere", "no Fashion-MNIST found; looked in"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(home: Path, arguments: str, says: str) -> None:
    shown = fmnist_tui(*arguments.split())
    assert shown.returncode == 2
    assert says in shown.stderr
    assert len(shown.stderr.splitlines()) == 1
    assert "Traceback" not in shown.stderr
    assert not list(home.glob("runs/*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("train --dataset fashion-mnist", "no Fashion-MNIST found; looked in"),
        ("train --dataset demo --device cuda:7", "cuda:7 is not on this machine"),
        ("train --dataset demo --model gone.py:Net", "no such file: "),
    ],
)
def test_what_turns_out_bad_while_preparing_is_one_line_too(home: Path, arguments: str, says: str) -> None:
    shown = fmnist_tui(*arguments.split())
    assert (shown.returncode, shown.stdout) == (2, "")
    assert says in shown.stderr
    assert len(shown.stderr.splitlines()) == 1
    assert list((home / "runs").iterdir()) == []


def test_a_home_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shown = fmnist_tui("train", "--dataset", "demo", "--home", str(tmp_path / "file"))
    assert shown.returncode == 2
    assert f"cannot write to the home folder {tmp_path / 'file'}" in shown.stderr


def test_an_ambiguous_run_is_not_guessed(home: Path) -> None:
    for name in ("20260101-000000-aaaa", "20260101-000000-bbbb"):
        folder = home / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")
    shown = fmnist_tui("stop", "2026")
    assert shown.returncode == 2
    assert "matches 2 runs: 20260101-000000-bbbb, 20260101-000000-aaaa" in shown.stderr


def test_the_home_option_stands_before_or_after_the_command(tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    for arguments in (["--home", there, "runs"], ["runs", "--home", there]):
        assert there in fmnist_tui(*arguments).stdout


def test_data_says_what_is_used_where_there_is_none() -> None:
    shown = fmnist_tui("data", "--json")
    assert shown.returncode == 0
    report = json.loads(shown.stdout)
    assert report["demo"] is True
    assert [split["images"] for split in report["splits"]] == [6000, 1000]
    assert "demo data" in fmnist_tui("data").stdout


def test_data_names_the_damaged_file(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b not a gzip")
    shown = fmnist_tui("data", "--data-dir", str(tmp_path / "data"))
    assert shown.returncode == 2
    assert len(shown.stderr.splitlines()) == 1


def test_the_real_data_set_is_whole(real_data: Path) -> None:
    shown = fmnist_tui("data", "--json", "--data-dir", str(real_data))
    assert shown.returncode == 0
    report = json.loads(shown.stdout)
    assert [file["md5"] for file in report["files"]] == ["ok"] * 4
    assert [split["images"] for split in report["splits"]] == [60000, 10000]
    assert set(report["splits"][0]["per_class"].values()) == {6000}


def test_suspicious_images_as_json(home: Path) -> None:
    asked = ["data", "--dataset", "demo", "--issues", "duplicates,low-information", "--json"]
    shown = fmnist_tui(*asked)
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert list(told["issues"]) == ["duplicates", "low-information"]
    for kind in told["issues"].values():
        assert set(kind) == {"why", "source", "train", "test"}
        for sample in kind["train"]:
            assert 0 <= sample["index"] < 6_000
            assert 0 <= sample["score"] <= 1
    text = fmnist_tui(*asked[:-1])
    assert text.returncode == 0
    assert "near-duplicates: " in text.stdout
    wrong = fmnist_tui("data", "--dataset", "demo", "--issues", "dark,odd")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("fmnist-tui: --issues: 'odd' is not a kind of issue; choose from all, label, ")
    assert fmnist_tui("data", "--issues", "label", "--folds", "0").returncode == 2


@pytest.mark.slow
def test_known_near_duplicates_of_fashion_mnist(home: Path, real_data: Path) -> None:
    shown = fmnist_tui("data", "--data-dir", str(real_data), "--issues", "duplicates", "--json")
    issue = json.loads(shown.stdout)["issues"]["duplicates"]
    found = {
        (split, sample["index"]): (sample["of_split"], sample["of"])
        for split in ("train", "test")
        for sample in issue[split]
    }
    assert sum(split == "train" for split, _ in found) == 323
    assert found["test", 4998] == ("train", 13360)
    assert found["train", 23412] == ("train", 10205)
    assert not {("train", 13360), ("train", 10205)} & set(found), "each pair is listed once"
