"""Screens that ask the worker process for what takes a while: how far it is stands in a line, and escape ends it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import ConfigError, EngineError, InspectionCancelledError, InspectionError
from engine.inspection.untyped import ask_untyped
from engine.training.config import parse
from engine.weights.key_mapping import KeyMapping, file_and_mapping, text_and_mapping
from engine.weights.misfit import MisfitError
from tui.format import count, size
from tui.services import Services

if TYPE_CHECKING:
    from engine.worker.request import Answer


NAMES = "after it, where names differ: a prefix to take off (module.), NEW=OLD, section:NAME, without:PATTERN"
AFTER = "after that: a prefix to take off such as module. , NEW=OLD, section:NAME, without:PATTERN"
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")


class BusyScreen(Screen[None]):
    """One long question at a time; the screen composes a Static `#progress`."""

    class Advanced(Message):
        """How far the worker process is."""

        def __init__(self, done: int, total: int) -> None:
            super().__init__()
            self.done, self.total = done, total

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.doing = ""  # what is asked for, in words; empty: nothing
        self._of = ""
        self.refused = ""  # why the last one was, for who asks again
        self.proposal: KeyMapping | None = None  # what the refusal proposes to do with the names

    async def ask_long(self, what: str, values: Mapping[str, Any], doing: str, of: str) -> "Answer | None":
        """The answer; None where the person ended it, or where it was refused: that is told, unless it proposes
        something. `doing`: in words; `of`: what is counted meanwhile, such as "images", or "bytes"."""
        self.doing, self._of, self.refused, self.proposal = doing, of, "", None
        self.tell(0, 0)

        def tell(done: int, total: int) -> None:
            self.post_message(self.Advanced(done, total))

        worker = self.services.worker
        try:
            return await asyncio.to_thread(ask_untyped, worker, what, values, tell)
        except InspectionCancelledError:
            return None
        except EngineError as error:
            self.refused = str(error)
            self.proposal = error.proposal if isinstance(error, MisfitError) else None
            if self.proposal is None or not self.in_view:  # else it is asked again
                self.notify(self.refused, severity="error", timeout=20, markup=False)
            return None
        finally:
            self.doing = ""
            self.say("#progress", Content(""))

    @property
    def in_view(self) -> bool:
        """Whether the person has not gone to another of the app's screens."""
        return self in self.app.screen_stack

    def show_answer(self, title: str, text: str, summary: str) -> None:
        """Show what came of a long question; where the person went to another screen meanwhile, only say so there."""
        from tui.dialogs.text import TextScreen

        if self.in_view:
            self.app.push_screen(TextScreen(title, text))
        else:
            self.notify(summary, timeout=10, markup=False)

    def stop_asking(self) -> bool:
        """End what is asked for. Whether there was anything."""
        if not self.doing:
            return False
        self.services.worker.cancel()
        return True

    def on_busy_screen_advanced(self, message: Advanced) -> None:
        message.stop()
        self.tell(message.done, message.total)

    def tell(self, done: int, total: int) -> None:
        """Show how far it is."""
        if not self.doing:
            return
        number = size if self._of == "bytes" else count
        unit = "" if self._of == "bytes" else f" {self._of}"
        far = f": {number(done)} of {number(total)}{unit}" if total else " …"
        self.say("#progress", Content.styled(f"{self.doing}{far}  (esc: stop)", "$text-accent"))

    def say(self, selector: str, content: Content) -> None:
        """Change a line where it differs; one without words takes no room."""
        for line in self.query(selector).results(Static):
            if str(line.content) != str(content):
                line.update(content)
            line.display = bool(str(content)) or selector != "#progress"


def checked_network(text: str, words: str) -> str:
    """What `MODEL` and what follows it would do, as `words` says it of both. Raises EngineError."""
    model, way = text_and_mapping(text)
    if not model:
        raise InspectionError("name the network: mlp, cnn, torchvision:NAME, or path/to/file.py:ClassName")
    try:
        known = parse("model", model)
    except ConfigError:
        parse("model", model.split()[0])
        raise InspectionError(AFTER) from None  # it is what follows the network that can't be read
    return words.format(known, describe_mapping(way))


def checked_target(text: str) -> str:
    """What a file's name and what follows it would write. Raises EngineError."""
    path, way = file_and_mapping(text)
    if not text.strip() or path.exists():
        raise InspectionError("name a file that is not there yet")
    if not path.absolute().parent.is_dir():
        raise InspectionError(f"there is no folder {path.absolute().parent}")
    if any(Path(word).suffix in SUFFIXES for word in path.name.split()[:-1]):
        raise InspectionError(AFTER)
    return f"{'safetensors' if path.suffix == '.safetensors' else 'a bare state_dict'}: {path}{describe_mapping(way)}"


def describe_mapping(way: KeyMapping) -> str:
    """What is done with the names, in words."""
    parts = [f"without {way.strip}"] if way.strip else []
    parts += [f"{old} called {new}" for new, old in way.renames]
    parts += [f"of its part {way.section!r}"] if way.section is not None else []
    parts += [f"{', '.join(way.without)} left out"] if way.without else []
    parts += [f"{', '.join(way.new)} new"] if way.new else []
    return f", {', '.join(parts)}" if parts else ""
