"""`queue/queue.json` in the home folder: which runs wait, in which order, and which of them the scheduler has started.

Everybody changes it by `change`, one at a time. Imports no torch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from engine import atomic, file_lock, plain_file, private
from engine.errors import RunError
from engine.home import Home
from engine.terminal_text import printable

VERSION = 1
MOST_SLOTS = 64
MOST_BYTES = 16 << 20
# A name alone: what it leads to lies in the folder of the runs.
RunId = Annotated[str, Meta(pattern=r"^(?!\.{1,2}$)[^/\\\x00]+$", min_length=1, max_length=255)]


class Waiting(msgspec.Struct, frozen=True):
    """A run that waits its turn."""

    run: RunId
    held: bool = False  # it is not started before a person releases it


class Started(msgspec.Struct, frozen=True):
    """A run that the scheduler has started, or is about to start, and that has not ended yet."""

    run: RunId
    restarts: Annotated[int, Meta(ge=0, le=1000)] = 0  # after its host ended without a word, since it last came further


class Queue(msgspec.Struct, frozen=True):
    """The queue."""

    v: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    slots: Annotated[int, Meta(ge=1, le=MOST_SLOTS)] = 1  # runs at once
    waiting: tuple[Waiting, ...] = ()
    started: tuple[Started, ...] = ()

    @property
    def ready(self) -> tuple[Waiting, ...]:
        """Those that wait and are not held."""
        return tuple(one for one in self.waiting if not one.held)

    def position(self, run: str) -> int | None:
        """Its place among those that wait, from 1; None: it does not."""
        return next((at for at, one in enumerate(self.waiting, 1) if one.run == run), None)


def read(home: Path) -> Queue:
    """The queue; an empty one where there is no file. Raises RunError where the file can't be read."""
    path = Home(home).queue
    try:
        return msgspec.json.decode(plain_file.read(path, MOST_BYTES), type=Queue)
    except FileNotFoundError:
        return Queue()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"not as fmnist-tui writes it: {printable(str(error), 100)}"
    raise RunError(f"the queue {path} can't be read ({why}); mend it, or move it away: the runs' folders stay")


def change(home: Path, how: Callable[[Queue], Queue]) -> Queue:
    """Change the queue while nobody else does, and return what it is now. Raises RunError, with the queue as it was."""
    places = Home(home)
    try:
        private.folder(places.queue.parent)
        with file_lock.held(places.queue_lock):
            before = read(home)
            after = how(before)
            if after != before:
                atomic.write_text(places.queue, msgspec.json.format(msgspec.json.encode(after)).decode() + "\n")
            return after
    except OSError as error:
        raise RunError(f"the queue {places.queue} can't be written ({error.strerror})") from None
