"""Notebooks as they come: each opens or gives one line, and what nobody edited stays as it is on the disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from textual.widgets import Static

from tests.support.documents import block, screen_lines, sources
from tests.support.fake_lab import FakeLab
from tests.support.made_up import ScreensApp
from tests.support.waiting import until
from tui.dialogs.text import TextScreen
from tui.lab.document import DocumentScreen
from tui.lab.documents import DocumentsScreen
from tui.widgets.panel import Panel

PNG = "iVBORw0KGgo="


def spelled(made: Any, minor: int = 4) -> str:
    """A notebook that nbformat takes for valid, of a minor version."""
    content: dict[str, Any] = json.loads(nbformat.writes(made))
    content["nbformat_minor"] = minor
    for cell in content["cells"]:
        if minor < 5:
            cell.pop("id", None)
    nbformat.validate(content)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def mixed(**metadata: Any) -> Any:
    """Text with an attachment, code with all kinds of outputs, and a raw cell."""
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "7", "version_major": 2, "version_minor": 0}}
    outputs = [
        new_output("stream", text="one\n"), new_output("stream", name="stderr", text="careful\n"),
        new_output("display_data", {"image/png": PNG, "text/plain": "<Figure>"}),
        new_output("display_data", widget), new_output("display_data", {"text/html": "<b>bold</b>"}),
        new_output("execute_result", {"text/plain": "3"}, execution_count=7),
        new_output("error", ename="ValueError", evalue="bad", traceback=["\x1b[31mTraceback\x1b[0m"]),
    ]  # fmt: skip
    return new_notebook(
        cells=[
            new_markdown_cell("# Title\n![a](attachment:a.png)", attachments={"a.png": {"image/png": PNG}}),
            new_code_cell("print('one')\n3", execution_count=7, outputs=outputs),
            new_raw_cell("raw *text*"), new_code_cell(""),
        ],
        metadata=metadata,
    )  # fmt: skip


def large() -> str:
    """20 MB of one output."""
    text = "".join(f"line {n} {'x' * 90}\n" for n in range(200_000))
    return spelled(new_notebook(cells=[new_code_cell("many", outputs=[new_output("stream", text=text)])]))


def wrong_types() -> str:
    cells: list[dict[str, Any]] = [
        {}, {"cell_type": 3, "source": {"a": 1}, "metadata": []}, {"cell_type": "markdown", "source": None},
        {"cell_type": "code", "source": 7, "outputs": "none", "execution_count": "x", "metadata": None, "id": 3},
        {"cell_type": "code", "source": ["a", 1], "outputs": [3, {"output_type": "error", "traceback": 1}, {}]},
        {"cell_type": "code", "outputs": [{"output_type": "display_data", "data": {"text/plain": {"a": 1}}}]},
    ]  # fmt: skip
    metadata = {"kernelspec": "python", "language_info": ["python"]}
    return json.dumps({"nbformat": 4, "nbformat_minor": "5", "metadata": metadata, "cells": cells})


OPENS: dict[str, tuple[Callable[[], str], int]] = {
    **{f"minor {minor}": (lambda minor=minor: spelled(mixed(), minor), 4) for minor in range(6)},  # type: ignore[misc]
    "another kernel": (lambda: spelled(mixed(kernelspec={"name": "nobody-1.9", "display_name": "Nobody",
                                                         "language": "nobody"}), 5), 4),
    "no metadata": (lambda: spelled(new_notebook(cells=[new_code_cell("1")])), 1),
    "empty": (lambda: spelled(new_notebook(), 5), 1),
    "no number": (lambda: json.dumps({"nbformat": 4, "nbformat_minor": "5", "metadata": {}, "cells": []}), 1),
    "20 MB": (large, 1),
    "wrong types": (wrong_types, 6),
    "old": (lambda: json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [
        {"cells": [{"cell_type": "code", "input": ["1+1"], "outputs": [], "language": "python", "collapsed": False,
                    "metadata": {}, "prompt_number": 1}], "metadata": {}}]}), 1),
}  # fmt: skip
REFUSED = {
    "broken": ('{"cells": [', "its JSON is broken"),
    "nothing": ("", "its JSON is broken"),
    "newer": ('{"nbformat": 9}', "format 9, newer than this program reads"),
    "no cells": ('{"nbformat": 4, "metadata": {}}', "it has no list of cells"),
    "deep": ("[" * 50_000, "its JSON is broken"),
}


@pytest.mark.parametrize("name", OPENS)
async def test_it_opens_and_is_left_as_it_was(tmp_path: Path, home: Path, lab: FakeLab, name: str) -> None:
    make, count = OPENS[name]
    path = tmp_path / "some.ipynb"
    path.write_text(make())
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        app.open_document(path)
        await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.pane.notebook is not None)
        screen = app.screen
        assert isinstance(screen, DocumentScreen)
        await until(pilot, lambda: screen._runner.news is not None)
        assert len(sources(screen)) == count
        opened = lab.told("open")[0][1]["kernel"]
        assert opened == ("nobody-1.9" if name == "another kernel" else "python3")
        for _ in range(14):  # over every cell and every output
            await pilot.press("j")
            if screen.pane.cells.output is not None:
                await pilot.press("y")
            if screen.pane.cells.output is not None and screen.pane.cells.output.kind == "error":
                await pilot.press("v")
                await until(pilot, lambda: isinstance(app.screen, TextScreen))
                assert "\x1b" not in str(app.screen.query_one("#body", Static).content)
                await pilot.press("escape")
        await pilot.press("pageup", "pagedown", "g", "G")
        assert not any("\x1b" in line for line in screen_lines(pilot))
        if name == "20 MB":
            await pilot.press("g", "j")
            assert len(block(screen, 0).outputs[0].lines) < 40
        assert screen.pane.notebook is not None
        assert not screen.pane.notebook.edited
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == changed


@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_in_one_line(tmp_path: Path, home: Path, lab: FakeLab, name: str) -> None:
    text, words = REFUSED[name]
    path = tmp_path / "some.ipynb"
    path.write_text(text)
    app = ScreensApp(home, "lab")
    async with app.run_test(size=(120, 40)) as pilot:
        app.open_document(path)

        def said() -> str:
            screen = app.screen
            if not isinstance(screen, DocumentScreen) or not screen.query("#document"):
                return ""
            return str(screen.query_one("#document", Panel).query_one(".panel-text", Static).content)

        await until(pilot, lambda: words in said())
        assert "\n" not in said()
        await pilot.press("r", "enter", "b", "x", "0", "escape")
        await until(pilot, lambda: isinstance(app.screen, DocumentsScreen))
        assert lab.calls == []
    assert path.read_text() == text
