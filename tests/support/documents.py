"""A document on the screen *Lab*, for tests."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.support.waiting import until
from tests.tui.pictures.screen_text import characters, screen_rows
from tui.app import FmnistApp
from tui.dialogs.by_itself import ByItself
from tui.lab.blocks import Block
from tui.lab.document import DocumentScreen

CELLS = "# %% [markdown]\n# # Ones\n\n# %%\nimport torch\n\n# %%\nt = torch.ones(5)\nt\n"


def written(folder: Path, text: str = CELLS, name: str = "some.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


async def opened(pilot: Pilot[None], path: Path, *, connected: bool = True, **options: Any) -> DocumentScreen:
    """The document's screen, once its cells are there, and its lab."""
    app = pilot.app
    assert isinstance(app, FmnistApp)
    app.open_document(path, **options)

    def there() -> bool:
        screen = app.screen
        return isinstance(screen, DocumentScreen) and screen.path == path and screen.pane.notebook is not None

    await until(pilot, there)
    screen = app.screen
    assert isinstance(screen, DocumentScreen)
    if connected:
        await until(pilot, lambda: screen._runner.session.connected and screen._runner.news is not None)
    await pilot.pause()
    return screen


def screen_lines(pilot: Pilot[None]) -> list[str]:
    """What is on the screen."""
    return characters(screen_rows(pilot.app))


def on_screen(pilot: Pilot[None], *words: str) -> bool:
    text = " ".join(" ".join(screen_lines(pilot)).split())
    return all(word in text for word in words)


async def sees(pilot: Pilot[None], *words: str) -> None:
    """Wait until they are on the screen."""
    try:
        await until(pilot, lambda: on_screen(pilot, *words))
    except AssertionError:
        raise AssertionError(f"never on the screen: {words}\n" + "\n".join(screen_lines(pilot))) from None


async def offered(pilot: Pilot[None], *words: str) -> None:
    """Wait for a dialog that opens by itself, and says that."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ByItself) and pilot.app.screen.stands)
    await sees(pilot, *words)


def sources(screen: DocumentScreen) -> list[str]:
    assert screen.pane.notebook is not None
    return [cell.source for cell in screen.pane.notebook.cells]


def block(screen: DocumentScreen, at: int) -> Block:
    return screen.pane.cells.blocks[at]


def told(pilot: Pilot[None]) -> list[str]:
    """What the app has notified of."""
    return [note.message for note in pilot.app._notifications]
