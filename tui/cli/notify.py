"""`--notify`: how the person is told of a run, and the part of it that the attached command line does."""

import argparse
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

from engine import home as homes
from engine.home import RunFolder
from engine.runs.notify_ways import sequences
from engine.terminal_text import encoding, shown
from engine.training import events as ev


def add_notify(parser: argparse.ArgumentParser) -> None:
    """The option, of a command that trains."""
    parser.add_argument(
        "--notify",
        action="append",
        metavar="WAY",
        help="tell of its end, a failure, or a NaN: bell, osc9 (a desktop notification by the terminal), or a command, "
        "which has the run in its environment (FMNIST_TUI_RUN, _STATE, _FOLDER, _ACCURACY …); may be given again; off: "
        "none (default: as the configuration says; of a resumed run as before)",
    )


def ways(options: argparse.Namespace) -> tuple[str, ...] | None:
    """Those that were given; None where none were. Commands among them may run. Raises EngineError."""
    from engine.runs import notice

    return None if options.notify is None else notice.typed(options.notify)


def ways_of_new(options: argparse.Namespace) -> tuple[str, ...]:
    """The same for a new run: those of the configuration where none were given."""
    found = ways(options)
    return default(options) if found is None else found


def default(options: argparse.Namespace) -> tuple[str, ...]:
    """Those of the configuration. Raises EngineError."""
    from engine.runs import notice
    from tui.config.declared import NOTIFY
    from tui.config.preferences import Preferences

    found: tuple[str, ...] = Preferences.read(homes.config_file(options.config), os.environ).get(NOTIFY)
    return notice.typed(found)


class TerminalTeller:
    """Hears the events of a run that is trained or followed here, and tells the terminal of its end."""

    def __init__(self, folder: RunFolder, hear: Callable[[ev.Event], None]) -> None:
        """`hear`: gets every event first."""
        from engine.runs.notice import Teller, ways_of
        from engine.runs.state_file import begun

        self._folder, self._hear = folder, hear
        self._ways: Sequence[str] = ways_of(folder)
        self._teller = Teller()
        self._fold: Any = begun(folder).fold

    def __call__(self, event: ev.Event) -> None:
        from engine.runs.notice import notice

        self._hear(event)
        if not self._ways:
            return
        self._fold.add(event)
        if (state := self._teller.of(event)) is not None:
            _send(notice(self._folder, state, self._fold.snapshot()).words, self._ways)


def _send(words: str, ways: Sequence[str]) -> None:
    """To the terminal, where there is one, past what draws progress bars on it."""
    data = sequences(ways, shown(words)).encode(encoding(), "replace")
    for descriptor in (2, 1):
        with contextlib.suppress(OSError):
            if data and os.isatty(descriptor):
                os.write(descriptor, data)
                return
