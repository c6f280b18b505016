"""What `data` and `train` say of a person's own data, and their exit codes."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.home import RunFolder
from engine.training.config import TrainConfig
from engine.training.setup import make_setup
from tests.support.images import idx_file, png, table, tree
from tests.tui.cli.test_exit_codes import STARTED
from tui.cli import main
from tui.cli.train import LineReport


def odd_name(folder: Path) -> str:
    """A data set with a class, a root and a damaged file whose names are not UTF-8."""
    root = Path(os.fsdecode(os.fsencode(folder) + b"/s\xe9t"))
    for label in (b"caf\xe9", b"the"):
        for number in range(5):
            png(root / os.fsdecode(label) / f"{number}.png", grey=number)
    (root / "the" / os.fsdecode(b"bad\xe8.png")).write_bytes(b"x")
    png(root / ".ipynb_checkpoints" / "0-checkpoint.png")
    return f"folder:{root}"


def test_data_says_what_is_left_out_and_passed_over(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = odd_name(tmp_path)
    assert main.main(["data", "--home", str(home), "--dataset", name]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == rf"s\xe9t (folder): {tmp_path}/s\xe9t"
    assert out[1] == r"train: 8 images (caf\xe9 5, the 3)"
    assert out[3:] == [
        "1 file can't be read, left out:",
        rf"  {tmp_path}/s\xe9t/the/bad\xe8.png: it is not a PNG, JPEG, BMP, WebP, GIF, TIFF or PPM image",
        "note: passed over as hidden or the system's: .ipynb_checkpoints (1 in all)",
    ]
    assert main.main(["data", "--home", str(home), "--dataset", name, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["splits"][0]["per_class"] == {r"caf\xe9": 5, "the": 3}
    assert len(report["left_out"]) == len(report["notes"]) == 1


def test_a_run_says_the_same_when_it_starts(home: Path, tmp_path: Path) -> None:
    described = make_setup(TrainConfig(dataset=odd_name(tmp_path), threads=1), home=home).describe()["dataset"]
    assert described["left_out"] == 1
    lines: list[str] = []
    LineReport(RunFolder(tmp_path), lines.append).hear(dataclasses.replace(STARTED, dataset=described))
    assert lines[1:] == [
        "note: 1 file can't be read, left out; fmnist-tui data lists them",
        "note: passed over as hidden or the system's: .ipynb_checkpoints (1 in all)",
    ]
    lines.clear()
    LineReport(RunFolder(tmp_path), lines.append).hear(STARTED)
    assert len(lines) == 1


def broken_csv(folder: Path) -> str:
    return table(folder, b"a.png,0\nb\0.png,1\n", ["a.png"])


def folds(folder: Path) -> str:
    return tree(folder / "h", ["one/a", "one/b", "two/a", "two/b"])


def damaged_idx(folder: Path) -> str:
    for split in ("train", "test"):
        idx_file(folder / f"{split}-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
        idx_file(folder / f"{split}-labels-idx1-ubyte", np.arange(9, dtype=np.uint8))
    path = folder / "test-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    return f"idx:{folder}"


def loop(folder: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return f"folder:{folder / 'loop'}"


@pytest.mark.parametrize(
    "make",
    [
        broken_csv,
        folds,
        damaged_idx,
        loop,
        lambda folder: f"folder:{folder}/data@2024",
        lambda folder: f"csv:{folder}",
        lambda folder: f"csv:{os.fsdecode(os.fsencode(folder) + bytes([0xE9]))}:{folder}",
        lambda folder: "folder:~nosuchuser/data",
        lambda folder: f"folder:{'x' * 5000}",
        lambda folder: f"idx:{folder}/{'x' * 300}",
        lambda folder: "zip:data.zip",
    ],
    ids=[
        "NUL", "folds", "damaged IDX", "loop", "@2024", "a folder", "not UTF-8", "no such user", "too long",
        "name too long", "unknown form",
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [["data"], ["train", "--epochs", "1", "--threads", "1"]])
def test_what_can_not_be_used_is_one_line_and_exit_code_2(
    make: Callable[[Path], str], command: list[str], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    assert main.main([*command, "--home", str(home), "--dataset", make(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "bug" not in shown.err
    assert shown.err.startswith("fmnist-tui: ")
