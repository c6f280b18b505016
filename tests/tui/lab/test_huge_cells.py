"""Cells of many megabytes: what is drawn of them is bounded, however they are made."""

import json
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from rich.cells import cell_len
from rich.segment import Segment

from tests.support.documents import opened
from tests.support.fake_lab import FakeLab
from tests.support.made_up import ScreensApp
from tui.lab import blocks, highlighting, outline
from tui.lab.blocks import MOST_DRAWN, folded

MB = 1 << 20
HUGE: dict[str, tuple[str, str]] = {
    "code in one line": ("code", "x = '" + "y" * 8 * MB + "'"),
    "code of brackets": ("code", "[" * 3 * MB),
    "wide characters": ("code", "한" * 2 * MB),
    "accents alone": ("code", "\u0301" * 2 * MB),
    "spaces": ("code", " " * 5 * MB),
    "ends of lines": ("code", "\n" * 3 * MB),
    "escape sequences": ("code", "\x1b[2J" * MB),
    "a paragraph": ("markdown", "word " * MB),
    "a word": ("markdown", "w" * 4 * MB),
    "stars": ("markdown", "*" * 3 * MB),
    "headings": ("markdown", "# h\n" * MB),
    "raw": ("raw", "r" * 4 * MB),
}


@pytest.mark.parametrize("name", HUGE)
async def test_it_opens_and_the_keys_go_over_it(
    name: str, tmp_path: Path, home: Path, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, source = HUGE[name]
    make = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}[kind]
    content = new_notebook(cells=[new_code_cell("1"), make(source), new_code_cell("2")])
    path = tmp_path / "some.ipynb"
    path.write_text(json.dumps(content))
    drawn: list[int] = []

    def counted(real: Any, at: int) -> Any:
        def call(*arguments: Any) -> Any:
            drawn.append(len(arguments[at]))
            return real(*arguments)

        return call

    monkeypatch.setattr(blocks, "code_lines", counted(highlighting.code_lines, 0))
    monkeypatch.setattr(blocks, "markdown_lines", counted(highlighting.markdown_lines, 1))
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, path)
        await pilot.press("g", "j", "j", "k")
        assert screen.pane.cells.cursor == 1
        said = [" ".join(one.text for one in line) for line in screen.pane.cells._block_lines(1).lines[-4:]]
        assert f"… {len(source) - MOST_DRAWN:,} more characters" in " ".join(" ".join(said).split())
        await pilot.press("enter")
        assert screen.pane.cells.editing is None
        (told,) = [one.message for one in app._notifications]
        assert told == f"This cell has {len(source):,} characters: too many to edit here"
        await pilot.press("j", "enter")
        assert screen.pane.cells.editing is not None
        await pilot.press("escape", "pageup", "G")
    assert max(drawn) <= MOST_DRAWN
    assert sum(drawn) < 4 * MOST_DRAWN, "once for each width"


@pytest.mark.parametrize("part", ["y", "ab ", "한", "\u0301", " ", "a\u0301 "])
@pytest.mark.parametrize("segments", [1, 3000])
def test_a_long_line_is_looked_at_a_few_times(part: str, segments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (part * MOST_DRAWN)[:60_000]
    step = len(text) // segments
    line = [Segment(text[at : at + step]) for at in range(0, len(text), step)]
    looked = [0]

    def counted(of: str) -> int:
        looked[0] += len(of)
        return cell_len(of)

    monkeypatch.setattr(blocks, "cell_len", counted)
    lines = folded(line, 100)
    assert looked[0] < 3 * len(text)
    assert sum(len(one.text) for row in lines for one in row) - len(text) <= 100 * len(lines)
    assert "".join(one.text for row in lines for one in row).replace(" ", "") == text.replace(" ", "")


def test_the_outline_has_the_beginning_of_a_long_line(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text("# %%\n" + "x" * 3 * MB + "\n")
    (line,) = [text for text, _ in outline.outline(path)]
    assert line == "x" * outline.WIDEST
