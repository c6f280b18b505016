"""What the groups of commands share: the parser, the arguments that many commands take, and the exit codes."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from engine import home as homes
from engine.terminal_text import shown
from tui.cli.output import BAD_INPUT

RUN = "an id, the beginning of one, a name, or last"

Run = Callable[[argparse.Namespace], int]  # a command: returns the exit code


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {shown(message)} (see {self.prog} --help)\n")


class Commands:
    """The commands of the program; each group of them declares its own. Also the actions of one command."""

    def __init__(self, parser: Parser, *, of: str = "") -> None:
        """`of`: the command whose actions these are."""
        title, metavar = ("actions", "ACTION") if of else ("commands", "COMMAND")
        self._before = f"{of} " if of else ""
        self._subparsers = parser.add_subparsers(title=title, metavar=metavar)

    def add(
        self,
        name: str,
        run: Run,
        summary: str,
        example: str,
        *,
        data: bool = False,
        config: bool = False,
        isolated: bool = False,
    ) -> Parser:
        """A command. `data`: it takes --data-dir. `config`: it takes --config. `isolated`: it reads other people's
        files, so it runs in a process of its own."""
        made: Parser = self._subparsers.add_parser(
            name,
            help=summary.replace("%", "%%"),
            description=summary,
            epilog=f"example: fmnist-tui {self._before}{example}",
        )
        # These may stand before the command too: given here or not, they must not undo what stood there.
        add_home(made, default=argparse.SUPPRESS)
        if data:
            add_data_dir(made, default=argparse.SUPPRESS)
        if config:
            add_config(made, default=argparse.SUPPRESS)
        made.set_defaults(run=run, isolated=isolated)
        return made


def add_home(parser: Parser, default: str | None) -> None:
    meaning = "where runs and downloads are kept (default: $FMNIST_TUI_HOME, else your data folder)"
    parser.add_argument("--home", type=Path, metavar="DIR", default=default, help=meaning)


def add_data_dir(parser: Parser, default: str | None) -> None:
    meaning = "a torchvision data folder (default: $FMNIST_TUI_DATA, else HOME/data)"
    parser.add_argument("--data-dir", type=Path, metavar="DIR", default=default, help=meaning)


def add_config(parser: Parser, default: str | None) -> None:
    meaning = "the program's own settings (default: $FMNIST_TUI_CONFIG, else config.toml in your config folder)"
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help=meaning)


def add_run(parser: Parser, **more: Any) -> None:
    """The run that a command is about."""
    parser.add_argument("which", metavar="RUN", help=RUN, **more)


def add_report(parser: Parser) -> Any:
    """How a command that trains reports: the group of its options that exclude each other."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the run's events as JSON lines (docs/events.md)")
    form.add_argument("--detach", action="store_true", help="start it, print its id, and leave it training")
    return form


def home_of(options: argparse.Namespace) -> Path:
    """The home folder that is meant."""
    return homes.resolve(options.home)


def file_of(options: argparse.Namespace, text: str) -> Path:
    """The file that is meant: a path, or a run's checkpoint, `RUN@PLACE`. Raises EngineError where there is none."""
    from engine import sources
    from engine.typed_path import is_there, typed_path

    path = typed_path(text)
    if is_there(path) or ("@" not in text and text != sources.LAST) or "/" in text:
        return path
    name, _, place = text.partition("@")
    return sources.weights_path(home_of(options), sources.RunCheckpoint(name or sources.LAST, place or sources.LAST))
