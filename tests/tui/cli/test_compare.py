"""`compare`: runs and groups side by side, printed, written, and as JSON."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import RunError
from engine.evaluation import run_comparison
from engine.home import Home
from engine.runs import comparison, store
from engine.runs.listing import RunSummary
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.made_up import MadeUpRun, evaluated
from tests.support.trained import TrainOnce
from tui.cli.main import main


def made(
    home: Path,
    at: int,
    name: str,
    accuracy: float,
    *,
    group: str = "",
    versions: dict[str, str] | None = None,
    **settings: Any,
) -> MadeUpRun:
    run = MadeUpRun(home, f"20260101-1010{at:02}-aaaa", name=name, dead=True, **settings)
    request = store.read_run(run.folder)
    more = {"group": {"id": f"id-{group}", "name": group, "size": 2}} if group else {}
    store.write_run(run.folder, request | more | {"versions": versions or {"torch": "2.10.0"}})
    run.train([1])
    per_class = [accuracy] * 9 + [None]
    run.add(dataclasses.replace(evaluated(2), accuracy=accuracy, per_class=per_class))
    run.add(ev.Finished(epochs=10, seconds=20))
    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made(tmp_path, 1, "slow", 0.8, lr=1e-4)
    made(tmp_path, 2, "fast | wide", 0.9, lr=1e-2, optimizer="adam", versions={"torch": "2.14.0"})
    made(tmp_path, 3, "pair seed 3", 0.84, group="pair", seed=3)
    made(tmp_path, 4, "pair seed 4", 0.88, group="pair", seed=4)
    return tmp_path


def told(home: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["--home", str(home), "compare", *words]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_what_differs_and_what_came_of_it_stand_side_by_side(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(home, capsys, "slow", "fast | wide", "pair").splitlines()
    assert lines[0].split() == [
        "run", "seed", "optimizer", "lr", "torch", "best", "test", "last", "train", "loss", "epochs", "time",
    ]  # fmt: skip
    assert lines[1].split()[:8] == ["slow", "0", "sgd", "1e-4", "2.10.0", "80.0%", "80.0%", "80.0%"]
    assert lines[2].split()[:7] == ["fast", "|", "wide", "0", "adam", "1e-2", "2.14.0"]
    assert "pair         3–4   sgd        1e-3  2.10.0  86.0 ± 2.8% (2)" in lines[3]
    assert "class, at the best epoch" in lines[5]
    assert [line.split()[-3:] for line in lines if line.startswith("Trouser")] == [["80.0%", "90.0%", "86.0%"]]


def test_of_two_the_difference_of_each_class_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(home, capsys, "slow", "fast | wide").splitlines()
    (line,) = [line for line in lines if line.startswith("Coat")]
    assert line.split() == ["Coat", "80.0%", "90.0%", "+10.0"]
    (line,) = [line for line in lines if line.startswith("Ankle boot")]
    assert line.split()[-3:] == ["–", "–", "–"], "a class without images"


def test_it_is_sorted_by_any_column(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def order(*words: str) -> list[str]:
        rows = json.loads(told(home, capsys, "slow", "pair", "fast | wide", "--json", *words))["rows"]
        return [row["title"] for row in rows]

    assert order() == ["slow", "pair", "fast | wide"]
    assert order("--sort", "best") == ["fast | wide", "pair", "slow"]
    assert order("--sort", "best", "--reverse") == ["slow", "pair", "fast | wide"]
    assert order("--sort", "lr") == ["slow", "pair", "fast | wide"]
    assert order("--sort", "optimizer") == ["fast | wide", "slow", "pair"]
    assert order("--sort", "torch", "--reverse")[0] == "fast | wide"
    assert "there is no column 'nope'; choose from run, seed, lr, best" in told(
        home, capsys, "slow", "pair", "--sort", "nope", code=2
    )


def test_what_auto_came_to_has_a_column_beside_the_setting(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at, (asked, used) in enumerate((("auto", "cuda"), ("cpu", "cpu"), ("auto", "cpu")), start=5):
        run = made(home, at, f"on {asked} {used}", 0.8, device=asked)
        request = store.read_run(run.folder)
        store.write_run(run.folder, request | {"environment": {"device": used}})
    names = [f"on {one}" for one in ("auto cuda", "cpu cpu", "auto cpu")]
    lines = told(home, capsys, *names).splitlines()
    assert lines[0].split()[:4] == ["run", "device", "device", "used"]
    rows = list(csv.DictReader(io.StringIO(told(home, capsys, *names, "--csv", "-"))))
    assert [(row["device"], row["device used"]) for row in rows] == [("auto", "cuda"), ("cpu", "cpu"), ("auto", "cpu")]
    found = json.loads(told(home, capsys, *names, "--json", "--sort", "device used"))
    assert [row["title"] for row in found["rows"]] == ["on cpu cpu", "on auto cpu", "on auto cuda"]
    assert found["differing"]["environment"] == ["device"]


def test_settings_that_are_called_as_results_have_columns_of_their_own(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(home, 5, "long", 0.8, epochs=20, loss="nll")
    rows = list(csv.DictReader(io.StringIO(told(home, capsys, "slow", "long", "--csv", "-"))))
    assert [row["epochs setting"] for row in rows] == ["10", "20"]
    assert [float(row["epochs"]) for row in rows] == [1.0, 1.0]
    assert [row["loss setting"] for row in rows] == ["cross_entropy", "nll"]
    assert float(rows[0]["loss"]) == pytest.approx(1.5)
    lines = told(home, capsys, "slow", "long", "--markdown", "-").splitlines()
    titles = [one.strip() for one in lines[0].strip("|").split("|")]
    assert len(set(titles)) == len(titles)
    cells = [one.strip() for one in lines[3].strip("|").split("|")]
    assert dict(zip(titles, cells, strict=True))["epochs setting"] == "20"


def test_csv_has_plain_numbers(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(told(home, capsys, "slow", "pair", "--csv", "-"))))
    assert (rows[0]["run"], rows[0]["best"], rows[0]["best_std"], rows[0]["best_n"]) == ("slow", "0.8", "", "1")
    assert float(rows[1]["best"]) == pytest.approx(0.86)
    assert float(rows[1]["best_std"]) == pytest.approx(0.0282842712)
    target = tmp_path / "table.csv"
    assert "written to" in told(home, capsys, "slow", "fast | wide", "--csv", str(target))
    assert "best_std" not in target.read_text()
    assert "is there already" in told(home, capsys, "slow", "pair", "--csv", str(target), code=2)
    nowhere = tmp_path / "no" / "table.csv"
    assert "can't be written" in told(home, capsys, "slow", "pair", "--csv", str(nowhere), code=2)


def test_markdown_is_a_table_whatever_the_names_are(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(home, capsys, "slow", "fast | wide", "--markdown", "-").splitlines()
    assert lines[1].replace("| --- ", "").strip() == "|"
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "fast \\| wide" in lines[3]


def test_what_can_not_be_compared_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run 'nothing'" in told(home, capsys, "slow", "nothing", code=2)
    assert "two or more" in told(home, capsys, "slow", code=2)
    assert "two or more" in told(home, capsys, "slow", "slow", code=2)
    assert "name two, and no group" in told(home, capsys, "slow", "pair", "--images", code=2)
    assert "name two, and no group" in told(home, capsys, "slow", "fast | wide", "pair seed 3", "--images", code=2)
    with pytest.raises(RunError):
        comparison.find(home, [""])


def test_runs_of_different_data_have_no_test_images_in_common(home: Path) -> None:
    chosen = comparison.find(home, ["slow", "fast | wide"])
    assert run_comparison.no_images(chosen) == ""
    with pytest.raises(RunError, match="no checkpoint"):
        run_comparison.images_of_two(chosen, None)
    for at, run in enumerate(chosen):
        assert isinstance(run, RunSummary)
        entry = Entry(file="e.pt", epoch=1, step=100, bytes=1, sha256="ab", reason="epoch", t=0.0, accuracy=0.5)
        run.folder.checkpoints.mkdir()
        run.folder.checkpoint(entry.file).write_bytes(b"")
        manifest.write(run.folder, [entry])
        store.write_run(run.folder, store.read_run(run.folder) | {"dataset": {"checksum": f"sum {at}"}})
    with pytest.raises(RunError, match="different test images"):
        run_comparison.images_of_two(chosen, None)
    (first, second) = chosen
    assert isinstance(first, RunSummary)
    assert isinstance(second, RunSummary)
    store.write_run(second.folder, store.read_run(first.folder) | {"data_dir": "/elsewhere"})
    asked = run_comparison.images_of_two([second, first], None)
    assert asked.first.path == second.folder.checkpoint("e.pt")
    assert asked.data_dir == Path("/elsewhere")
    assert run_comparison.images_of_two([second, first], Path("/here")).data_dir == Path("/here")


def test_the_images_that_only_one_gets_right_are_named(
    tmp_path: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig(dataset="demo", epochs=1, threads=1, batch_size=512, optimizer="adam")
    first = train_once(tmp_path, config, "")
    second = train_once(tmp_path, TrainConfig.from_dict(config.to_dict() | {"seed": 1}), "")
    found = json.loads(told(tmp_path, capsys, first.id, second.id, "--images", "--json"))
    assert len(found["images"]["accuracy"]) == 2
    assert {"fixed", "broken", "p_value"} <= found["images"].keys()
    assert "McNemar's test: p = " in told(tmp_path, capsys, first.id, second.id, "--images")
    assert Home(tmp_path).runs.is_dir()
