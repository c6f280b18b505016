"""What the command `queue` and its actions do."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, RunError
from engine.home import Home
from engine.queue import client, queue_file
from engine.runs import listing, store
from engine.runs.unreadable import UnreadableError
from engine.terminal_text import shown
from tui.cli.command import home_of
from tui.cli.output import DONE, say
from tui.format import counted

MOVES = "up, down, first, last, or a place such as 2"


def show(options: argparse.Namespace) -> int:
    """Print what waits, and what the queue has started."""
    home = home_of(options)
    client.ensure_scheduler(home)
    queue = queue_file.read(home)
    if options.json:
        say(json.dumps(_as_json(home, queue)))
        return DONE
    trains = f"{counted(len(queue.started), 'run')} started, {queue.slots} at once"
    say(f"{trains}; {counted(len(queue.waiting), 'run')} waiting" + ("" if queue.waiting or queue.started else "."))
    for started in queue.started:
        say(f"    {_words(home, started.run, 'starting')}")
    for place, waiting in enumerate(queue.waiting, 1):
        say(f"{place:>3} {_words(home, waiting.run, 'held' if waiting.held else 'waiting')}")
    return DONE


def _as_json(home: Path, queue: queue_file.Queue) -> dict[str, Any]:
    return {
        "slots": queue.slots,
        "scheduler": client.scheduler_lives(home),
        "started": [{"run": one.run, "restarts": one.restarts} for one in queue.started],
        "waiting": [{"run": one.run, "held": one.held} for one in queue.waiting],
    }


def _words(home: Path, run: str, not_begun: str) -> str:
    try:
        found = listing.summary(Home(home).run(run))
    except UnreadableError as error:
        return shown(f"{run}  can't be read: {error.why}")
    state = not_begun if found.state == "prepared" else found.state_words
    return shown(f"{run}  {found.name or '–'}  {found.model}  {state}")


def hold(options: argparse.Namespace) -> int:
    """Do not start a waiting run."""
    run = _run(options)
    client.hold(home_of(options), run)
    say(f"{run}: held")
    return DONE


def release(options: argparse.Namespace) -> int:
    """Let a held run be started."""
    run = _run(options)
    client.hold(home_of(options), run, held=False)
    say(f"{run}: waits")
    return DONE


def cancel(options: argparse.Namespace) -> int:
    """Take a waiting run out of the queue."""
    run = _run(options)
    client.cancel(home_of(options), run)
    say(f"{run}: cancelled")
    return DONE


def move(options: argparse.Namespace) -> int:
    """Give a waiting run another place."""
    run = _run(options)
    queue = client.move(home_of(options), run, place_of(options.to))
    say(f"{run}: place {queue.position(run)} of {len(queue.waiting)}")
    return DONE


def slots(options: argparse.Namespace) -> int:
    """Set how many runs of the queue train at once."""
    queue = client.set_slots(home_of(options), options.slots)
    say(f"{counted(queue.slots, 'run')} of the queue at once")
    return DONE


def place_of(text: str) -> Callable[[int, int], int]:
    """The new place of what stands at a place among so many, both from 1. Raises ConfigError."""
    moves: dict[str, Callable[[int, int], int]] = {
        "up": lambda place, _: place - 1,
        "down": lambda place, _: place + 1,
        "first": lambda _, __: 1,
        "last": lambda _, count: count,
    }
    if text in moves:
        return moves[text]
    if text.isdecimal() and int(text) > 0:
        return lambda _, __: int(text)
    raise ConfigError("to", f"{text!r} is no place in the queue; give {MOVES}")


def _run(options: argparse.Namespace) -> str:
    """The run that is meant: of those that wait, if one of them is. Raises RunError."""
    home = home_of(options)
    queue = queue_file.read(home)
    try:
        return store.find(home, options.which).id
    except RunError:
        begin = [one.run for one in queue.waiting if options.which and one.run.startswith(options.which)]
        if len(begin) == 1:
            return begin[0]
        raise
