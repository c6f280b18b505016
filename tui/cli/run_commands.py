"""`runs`, and the commands to a run that trains: `pause`, `unpause`, `step`, `checkpoint`, `stop`."""

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.home import Home
from engine.runs.unreadable import left_out_words
from engine.terminal_text import argument_text, shown
from tui.cli import run_rows
from tui.cli.command import Commands, add_run, home_of
from tui.cli.output import BAD_INPUT, DONE, complain, console, say, say_json

if TYPE_CHECKING:
    from engine.runs.listing import RunSummary


MOST_BROKEN = 5  # files that are named


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    runs = commands.add("runs", _runs, "list the runs", "runs --filter 'lr>=1e-3 best>=85 -state:failed' --json")
    runs.add_argument("--json", action="store_true", help="as a JSON list")
    runs.add_argument("--all", action="store_true", help="hidden runs too; so does a filter that names them")
    runs.add_argument(
        "--groups",
        action="store_true",
        help="a line for each group of seeds: mean and standard deviation",
    )
    runs.add_argument(
        "--filter",
        type=argument_text,
        metavar="TEXT",
        default="",
        help="only the runs for which all of this holds: words that are in a name, id, model, data set, state, tag or "
        "note; comparisons (= != < <= > >=, : contains) of a setting, or of state, name, id, tag, note, epoch, best, "
        "test, accuracy (in %%), loss, time (5min) or age (2d); pinned, hidden; - excludes: --filter=-state:failed "
        "(docs/training.md)",
    )
    for name, summary in (
        ("pause", "pause a run between two steps"),
        ("unpause", "resume a paused run"),
        ("step", "run one training step, then pause"),
        ("checkpoint", "save a checkpoint of a run now"),
        ("stop", "save a checkpoint of a run and end it"),
    ):
        made = commands.add(name, _command, summary, f"{name} last")
        add_run(made)
        made.set_defaults(command=name)


def _runs(options: argparse.Namespace) -> int:
    from engine.queue.shown import read as queued
    from engine.queue.shown import with_queue
    from engine.runs import run_filter

    wanted = run_filter.parse(options.filter)
    home = home_of(options)
    rows, unreadable = run_rows.read(home)
    every = with_queue(rows, queued(home))
    passing = [run for run in every if wanted.passes(run)]
    found = [run for run in passing if not run.hidden or options.all or wanted.about_hidden]
    if options.json:
        from engine.runs.groups import groups

        say_json([one.to_dict() for one in groups(found)] if options.groups else [run.to_dict() for run in found])
    elif options.groups:
        _print_groups(found)
    elif found:
        _print_runs(found)
    elif every and not passing:
        say(f"no run of {len(every)} passes the filter {wanted.text}")
    elif not every and not unreadable:
        say(f"no runs yet in {Home(home).runs}; start one with: fmnist-tui train")
    if not options.json and (hidden := len(passing) - len(found)):
        are, them = ("s are", "them") if hidden > 1 else (" is", "it")
        say(f"{hidden} hidden run{are} left out; --all shows {them}")
    if broken := [f"{run.folder.meta_json} can't be read ({run.meta_problem})" for run in found if run.meta_problem]:
        sys.stdout.flush()
        complain(
            "; ".join(broken[:MOST_BROKEN]) + (f" and {len(broken) - MOST_BROKEN} more" * (len(broken) > MOST_BROKEN))
        )
    if unreadable:
        sys.stdout.flush()
        complain(left_out_words(unreadable, listed=True))
        return BAD_INPUT
    return DONE


def _print_runs(found: "list[RunSummary]") -> None:
    import time

    from rich.table import Table

    from engine.runs.family import family, pinned_first
    from tui.format import PINNED, accuracy, age

    table = Table(box=None, pad_edge=False)
    tagged = any(run.tags for run in found)
    headings = ("run", "state", "model", "data", "epoch", "best accuracy", "test accuracy", "started")
    for heading in (*headings, *["tags"] * tagged):
        table.add_column(heading, overflow="fold")
    for depth, run in family(pinned_first(found)):
        label = "  " * (depth - 1) + "└ " * bool(depth) + f"{PINNED * run.pinned}{run.id} {run.name}".strip()
        best, test = (
            accuracy(one, tta=run.tta) if one is not None else "–" for one in (run.best_accuracy, run.test_accuracy)
        )
        began = age(time.time() - run.started)
        if run.problem:
            table.add_row(shown(label), run.state_words, "", "", "", "", "", shown(run.problem), *[""] * tagged)
            continue
        cells = (
            label,
            run.state_words,
            run.model,
            run.dataset,
            f"{run.epoch}/{run.epochs}",
            best,
            test,
            began,
            *[" ".join(run.tags)] * tagged,
        )
        table.add_row(*map(shown, cells))
    console(width=None if sys.stdout.isatty() else 200).print(table)


def _print_groups(found: "list[RunSummary]") -> None:
    from rich.table import Table

    from engine.runs.groups import groups
    from tui.format import mean_percent

    table = Table(box=None, pad_edge=False)
    for heading in ("group", "runs", "ended", "model", "data", "best accuracy", "test accuracy", "loss"):
        table.add_column(heading, overflow="fold")
    for group in groups(found):
        first, loss = group.runs[0], group.loss
        ended = f"{group.ended}/{group.size}"
        words = "–" if loss is None else f"{loss.mean:.4f}" + (f" ± {loss.std:.4f}" if loss.std is not None else "")
        tta = " TTA" * any(run.tta for run in group.runs)
        cells = (group.title, str(len(group.runs)), ended, first.model, first.dataset, mean_percent(group.best) + tta,
                 mean_percent(group.test) + tta, words)  # fmt: skip
        table.add_row(*map(shown, cells))
    if not table.row_count:
        say("no run here belongs to a group; start one with: fmnist-tui train --seeds 5")
        return
    console(width=None if sys.stdout.isatty() else 200).print(table)


def _command(options: argparse.Namespace) -> int:
    from engine.runs import client, store

    folder = store.find(home_of(options), options.which)
    if options.command == "step":
        with contextlib.suppress(EngineError):  # it is paused already
            client.command(folder, "pause")
    client.command(folder, options.command)
    if options.command == "stop":
        from tui.cli import train

        return train.wait_for_end(folder)
    said = {
        "pause": "paused",
        "unpause": "training",
        "step": "one step, then paused",
        "checkpoint": "saving a checkpoint",
    }
    say(f"{folder.id}: {said[options.command]}")
    return DONE
