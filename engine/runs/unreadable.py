"""Runs that can't be read: left out where the others are listed, and told of. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import RunError

MOST_NAMED = 10  # more are counted


class UnreadableError(RunError):
    """A run's folder, or a file in it, that can't be read."""

    def __init__(self, path: Path, why: str | OSError, *, run: str = "") -> None:
        """`why`: in words. `run`: the id of the run that it belongs to; empty: of none."""
        self.path = path
        self.why = why if isinstance(why, str) else why.strerror or type(why).__name__
        self.run = run
        super().__init__(f"{path} can't be read ({self.why}); mend that, or move it out of the way")


def left_out_words(unreadable: Sequence[UnreadableError], *, listed: bool = False) -> str:
    """Which runs can't be read, and why; empty where there is none. `listed`: the list has a row for each; else they
    are missing in it."""
    if not unreadable:
        return ""
    which = ", ".join(f"{one.path} ({one.why})" for one in unreadable[:MOST_NAMED])
    more = f" and {len(unreadable) - MOST_NAMED} more" if len(unreadable) > MOST_NAMED else ""
    runs = "1 run" if len(unreadable) == 1 else f"{len(unreadable)} runs"
    left_out = "" if listed else f" and {'is' if len(unreadable) == 1 else 'are'} left out"
    return f"{runs} can't be read{left_out}: {which}{more}"
