"""What a run may be called. Imports no torch."""

from engine.errors import RunError
from engine.terminal_text import printable

MOST_NAME = 200  # characters


def check_name(name: str) -> None:
    """Raises RunError for a name that no screen can show as it is: with control characters, marks that turn the
    direction of writing, or characters without a width."""
    if len(name) > MOST_NAME:
        raise RunError(f"the run's name has {len(name)} characters; at most {MOST_NAME} are possible")
    if not name.isprintable():
        raise RunError(f"the run's name {printable(name)!r} holds a character that can't be shown; leave it out")
