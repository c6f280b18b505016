"""Asks where to write the table of what is compared, and writes it."""

from pathlib import Path
from typing import Any

from textual.screen import Screen

from engine.errors import PathError
from engine.runs.comparison import Comparison
from tui.comparison_text import as_markdown
from tui.dialogs.file_prompt import ask_file, write_file

ABOUT = (
    "The table in its order: the settings and environments that differ, and the results; plain numbers where the name "
    "ends in .csv, a table for people where it ends in .md."
)


def _kind(path: Path) -> str:
    kinds = {".csv": "the table as CSV", ".md": "the table in Markdown"}
    if path.suffix.lower() not in kinds:
        raise PathError("let the name end in .csv or .md")
    return kinds[path.suffix.lower()]


async def export_table(screen: Screen[Any], found: Comparison) -> None:
    """Over the screen. The table as it is when the key is pressed is what is written."""
    path = await ask_file(screen, "Export the table", ABOUT, _kind, value="~/comparison.csv")
    if path is None:
        return
    text = found.as_csv() if path.suffix.lower() == ".csv" else as_markdown(found)
    await write_file(screen, path, text)
