"""A picture of the screen, as a file whose place is told: over SSH there is no folder of downloads to look in."""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, RenderableType

from engine import private
from engine.errors import PathError


def svg(update: RenderableType, width: int, height: int, title: str) -> str:
    """The screen as SVG. `update`: of the whole screen. Takes some 100 ms."""
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    console.print(update)
    return console.export_svg(title=title)


def folders(home: Path) -> list[Path]:
    """Where it may lie, the best first: where the program was started, the home folder, the folder for temporary
    files."""
    try:
        here = [Path.cwd()]
    except FileNotFoundError:  # it was removed
        here = []
    return [*here, home, Path(tempfile.gettempdir())]


def write(text: str, places: Iterable[Path]) -> Path:
    """A new file in the first of the folders that is there and can be written. Raises PathError."""
    name, why = time.strftime("fmnist-tui-%Y%m%d-%H%M%S"), "no such folder"
    for folder in places:
        for number in range(1, 100):
            path = folder.absolute() / f"{name}{f'-{number}' if number > 1 else ''}.svg"
            try:
                others = folder.stat().st_mode & 0o077  # may look into the folder
                private.create(path, shared=bool(others))
                path.write_text(text, encoding="utf-8", errors="replace")
            except FileExistsError:
                continue
            except OSError as error:
                why = error.strerror or str(error)
                with contextlib.suppress(OSError):
                    path.unlink()  # what was written before the disk was full
                break
            return path
    raise PathError(f"no screenshot: no file can be written ({why}); start the program where you may write files")
