"""A format of weights is one entry: everything that reads, lists or writes files knows it by that."""

import struct
from pathlib import Path

import pytest
import torch

from engine import sources
from engine.errors import CheckpointError, EngineError
from engine.sources import WeightsFile
from engine.weights.budget import Budget
from engine.weights.contents import Contents, Named, Record
from engine.weights.contents_cache import contents_of
from engine.weights.convert import write
from engine.weights.formats import registry
from engine.weights.formats.registry import Candidate, WeightsFormat
from engine.weights.formats.single_file import unchanged
from engine.weights.reading import read
from engine.weights.records import Storage, Tensor
from engine.weights.tensors import load
from tests.support.at_once import at_once  # noqa: F401
from tests.support.panels import said
from tests.tui.data.test_data import line, until
from tui.app import FmnistApp
from tui.cli.main import main
from tui.dialogs.prompt import PromptScreen
from tui.weights import prompts
from tui.weights.file import FileScreen

MAGIC = b"ROW1"


def read_row(path: Path, budget: Budget) -> Contents:
    """The made-up format: MAGIC, a count, and so many float32, which are the tensor `row`."""
    with unchanged(path, budget) as (contents, file):
        count = struct.unpack("<4xi", file.read(8))[0]
        contents.format = "a row of numbers"
        contents.tensors.append(Named("row", Tensor(Storage("0", "float32", count, "cpu"), "float32", (count,), (1,))))
        contents.records["0"] = Record(path, 8, 4 * count)
    return contents


@pytest.fixture
def row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the made-up format, which is registered."""
    made_up = WeightsFormat(
        "row", lambda file: file.head[:4] == MAGIC, reader=f"{__name__}:read_row", endings=(".row",)
    )
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, made_up))
    path = tmp_path / "three.row"
    path.write_bytes(MAGIC + struct.pack("<i3f", 3, 1.5, -2.0, 0.25))
    return path


def test_inspect_knows_a_registered_format(row: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(row)]) == 0
    text = capsys.readouterr().out
    assert "three.row: a row of numbers, 20 B" in text
    assert "row  3                 float32          12 B" in text
    assert load(contents_of(row), "row").tolist() == [1.5, -2.0, 0.25]
    assert sources.parse("three.row") == WeightsFile(Path("three.row"))  # by its ending: no run's name


def test_a_file_of_no_format_is_told_the_registered_ones(row: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(128, 256)))
    with pytest.raises(CheckpointError, match=r"in no known format of weights \(.*safetensors, .*, row\)"):
        read(tmp_path / "x")


def test_converting_to_a_format_that_is_only_read_is_refused(row: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.row"
    words = r"row is a format that is only read; use one of \.pt, \.pth, \.bin, \.ckpt, \.safetensors$"
    with pytest.raises(CheckpointError, match=words):
        write({"w": torch.ones(2)}, target)
    with pytest.raises(EngineError, match=words):
        prompts.convert(row)._check(str(target))
    assert not target.exists()


@pytest.mark.usefixtures("at_once")
async def test_the_screens_list_and_open_a_registered_format(home: Path, row: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="checkpoints")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: "No checkpoints" in said(app))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert ".row" in line(app, "#about")
        app.screen.query_one("#line").value = str(row)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FileScreen) and "a row of numbers" in said(app))
        await until(pilot, lambda: "-0.0833" in app.screen.query_one("#parts").text())  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: "1 file" in said(app))
        assert "three.row" in app.screen.query_one("#files").text()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "head", "size", "expected"),
    [
        ("a", b"PK\x03\x04", 100, "PyTorch"),
        ("a", b"\x10\0\0\0\0\0\0\0{", 24, "safetensors"),
        ("a", b"\x11\0\0\0\0\0\0\0{", 24, None),  # a header that is longer than the file
        ("a.safetensors", b"\x11\0\0\0\0\0\0\0{", 24, "safetensors"),  # which its reader then says
        ("a", b"\x80\x02\0\0\0\0\0\0{", 24, "PyTorch before 1.6"),
        ("a", b"\x80\x06", 24, None),
        ("a.pkl", b"(dp0", 24, "pickle"),
        ("a.txt", b"(dp0", 24, None),
        ("x.index.json", b"{", 24, "sharded weights"),
        (".metadata", b"\x80\x02", 24, "distributed checkpoint"),
    ],
)
def test_a_file_is_recognised_by_its_first_bytes_and_its_name(
    name: str, head: bytes, size: int, expected: str | None
) -> None:
    found = registry.recognise(Candidate(Path(name), head, size))
    assert (found.name if found is not None else None) == expected


def test_a_folder_is_recognised_by_what_is_in_it(tmp_path: Path) -> None:
    assert registry.recognise(Candidate(tmp_path)) is None
    for name, expected in (
        ("a.safetensors", "folder of weights"),
        ("model.safetensors.index.json", "folder of weights"),
        (".metadata", "distributed checkpoint"),
    ):
        (tmp_path / name).touch()
        found = registry.recognise(Candidate(tmp_path))
        assert found is not None
        assert found.name == expected


@pytest.mark.parametrize(("protocol", "known"), [(1, False), (2, True), (3, True), (5, True), (6, False)])
def test_pickles_are_recognised_by_their_protocol(protocol: int, known: bool) -> None:
    found = registry.recognise(Candidate(Path("a.pt"), bytes((0x80, protocol)) + b"}q\0.", 6))
    assert (found is not None) == known


@pytest.mark.parametrize(
    ("name", "several"),
    [("a.pt", False), ("a.safetensors", False), ("m.index.json", True), (".metadata", True), ("folder", True)],
)
def test_which_paths_stand_for_several_files(name: str, several: bool, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert registry.is_several(tmp_path / name) == several


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.safetensors", "safetensors"), ("a.pth", "PyTorch"), ("a.ckpt", "PyTorch"), ("a.anything", "PyTorch")],
)
def test_a_names_ending_chooses_the_format_that_is_written(name: str, expected: str) -> None:
    assert registry.to_write(Path(name)).name == expected
