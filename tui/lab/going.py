"""To a document on *Lab*, from any screen."""

import asyncio
import os
from pathlib import Path
from typing import Any

from textual.app import App

from engine.errors import LabError
from engine.home import Home
from engine.lab import course
from engine.lab.notebook import empty_document
from tui.lab.document import DocumentScreen
from tui.recent_files import remember
from tui.services import Services

SCRATCH = "scratch.py"


async def show(
    app: App[Any], services: Services, path: Path, *, chapter: str = "", lang: str = ""
) -> DocumentScreen | None:
    """The document, over the list of documents; the one that was shown there is left. None where it can't be made."""
    try:
        await asyncio.to_thread(_make, path)
    except LabError as error:
        app.notify(str(error), severity="error", timeout=12, markup=False)
        return None
    await app.switch_mode("lab")
    shown = opened(app)
    if shown is not None and shown.path == path:
        while app.screen is not shown:
            await app.pop_screen()
        return shown
    while len(app.screen_stack) > 1:
        await app.pop_screen()
    lang = course.language(lang or services.lab_language, os.environ)
    screen = DocumentScreen(services, path, chapter=chapter, lang=lang)
    await app.push_screen(screen)
    if not chapter:  # it is shown already: the list of documents is written to the disk
        app.run_worker(asyncio.to_thread(remember, Home(services.home).recent_documents, path), group="remember")
    return screen


async def insert(app: App[Any], services: Services, source: str) -> None:
    """A cell with that source, in the document that is open on *Lab*, else in the scratch page."""
    await app.switch_mode("lab")
    shown = opened(app)
    if shown is None:
        shown = await show(app, services, Home(services.home).documents / SCRATCH)
    elif app.screen is not shown:
        while app.screen is not shown:
            await app.pop_screen()
    if shown is not None:
        shown.insert_source(source)


def opened(app: App[Any]) -> DocumentScreen | None:
    """The document that is open on *Lab*, which must be shown."""
    return next((one for one in app.screen_stack if isinstance(one, DocumentScreen)), None)


def _make(path: Path) -> None:
    """A new document where there is none yet. Raises LabError."""
    if not path.exists():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"cannot write to {path.parent} ({error.strerror})") from error
        empty_document(path).save()
