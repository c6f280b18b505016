"""What `race` does."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine import race as racing
from engine.errors import ConfigError, RunError
from engine.models.trusted_code import name_typed
from engine.race import Race, RaceReader
from engine.runs import branch, checkpoint_refs, listing, store, trash
from engine.runs.state import RunState
from engine.terminal_text import shown
from tui import format as fmt
from tui.cli.output import DONE, FAILED, complain, console, say, say_json, tell, tell_in_place
from tui.race_text import place_words

LOOK_S = 0.5
BEST = "best"
NUMBERS = ("steps", "loss", "accuracy")  # columns


def run(home: Path, options: argparse.Namespace) -> int:
    """Begin a race, or show the newest of a run; then keep a branch, or stop it. Raises EngineError."""
    parent = store.find(home, options.which)
    if options.changes:
        if options.stop or (options.detach and options.kept):
            what = "--stop" if options.stop else "--detach"
            raise ConfigError("changes", f"{what}: not with a race that is to be begun")
        point = branch.branch_point(parent, options.at)
        if words := checkpoint_refs.warning(parent, point.entry):
            complain(words)
        changes = racing.typed(options.changes)
        name_typed(*(one.get("transform") for one in changes))
        folders = racing.begin(racing.plan(point, changes, options.steps), tell)
    else:
        found = racing.of_run(listing.list_runs(home), parent.id)
        if not found:
            raise RunError(f"{parent.id} has no race; begin one with: fmnist-tui race {parent.id} 'lr=1e-3|1e-2'")
        folders = found[0].folders
    reader = RaceReader(folders)
    if options.stop:
        return _stop(home, reader, as_json=options.json)
    if options.detach:
        return _begun(reader)
    race, states = _awaited(reader) if options.changes or options.kept == BEST else reader.read()
    if race is None:
        raise RunError("the race is over: its branches are gone, or were kept")
    kept = _keep(home, race, states, options.kept) if options.kept else ""
    if options.json:
        say_json(_as_json(race, states, kept))
    else:
        _print(race, states)
        _say_what_next(race, kept)
    return FAILED if options.kept and not kept else DONE


def _begun(reader: RaceReader) -> int:
    race, _ = reader.read()
    assert race is not None
    for lane in race.lanes:
        say(lane.run.id)
    return DONE


def _awaited(reader: RaceReader) -> tuple[Race | None, list[RunState]]:
    """The race once none of its branches trains any more."""
    try:
        while True:
            race, states = reader.read()
            if race is None or race.over:
                return race, states
            stood = [racing.standing(race, *one) for one in zip(race.lanes, states, strict=True)]
            done = min(one.done for one in stood)
            tell_in_place(f"{len(stood)} branches: {fmt.count(done)} of {fmt.count(race.steps)} steps")
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        tell_in_place("")
        complain("the branches go on; fmnist-tui race RUN shows them, race RUN --stop ends them")
        raise
    finally:
        tell_in_place("")


def _keep(home: Path, race: Race, states: Sequence[RunState], which: str) -> str:
    """Have a branch go on, and delete the others. Returns its id; empty: none has come so far that it could be best.
    Raises EngineError."""
    if which == BEST:
        lane = racing.best(race, states)
        if lane is None:
            complain("no branch has done all steps with a finite loss: none is kept")
            return ""
    else:
        found = [one for one in race.lanes if which in (one.run.id, one.words)]
        found = found or [one for one in race.lanes if one.run.id.startswith(which)]
        if len(found) != 1:
            there = ", ".join(one.words for one in race.lanes)
            raise RunError(f"--keep: {which!r} is {'several' if found else 'none'} of the branches {there}")
        lane = found[0]
    others = [folder for folder in race.folders if folder != lane.run.folder]
    racing.stop(others)
    racing.keep(lane.run.folder)
    trash.Trash(home).delete(others)
    trash.sweep(home)
    return lane.run.id


def _stop(home: Path, reader: RaceReader, *, as_json: bool) -> int:
    race, states = reader.read()
    if race is None:
        raise RunError("the race is over: its branches are gone, or were kept")
    racing.stop(race.folders)
    trash.Trash(home).delete(race.folders)
    trash.sweep(home)
    if as_json:
        say_json(_as_json(race, states, ""))
    else:
        say(f"deleted {fmt.counted(len(race.lanes), 'run')}; for a day: fmnist-tui undelete")
    return DONE


def _print(race: Race, states: Sequence[RunState]) -> None:
    from rich.table import Table

    say(f"branches of {race.parent}, {place_words(race, states)}, {fmt.count(race.steps)} steps each")
    best = racing.best(race, states)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "branch", "changes", "state", "steps", "loss", "accuracy"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("steps", "loss", "accuracy") else "left"
        )
    for lane, state in zip(race.lanes, states, strict=True):
        stood = racing.standing(race, lane, state)
        cells = (
            "*" if lane is best else "",
            lane.run.id,
            lane.words,
            lane.run.state_words,
            f"{fmt.count(stood.done)} of {fmt.count(race.steps)}",
            fmt.NOTHING if stood.loss is None else fmt.loss(stood.loss),
            fmt.accuracy(lane.run.accuracy, tta=lane.run.tta),
        )
        table.add_row(*map(shown, cells))
    console(width=None if sys.stdout.isatty() else 200).print(table)
    say("loss: of the training, the mean of the last quarter of the steps; * the lowest, of those that did all steps")


def _say_what_next(race: Race, kept: str) -> None:
    if kept:
        say(f"kept {kept}: it goes on; the others are deleted (for a day: fmnist-tui undelete)")
    else:
        say(f"keep one with: fmnist-tui race {race.parent} --keep {BEST}")


def _as_json(race: Race, states: Sequence[RunState], kept: str) -> dict[str, Any]:
    best = racing.best(race, states)
    branches = []
    for lane, state in zip(race.lanes, states, strict=True):
        stood = racing.standing(race, lane, state)
        branches.append(
            {
                "run": lane.run.id,
                "changes": lane.words,
                "state": lane.run.state,
                "done": stood.done,
                "loss": stood.loss,
                "accuracy": lane.run.accuracy,
                "best": lane is best,
            }
        )
    return {
        "id": race.id, "parent": race.parent, "epoch": race.epoch, "step": race.step, "steps": race.steps,
        "branches": branches, "kept": kept or None,
    }  # fmt: skip
