"""`sweep`: studies, which search settings for the best result; make one, work on it too, look at it, change it."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from engine.studies.study_name import ACTIONS
from engine.terminal_text import argument_text
from tui.cli.command import Commands, Parser, Run

NAME = "the study's name"
SPACE = (
    "what is searched, and what all trials have alike: a range (lr=1e-4..1e-1:log, epochs=2..10), choices "
    "(optimizer=sgd,adam or batch_size=32|64), one value (model=cnn)"
)
STORAGE = "FMNIST_TUI_STORAGE"


def declare(commands: Commands) -> None:
    """Add the command and its actions."""
    made = commands.add(
        "sweep",
        _run("list_all"),
        "search settings for the best result: studies of many trials, each a run",
        "sweep first 'lr=1e-4..1e-1:log' 'optimizer=sgd,adam' epochs=5 --trials 40 --prune median --parallel 2",
    )
    made.epilog = f"{made.epilog}. A name alone, as there, makes a new study (sweep new NAME)."
    actions = Commands(made, of="sweep")
    new = actions.add(
        "new", _run("new"), "make a study, and have its trials trained",
        "new first 'lr=1e-4..1e-1:log' 'optimizer=sgd,adam' epochs=5 --trials 40", data=True,
    )  # fmt: skip
    _named(new)
    new.add_argument("changes", nargs="*", metavar="SETTING=VALUES", help=SPACE)
    new.add_argument("--trials", type=int, metavar="N", help="how many (default: 20; of a grid, all its points)")
    new.add_argument(
        "--sampler", default="tpe", metavar="SAMPLER",
        help="who chooses the next trial's settings: tpe (learns from the trials before), random, grid (default: tpe)",
    )  # fmt: skip
    new.add_argument(
        "--prune", default="none", metavar="PRUNER",
        help="end trials that do badly early: median (worse than half of the others at that epoch), hyperband, none "
        "(default: none)",
    )  # fmt: skip
    new.add_argument(
        "--metric", default="", metavar="METRIC",
        help="what decides: val_loss, val_accuracy, test_loss, test_accuracy, train_loss (default: val_loss, with "
        "val=0.1 where none is given)",
    )  # fmt: skip
    new.add_argument("--seed", type=int, default=0, help="of the sampler; the same seed, the same trials (default: 0)")
    _parallel(new, default=1)
    _storage(new, "a database that several machines reach, such as postgresql://USER@HOST/DATABASE (default: a file)")
    new.add_argument(
        "--heartbeat", type=int, default=30, metavar="SECONDS",
        help="with --storage: a machine that is silent for 4 times as long loses its trials to the others (default: "
        "30)",
    )  # fmt: skip
    _wait(new)
    join = actions.add(
        "join", _run("join"), "work on a study that another machine has made, too",
        "join first --storage postgresql://USER@HOST/DATABASE --parallel 2", data=True,
    )  # fmt: skip
    _named(join)
    _storage(join, "the database that it lies in")
    _parallel(join, default=1)
    _wait(join)
    listed = actions.add("list", _run("list_all"), "list the studies", "list --json")
    listed.add_argument("--json", action="store_true", help="print it as JSON (docs/events.md)")
    show = actions.add("show", _run("show"), "show a study's trials, the best first", "show first --json")
    _named(show)
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON (docs/events.md)")
    form.add_argument("--csv", type=Path, metavar="FILE", help="write the trials as CSV; - prints them")
    show.add_argument("--force", action="store_true", help="write over a file that is there already")
    show.add_argument("--all", action="store_true", help="print all trials (default: the 20 best, and those that run)")
    stop = actions.add("stop", _run("stop"), "begin no more trials here; those that train go on", "stop first --now")
    _named(stop)
    stop.add_argument("--now", action="store_true", help="stop the trials that train too, each with a checkpoint")
    start = actions.add("start", _run("start"), "go on with a study that was stopped here", "start first --parallel 4")
    _named(start)
    _parallel(start, default=None)
    _wait(start)
    extend = actions.add("extend", _run("extend"), "have more trials made", "extend first 20")
    _named(extend)
    extend.add_argument("count", type=int, metavar="N", help="how many more")
    add = actions.add(
        "add", _run("add"), "have one more trial made, with settings that you choose", "add first lr=3e-3"
    )
    _named(add)
    add.add_argument("changes", nargs="*", metavar="SETTING=VALUE", help="what is left out is searched")
    space = actions.add(
        "space", _run("space"), "change what is searched, for the trials that have not begun",
        "space first 'lr=1e-3..1e-2:log' momentum=0.9",
    )  # fmt: skip
    _named(space)
    space.add_argument(
        "changes", nargs="*", metavar="SETTING=VALUES",
        help="another range, a further parameter, or one value for a parameter; nothing: print what is searched",
    )  # fmt: skip
    delete = actions.add("delete", _run("delete"), "delete a study here; its runs stay", "delete first")
    _named(delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")


def with_action(arguments: Sequence[str]) -> list[str]:
    """`sweep NAME …` as `sweep new NAME …`."""
    found = list(arguments)
    if "sweep" in found:
        at = found.index("sweep") + 1
        if at < len(found) and not found[at].startswith("-") and found[at] not in ACTIONS:
            found.insert(at, "new")
    return found


def _named(parser: Parser) -> None:
    parser.add_argument("study", type=argument_text, metavar="NAME", help=NAME)


def _parallel(parser: Parser, default: int | None) -> None:
    known = "as it is" if default is None else str(default)
    parser.add_argument(
        "--parallel", type=int, default=default, metavar="N",
        help=f"how many trials train at once here; they share the cores and the GPUs (default: {known})",
    )  # fmt: skip


def _storage(parser: Parser, about: str) -> None:
    parser.add_argument(
        "--storage", default=os.environ.get(STORAGE, ""), metavar="URL", help=f"{about}; ${STORAGE} is the same"
    )


def _wait(parser: Parser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until it is over, and print a line for each trial")


def _run(name: str) -> Run:
    """The function of that name in `tui.cli.sweep`, imported when it is run."""

    def run(options: argparse.Namespace) -> int:
        from tui.cli import sweep

        done: int = getattr(sweep, name)(options)
        return done

    return run
