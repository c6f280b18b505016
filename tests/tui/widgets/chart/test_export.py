"""Charts in files."""

import csv
import io
from pathlib import Path

import pytest

from engine.errors import PathError
from tests.tui.widgets.chart.made_up import chart, dots, line
from tui.widgets.chart.export import COLUMNS, csv_text, export
from tui.widgets.chart.view import View

SHOWN = chart(line([1.0, 2.0, 3.0], [0.9, 0.5, 0.3], [1.1, 0.7, 0.3]), dots([1.0, 2.0], [0.8, 0.7]))


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_numbers_are_those_in_the_window() -> None:
    found = rows(csv_text(SHOWN, View()))
    assert tuple(found[0]) == COLUMNS
    assert found[1] == ["train", "1", "100", "10", "1", "0.9", "1.1", ""]
    assert [row[0] for row in found[1:]] == ["train"] * 3 + ["test"] * 2
    zoomed = rows(csv_text(SHOWN, View(window=(1.5, 2.5), follow=False, smoothing=0.6)))
    assert [(row[0], row[1]) for row in zoomed[1:]] == [("train", "2"), ("test", "2")]
    assert float(zoomed[1][-1]) == pytest.approx((0.6 * 1.0 + 0.6) / 1.6)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    export(path, SHOWN, View())
    assert path.read_text().startswith("series,epoch")
    path.write_text("mine")
    with pytest.raises(PathError, match="is there already"):
        export(path, SHOWN, View())
    assert path.read_text() == "mine"


def test_what_can_not_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"end the name in \.csv"):
        export(tmp_path / "loss.doc", SHOWN, View())
    with pytest.raises(PathError, match="can't be written"):
        export(tmp_path / "no" / "loss.csv", SHOWN, View())


def test_a_picture_is_one(tmp_path: Path) -> None:
    export(tmp_path / "loss.svg", SHOWN, View(smoothing=0.6, log="y"))
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    export(tmp_path / "loss.png", SHOWN, View())
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
