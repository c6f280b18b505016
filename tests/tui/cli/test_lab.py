"""What `lab run` prints while a cell runs, and when it has ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.lab.document import Document
from engine.lab.kernel import Ran
from engine.lab.notebook import empty_document
from engine.lab.outputs import Outputs
from engine.lab.run import CellRan
from tui.cli import lab
from tui.cli.lab import Report

BAR = [f"\r{percent:>3}%|{'█' * (percent // 10):<10}|" for percent in (0, 50, 100)]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    return empty_document(tmp_path / "some.py")


def put_out(report: Report, *texts: str) -> None:
    """By one cell, from its begin to its end."""
    outputs = Outputs()
    for text in texts:
        content: dict[str, Any] = {"name": "stderr", "text": text}
        outputs.take("stream", content)
        report.output(1, "stream", content)
    report.cell(CellRan(1, Ran("ok", outputs, 1, 0.1)))


def test_a_bar_is_told_as_it_moves_and_printed_once(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "MOVES_S", 0.0)
    printed: list[str] = []
    told: list[str] = []
    report = Report(document, print_json=None, print_text=printed.append, tell_line=told.append)
    put_out(report, "begins\n", *BAR, "\n")
    assert told == ["begins", "  0%|          |", " 50%|█████     |", *["100%|██████████|"] * 2, ""]
    assert printed == ["begins\n100%|██████████|"]
    told.clear()
    put_out(report)  # a cell that says nothing
    assert (told, printed[1:]) == ([], [])


def test_as_json_a_part_says_that_it_writes_over_the_line(document: Document) -> None:
    lines: list[str] = []
    report = Report(document, print_json=lines.append, print_text=lines.append)
    report.output(1, "comm_open", {"comm_id": "x", "target_name": "jupyter.widget", "data": {"state": {}}})
    put_out(report, *BAR)
    found = [json.loads(line) for line in lines]
    assert [one["text"] for one in found if one["kind"] == "output"] == BAR
