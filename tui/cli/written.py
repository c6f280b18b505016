"""A text that a command writes where the person says."""

from collections.abc import Callable
from pathlib import Path

from engine.home import expanded
from tui import new_file
from tui.cli.output import say, say_text


def write(path: Path, make: Callable[[], str], *, force: bool) -> None:
    """Write what `make` gives to a new file, over one that is there only by `force`; print it for `-`. Nothing
    is made where it can't be written. Raises PathError."""
    target = None if str(path) == "-" else expanded(path)
    if target is not None:
        new_file.check(target, force=force)
    text = make()
    if target is None:
        say_text("\n".join(text.splitlines()))
        return
    new_file.write(target, text, force=force)
    say(f"written to {target}")
