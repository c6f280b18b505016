"""`queue`: what waits its turn; hold, release, move, cancel, and how many train at once."""

import argparse

from tui.cli.command import RUN, Commands, Run


def declare(commands: Commands) -> None:
    """Add the command and its actions."""
    made = commands.add(
        "queue", _run("show"), "show the runs that wait their turn, or change their order", "queue move fast first"
    )
    made.add_argument("--json", action="store_true", help="print it as JSON (docs/events.md)")
    actions = Commands(made, of="queue")
    for name, summary in (
        ("hold", "do not start a waiting run before it is released"),
        ("release", "let a held run be started in its turn"),
        ("cancel", "take a waiting run out of the queue, and delete its folder"),
    ):
        actions.add(name, _run(name), summary, f"{name} last").add_argument("which", metavar="RUN", help=RUN)
    move = actions.add("move", _run("move"), "give a waiting run another place", "move last first")
    move.add_argument("which", metavar="RUN", help=RUN)
    move.add_argument("to", metavar="PLACE", help="up, down, first, last, or a place such as 2")
    slots = actions.add("slots", _run("slots"), "set how many runs of the queue train at once", "slots 2")
    slots.add_argument("slots", type=int, metavar="N", help="1 to 64")


def _run(name: str) -> Run:
    """The function of that name in `tui.cli.queue`, imported when it is run."""

    def run(options: argparse.Namespace) -> int:
        from tui.cli import queue

        done: int = getattr(queue, name)(options)
        return done

    return run
