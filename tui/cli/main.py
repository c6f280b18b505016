"""The command line, `fmnist-tui`. Imports nothing heavy until a command needs it."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from engine.errors import EngineError
from engine.training.settings import help_text
from tui.cli import (
    app_commands,
    config_commands,
    data_commands,
    model_commands,
    run_commands,
    streams,
    train_commands,
    weights_commands,
)
from tui.cli.command import Commands, Parser, add_config, add_data_dir, add_home, home_of
from tui.cli.output import BAD_INPUT, DONE, FAILED, complain, finish

# In the order of `--help`.
GROUPS = (train_commands, app_commands, run_commands, model_commands, weights_commands, data_commands, config_commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed while running, 2 bad input, 128 + a signal's number."""
    if arguments is not None:
        return _run(_parsed(arguments))
    if problem := streams.prepare():
        complain(problem)
        return BAD_INPUT
    try:
        options = _parsed(None)
    except SystemExit as parsed:  # --help, --version, or what argparse refuses
        return finish(parsed.code if isinstance(parsed.code, int) else DONE)
    if options.isolated:
        from tui.cli import isolated

        return isolated.run(lambda: _run(options), BAD_INPUT)
    return _run(options)


def make_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="fmnist-tui",
        description="Train and inspect neural networks on Fashion-MNIST, in a terminal. Without a command: the app.",
        epilog="example: fmnist-tui train --model cnn --optimizer adam --epochs 3",
    )
    add_home(parser, default=None)
    add_data_dir(parser, default=None)
    add_config(parser, default=None)
    parser.add_argument("--version", action="version", version=f"fmnist-tui {version('fmnist-tui')}")
    parser.add_argument("--dataset", metavar="DATASET", default="auto", help=help_text("dataset"))
    parser.add_argument("--ascii", action="store_true", help="draw the app's images as characters on any terminal")
    parser.set_defaults(run=app_commands.app, isolated=False)
    commands = Commands(parser)
    for group in GROUPS:
        group.declare(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
    except EngineError as error:
        complain(str(error))
        code = BAD_INPUT
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, OSError) and (refused := finish(DONE)):  # what it was printing to was closed, or is full
            return refused
        from tui import crash

        complain(crash.record(_home_or_none(options), error))
        code = FAILED
    return finish(code)


def _home_or_none(options: argparse.Namespace) -> Path | None:
    try:
        return home_of(options)
    except EngineError:
        return None


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """argparse takes no positional arguments after an option if there were some before: `branch RUN --at 3 lr=3e-4`."""
    parser = make_parser()
    options, rest = parser.parse_known_args(arguments)
    if hasattr(options, "changes") and all("=" in text and not text.startswith("-") for text in rest):
        options.changes += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
