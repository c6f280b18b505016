"""The benchmarks run, print their one JSON object, and what they compare is the same arithmetic. No time is judged."""

import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def benchmark(name: str, *arguments: str) -> dict[str, Any]:
    shown = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(shown.stdout)
    assert found["benchmark"] == name
    assert all(isinstance(row["value"], int | float) for row in found["rows"])
    return found


@pytest.fixture(autouse=True)
def the_demo_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def test_the_engine_computes_the_tutorials_losses_bit_for_bit() -> None:
    rows = benchmark("train_speed", "--threads", "1", "--rounds", "1")["rows"]
    (equal,) = [row for row in rows if "bit for bit" in row["what"]]
    assert equal["value"] == 94
    assert equal["met"] is True


def test_time_to_accuracy() -> None:
    """A recipe of one epoch on the demo data: its figures are those of a run, and the target judges the accuracy."""
    given = ("--seeds", "2", "--alone", "--recipe", "tutorial", "--target", "0.05", "--threads", "1")
    found = benchmark("time_to_accuracy", *given, "--set", "dataset=demo", "epochs=1", "lr=0.05")
    rows = {row["what"].removeprefix("tutorial: "): row for row in found["rows"]}
    assert 5 < rows["accuracy, mean"]["value"] <= 100
    assert rows["accuracy, mean"]["met"] is True
    assert rows["epochs"]["value"] == 1
    assert 0 < rows["training, shortest"]["value"] <= rows["training, mean"]["value"]


def test_threads() -> None:
    rows = benchmark("threads", "--small", "--rounds=1", "--busy=1", "--networks=fast", "--spins=1000")["rows"]
    assert {row["what"].partition(":")[0] for row in rows} == {"fast, beside 1 busy"}
    assert all(row["value"] > 0 for row in rows)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc")
def test_kept_memory() -> None:
    rows = benchmark("kept_memory", "--small", "--rounds=1", "--networks=fast", "--threads=1")["rows"]
    assert [row["what"].partition(":")[0] for row in rows] == ["fast, given back", "fast, kept", "fast, kept"]
    assert rows[2]["value"] == pytest.approx(rows[1]["value"] / rows[0]["value"])


def test_startup() -> None:
    assert len(benchmark("startup", "--rounds", "1")["rows"]) == 5


def test_browse() -> None:
    rows = {row["what"]: row for row in benchmark("browse", "--pages", "2", "--small")["rows"]}
    assert rows["images"]["value"] == 7_000
    assert rows["another image of the page, most bytes"]["met"] is True  # no time: that few bytes are sent
    assert rows["torch in this process"]["value"] == 0


def test_ui_tax() -> None:
    rows = benchmark("ui_tax", "--seconds", "1.5", "--rounds", "1", "--keys", "8", "--settle", "1")["rows"]
    assert any("samples/s" in row["unit"] and row["value"] > 0 for row in rows)
    (idle,) = [row for row in rows if "paused" in row["what"]]
    assert idle["value"] == 0


def test_a_run_survives_kills_and_closed_terminals() -> None:
    rows = benchmark("survival", "--kills", "1", "--terminals", "1", "--epochs", "6")["rows"]
    assert [row["value"] for row in rows if row["target"] == "all"] == [1, 1]


def test_overlay() -> None:
    rows = {row["what"]: row for row in benchmark("overlay", "--runs", "3", "--seeds", "2", "--keys", "4")["rows"]}
    assert rows["a chart of 3 runs"]["value"] > 0
    (idle,) = [row for what, row in rows.items() if "of nothing" in what]
    assert idle["value"] == 0


def test_checkpoint_cost() -> None:
    rows = benchmark("checkpoint_cost", "--rounds", "1", "--models", "mlp, SGD", "--often", "0.02")["rows"]
    assert all(row["value"] > 0 for row in rows if row["unit"] in ("s", "ms"))


def test_inspection_cost() -> None:
    rows = benchmark("inspection_cost", "--rounds", "1", "--models", "mlp, SGD")["rows"]
    assert next(row["value"] for row in rows if row["unit"] == "s") > 0


def test_settings_cost() -> None:
    on = "--clip 1"
    rows = {
        row["what"]: row
        for row in benchmark("settings_cost", "--rounds", "1", "--batch-size", "600", f"--settings={on}")["rows"]
    }
    assert rows["a step of the engine, all settings off"]["value"] > 100  # µs
    assert f"{on}: a step takes more" in rows


def test_inside() -> None:
    rows = {row["what"]: row for row in benchmark("inside", "--keys", "4", "--outputs", "64")["rows"]}
    assert rows["vgg16: parameters"]["value"] == 138_357_544
    assert rows["vgg16: memory more than before"]["met"] is True  # no time: no values are made


def test_inspect() -> None:
    rows = {row["what"]: row for row in benchmark("inspect", "--rounds", "1", "--small")["rows"]}
    assert rows["the file"]["value"] > 4  # MiB
    assert rows["memory of listing"]["value"] < 4
    assert rows["checking the checkpoint"]["value"] > 0


def test_lab() -> None:
    rows = {row["what"]: row for row in benchmark("lab", "--cells", "2", "--letters", "3")["rows"]}
    assert rows["the app's memory with it"]["value"] > 20  # MiB
    assert rows["a cell through the app, p50"]["value"] > 0
