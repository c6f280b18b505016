"""What the lab asks for in a line of text: the paths of documents."""

import asyncio
from pathlib import Path
from typing import Any

from textual.app import App
from textual.screen import Screen

from engine.errors import LabError
from engine.home import expanded
from engine.lab.document import check_ending
from engine.lab.events import InputAsked
from engine.lab.notebook import Notebook
from engine.lab.written_text import clean
from engine.terminal_text import path_text
from engine.typed_path import typed_path
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptKeys, PromptScreen
from tui.lab.saving import free_name
from tui.lab.words import ENGLISH, LabWords


class LinePrompt(PromptScreen):
    """For a line that a cell waits for."""

    asked: InputAsked | None = None


def keys(words: LabWords) -> PromptKeys:
    """What a prompt says of its keys."""
    return PromptKeys(enter=words.enter, complete=words.complete, earlier=words.earlier, back=words.back)


async def document_path(app: App[Any], words: LabWords = ENGLISH) -> Path | None:
    """Which document to open; a name that is not there yet is a new document."""

    def check(text: str) -> str:
        path = _document(text)
        if path.is_dir():
            raise LabError(f"{path_text(path)} is a folder; type the name of a document in it")
        if not path.exists() and not path.parent.is_dir():
            raise LabError(f"there is no folder {path_text(path.parent)}")
        return (words.opens if path.exists() else words.new_document).format(path_text(path.name))

    prompt = PromptScreen(words.open, words.open_about, check, suggester=PathSuggester(), keys=keys(words))
    text = await app.push_screen_wait(prompt)
    return None if text is None else _document(text)


async def write_copy(screen: Screen[Any], notebook: Notebook, words: LabWords) -> None:
    """Ask where, and write it."""
    path = await save_as(screen.app, notebook.document.path, words)
    if path is None:
        return
    try:
        await asyncio.to_thread(notebook.draft().save, path)
    except LabError as error:
        screen.notify(str(error), severity="error", timeout=12, markup=False)
    else:
        screen.notify(words.written.format(path_text(path)), timeout=6, markup=False)


async def line_for_cell(app: App[Any], asked: InputAsked, words: LabWords, *, by_itself: bool) -> str | None:
    """The line that a cell waits for in input() or getpass(); None: later. `by_itself`: no key opens the prompt."""
    title = clean(asked.prompt).strip() or (words.password if asked.password else "input()")
    prompt = LinePrompt(
        title,
        words.input_about,
        lambda text: "",
        password=asked.password,
        kept=False,
        by_itself=by_itself,
        keys=keys(words),
    )
    prompt.asked = asked
    return await app.push_screen_wait(prompt)


def close_line(app: App[Any], asked: InputAsked) -> None:
    """The cell does not wait for it any more: it was interrupted, or another window answered."""
    if isinstance(app.screen, LinePrompt) and app.screen.asked == asked:
        app.screen.dismiss(None)


async def save_as(app: App[Any], path: Path, words: LabWords) -> Path | None:
    """Where to write a copy."""

    def check(text: str) -> str:
        target = _document(text)
        if target.exists():
            raise LabError(f"{path_text(target)} is there already")
        if not target.parent.is_dir():
            raise LabError(f"there is no folder {path_text(target.parent)}")
        kept = target.suffix.lower() == ".ipynb"
        return (words.writes_outputs if kept else words.writes_script).format(path_text(target.name))

    value, suggester = path_text(free_name(path)), PathSuggester()
    prompt = PromptScreen(words.copy, words.copy_about, check, value=value, suggester=suggester, keys=keys(words))
    text = await app.push_screen_wait(prompt)
    return None if text is None else _document(text)


def _document(text: str) -> Path:
    """Raises LabError where a document can't have that name."""
    if not text.strip():
        raise LabError("type the path of a document")
    path = expanded(typed_path(text))
    check_ending(path)
    return path.absolute()
