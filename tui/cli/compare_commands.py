"""`compare`: runs and groups side by side."""

import argparse
from pathlib import Path

from engine.terminal_text import argument_text
from tui.cli.command import RUN, Commands, home_of


def declare(commands: Commands) -> None:
    """Add the command."""
    made = commands.add(
        "compare", _compare, "compare runs, groups and studies: what differs, and what they came to",
        "compare fast slow 'five seeds' --sort test", data=True,
    )  # fmt: skip
    made.add_argument(
        "which", nargs="+", metavar="RUN",
        help=f"{RUN}; or the name of a group (train --seeds), or of a study (sweep), of which the best trial is taken",
    )  # fmt: skip
    made.add_argument("--sort", type=argument_text, metavar="COLUMN", help="by a result, the best first, or a setting")
    made.add_argument("--reverse", action="store_true", help="the other way round")
    made.add_argument("--images", action="store_true", help="of two runs: the test images that only one gets right")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON (docs/events.md)")
    form.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV; - prints it")
    form.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown; - prints it")
    made.add_argument("--force", action="store_true", help="write over a file that is there already")


def _compare(options: argparse.Namespace) -> int:
    from tui.cli import compare

    return compare.compare(
        home_of(options), options.which, sort=options.sort, reverse=options.reverse, images=options.images,
        as_json=options.json, csv=options.csv, markdown=options.markdown, force=options.force,
        data_dir=options.data_dir,
    )  # fmt: skip
