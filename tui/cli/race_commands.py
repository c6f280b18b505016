"""`race`: branches of a run with other settings, side by side, of which one is kept."""

import argparse

from engine.terminal_text import argument_text
from tui.cli.command import Commands, add_run, home_of

STEPS = 500


def declare(commands: Commands) -> None:
    """Add the command."""
    made = commands.add(
        "race", _race,
        "train branches of a run with other settings for the same number of steps, compare their losses, keep one",
        "race last 'lr=1e-3|3e-3|1e-2' 'lr=1e-3 momentum=0.95' --at 3 --steps 500 --keep best", data=False,
    )  # fmt: skip
    add_run(made)
    made.add_argument(
        "changes", nargs="*", metavar="SETTINGS", type=argument_text,
        help="what one branch changes, such as 'lr=3e-3 momentum=0.8'; 'lr=1e-3|1e-2' are two branches; '' is one that "
        "changes nothing (default: show the run's newest race)",
    )  # fmt: skip
    made.add_argument(
        "--at", default="last", metavar="PLACE", help="an epoch (3), a step in it (3:412), last, best (default: last)"
    )
    made.add_argument(
        "--steps", type=int, default=STEPS, metavar="N", help=f"training steps of each branch (default: {STEPS})"
    )
    end = made.add_mutually_exclusive_group()
    end.add_argument(
        "--keep", dest="kept", metavar="BRANCH", type=argument_text, default="",
        help="have this branch go on as a run like any other, and delete the others (undelete has them for a day): its "
        "id, what it changes, or best, which waits for the end",
    )  # fmt: skip
    end.add_argument("--stop", action="store_true", help="delete all branches of the race that are there")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--detach", action="store_true", help="start it, and leave it racing")
    how.add_argument("--json", action="store_true", help="print it as JSON (docs/events.md)")


def _race(options: argparse.Namespace) -> int:
    from tui.cli import race

    return race.run(home_of(options), options)
