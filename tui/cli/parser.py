"""The parser of the whole command line, from the groups of commands."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from engine.training.settings import help_text
from tui.cli import (
    app_commands,
    compare_commands,
    config_commands,
    data_commands,
    export_commands,
    lab_commands,
    model_commands,
    order_commands,
    queue_commands,
    race_commands,
    run_commands,
    sweep_commands,
    train_commands,
    trust_commands,
    weights_commands,
)
from tui.cli.command import Commands, Parser, add_config, add_data_dir, add_home
from tui.cli.output import DONE, say
from tui.config.declared import IMAGE_STYLES, LAB_LANGUAGES

# In the order of `--help`.
GROUPS = (
    train_commands,
    app_commands,
    run_commands,
    compare_commands,
    export_commands,
    queue_commands,
    race_commands,
    sweep_commands,
    order_commands,
    model_commands,
    weights_commands,
    trust_commands,
    data_commands,
    lab_commands,
    config_commands,
)


class _Version(argparse.Action):
    """Reads the version where it is asked for: that takes as long as reading the rest of the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        say(f"fmnist-tui {version('fmnist-tui')}")
        parser.exit(DONE)


def make_parser() -> Parser:
    """A new one."""
    parser = Parser(
        prog="fmnist-tui",
        description="Train and inspect neural networks on Fashion-MNIST, in a terminal. Without a command: the app.",
        epilog="example: fmnist-tui train --model cnn --optimizer adam --epochs 3",
    )
    add_home(parser, default=None)
    add_data_dir(parser, default=None)
    add_config(parser, default=None)
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    parser.add_argument("--dataset", metavar="DATASET", default="auto", help=help_text("dataset"))
    parser.add_argument(
        "--images",
        choices=IMAGE_STYLES,
        default="",
        help="how the app draws images: as pixels by kitty's protocol or as sixels, as half blocks, as characters; "
        "auto asks the terminal what it can (default: as the configuration says)",
    )
    parser.add_argument(
        "--ascii", dest="images", action="store_const", const="ascii", help="the same as --images ascii"
    )
    parser.add_argument(
        "--idle", type=app_commands.idle, metavar="TIME", default=None,
        help="how long a lab's kernel may have nothing to do before it ends, such as 30m, 12h or 2d (default: as the "
        "configuration says)",
    )  # fmt: skip
    parser.add_argument(
        "--lang", choices=LAB_LANGUAGES, default="",
        help="the language of the lab's course, and of what is said in its documents (default: as the configuration "
        "says, else the locale's)",
    )  # fmt: skip
    parser.set_defaults(run=app_commands.app, isolated=False)
    commands = Commands(parser)
    for group in GROUPS:
        group.declare(commands)
    return parser


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was given. argparse takes no positional arguments after an option if there were some before: `branch RUN
    --at 3 lr=3e-4`."""
    parser = make_parser()
    given = sys.argv[1:] if arguments is None else arguments
    options, rest = parser.parse_known_args(sweep_commands.with_action(given))
    if hasattr(options, "changes") and all("=" in text and not text.startswith("-") for text in rest):
        options.changes += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options
