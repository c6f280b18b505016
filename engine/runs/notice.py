"""What a person is told of a run that they do not look at: its end, a failure, a NaN; and by which ways. Imports no
torch.

A way is `bell` or `osc9`, which whoever has a terminal does (the attached command line, the app), or a command, which
the run's host runs. A run's folder may come from anybody, so a command runs only where the person has typed it
(`trusted_code`).
"""

import contextlib
import os
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine import private
from engine.errors import ConfigError, EngineError
from engine.home import RunFolder
from engine.models import trusted_code
from engine.runs import listing, store
from engine.runs.notify_ways import MOST_TEXT, checked, commands
from engine.runs.state import RunState
from engine.terminal_text import printable
from engine.training import events as ev

MOST_TITLE = 80  # characters of a run's name in a notice

State = Literal["finished", "stopped", "failed", "ended", "nan"]

ENDS: tuple[State, ...] = ("finished", "stopped", "failed", "ended")

# Says in the host's log how the command failed, also where the host has ended by then.
_SCRIPT = (
    'sh -c "$1"; code=$?; '
    '[ "$code" = 0 ] || printf "fmnist-tui: the command of --notify ended with the code %s: %s\\n" "$code" "$1"'
)


@dataclass(frozen=True)
class Notice:
    """What is told."""

    state: State
    words: str  # a line


def typed(ways: Sequence[str]) -> tuple[str, ...]:
    """`checked` ways that the person has typed themselves: the commands among them may run. Raises EngineError."""
    found = checked(ways)
    for command in commands(found):
        trusted_code.trust_command(command)
    return found


def ways_of(folder: RunFolder) -> tuple[str, ...]:
    """Those of a run; none where that can't be read."""
    with contextlib.suppress(EngineError):
        return tuple(store.read_run(folder).get("notify") or ())
    return ()


def keep(folder: RunFolder, ways: Sequence[str]) -> None:
    """From now on the run tells by these ways: of a run that nobody trains. Raises EngineError, OSError."""
    request = store.read_run(folder)
    if tuple(request.get("notify") or ()) != tuple(ways):
        store.write_run(folder, request | {"notify": list(ways)})


class Teller:
    """Which events are told, each once, as they come: a NaN, and then the end, unless that NaN is its reason."""

    def __init__(self) -> None:
        self._nan = False  # was told since the run last began

    def of(self, event: ev.Event) -> State | None:
        """What is to be told because of the event."""
        match event:
            case ev.RunStarted() | ev.Resumed() | ev.Unpaused():
                self._nan = False
            case ev.Warned(code="non_finite_loss") if not self._nan:
                self._nan = True
                return "nan"
            case ev.Finished():
                return "finished"
            case ev.Failed():
                return "failed"
            case ev.Stopped() if event.reason != "non_finite_loss":
                return "stopped"
        return None


def notice(folder: RunFolder, state: State, run: RunState) -> Notice:
    """In words, of a run whose state is `run`."""
    title = printable(store.title(folder), MOST_TITLE)
    best = f"; best accuracy {run.best.accuracy * 100:.1f}%" if run.best else ""
    place = f"epoch {run.epoch} of {run.epochs}"
    words = {
        "finished": f"{title} is finished: {place}{best}",
        "stopped": f"{title} is stopped: {place}{best}",
        "failed": f"{title} has failed: {run.reason}",
        "ended": f"{title} ended without finishing: {place}{best}",
        "nan": f"{title}: the loss is not finite, {place}",
    }[state]
    return Notice(state, printable(printable(words), MOST_TEXT))


def environment(folder: RunFolder, told: Notice, run: RunState) -> dict[str, str]:
    """What a command is told, by its environment. What is not known is empty."""
    best, tested = run.best, run.tested
    values = {
        "RUN": folder.id,
        "NAME": store.title(folder),
        "STATE": told.state,
        "REASON": run.reason,
        "WORDS": told.words,
        "FOLDER": str(folder.path),
        "HOME": str(folder.home.path),
        "EPOCH": str(run.epoch),
        "EPOCHS": str(run.epochs),
        "ACCURACY": repr(best.accuracy) if best else "",
        "TEST_ACCURACY": repr(tested.accuracy) if tested else "",
        "LOSS": repr(run.loss) if run.step else "",
    }
    return {f"FMNIST_TUI_{name}": printable(value).replace("\0", "") for name, value in values.items()}


class CommandTeller:
    """The host's part: runs the commands of a run, detached; what they print, and that they failed, is in its log."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._teller = Teller()

    def hear(self, event: ev.Event) -> None:
        """An event that was written to the log."""
        if (state := self._teller.of(event)) is None:
            return
        folder = self._folder
        found = commands(ways_of(folder))
        if not found:
            return
        try:
            run = listing.quick_state(folder)
        except EngineError as error:
            private.append(folder.host_log, f"fmnist-tui: nobody is notified: {error}\n")
            return
        variables = environment(folder, notice(folder, state, run), run)
        for command in found:
            with contextlib.suppress(OSError):
                _run(folder, command, variables)


def _run(folder: RunFolder, command: str, variables: Mapping[str, str]) -> None:
    """Raises OSError where the log can't be written."""
    try:
        if not trusted_code.trusts_command(command):
            raise ConfigError("notify", f"you have not typed it yourself; name it: --notify {shlex.quote(command)}")
        with private.appended(folder.host_log) as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "fmnist-tui", command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder.path,
                env={**os.environ, **variables},
                start_new_session=True,  # it outlives the host
            )
    except (EngineError, OSError, ValueError) as error:
        private.append(folder.host_log, f"fmnist-tui: a command of --notify did not run: {error}\n")
        return
    threading.Thread(target=process.wait, name="reap", daemon=True).start()  # leaves no zombie
