"""`export`, as it is typed."""

import csv
import io
from pathlib import Path

import pytest

from engine import atomic
from tests.support.made_up import MadeUpRun
from tui.cli.main import main


@pytest.fixture
def run(home: Path) -> MadeUpRun:
    made = MadeUpRun(home, "20260101-101001-aaaa", name="mine", dead=True, demo=True, val=100)
    made.train([1, 2], split="val")
    made.train([3])
    return made


def test_the_numbers_are_printed_by_metric(run: MadeUpRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "mine", "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    losses = [row for row in rows if row["metric"] == "train_loss"]
    assert (losses[0]["epoch"], losses[0]["step"], losses[0]["value"]) == ("0.1", "10", "1.5")
    assert (losses[-1]["epoch"], losses[-1]["step"], losses[-1]["value"]) == ("3.0", "300", "0.5")
    accuracies = {row["metric"]: row["value"] for row in rows if row["epoch"] == "3" or row["metric"] == "val_accuracy"}
    assert (accuracies["val_accuracy"], accuracies["test_accuracy"]) == ("0.52", "0.53")
    assert {"lr", "samples_per_s", "val_loss", "test_loss"} <= {row["metric"] for row in rows}


def test_a_file_is_written_over_only_when_asked(
    run: MadeUpRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "numbers.csv"
    target.write_text("mine")
    assert main(["export", "mine", "--csv", str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main(["export", "mine", "--csv", str(target), "--force"]) == 0
    assert target.read_text().startswith("metric,epoch,")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["numbers.csv"]


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "there"
    atomic.write_new(target, b"first")
    with pytest.raises(FileExistsError):
        atomic.write_new(target, b"second")
    assert target.read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there"]


def test_a_run_that_no_script_can_train_is_refused_in_one_line(
    run: MadeUpRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "mine", "--script", str(tmp_path / "train.py")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "can't be exported as a script: it trains on the demo data" in said
    assert not (tmp_path / "train.py").exists()


def test_a_card_says_what_chose_and_how_sure_the_figures_are(
    run: MadeUpRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "mine", "--card", "-"]) == 0
    said = capsys.readouterr().out
    assert "Held out of the training set for validation: 100 images" in said
    assert "not Fashion-MNIST" in said
    assert "| best epoch | 2 | validation | 52.00 % (48.90 to 55.08) | 52.00 % | 2.1538 |" in said
    assert "| tested | 3 | test | 53.00 % (49.90 to 56.08) | 53.00 % | 2.1538 |" in said
    assert "chosen on the validation images, so their figure is too good" in said
    assert "| Ankle boot | 100 | 53.00 % (43.29 to 62.49) |" in said


def test_a_card_without_validation_says_that_the_test_set_chose(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeUpRun(home, "20260101-101002-aaaa", name="a|b", dead=True, lr=0.5)
    assert main(["export", "a|b", "--card", "-"]) == 2
    assert "has no result yet" in capsys.readouterr().err
    made.train([1])
    assert main(["export", "a|b", "--card", "-"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# a\\|b\n")
    assert "The best epoch was chosen on the test set" in said
    assert "| lr | 0.5 | 0.001 |" in said
