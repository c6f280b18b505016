"""`config`: the program's own settings, where each is from, and what is wrong in their file; and `completion`, for the
shell."""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from engine import home as homes
from tui.cli.command import Commands
from tui.cli.output import BAD_INPUT, DONE, console, say, say_json, say_text
from tui.config.declared import DECLARED, FORM, KEYS, RECIPES
from tui.config.preference import TomlValue, toml_text
from tui.config.preferences import Preferences

SHELLS = ("bash", "zsh", "fish")


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    config = commands.add(
        "config", _config, "show the program's own settings, and what is wrong in their file", "config", config=True
    )
    how = config.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as JSON")
    how.add_argument("--example", action="store_true", help="print a file with every setting in it, explained")
    completion = commands.add(
        "completion",
        _completion,
        "print a script that completes commands, options and runs in a shell",
        "completion bash > ~/.local/share/bash-completion/completions/fmnist-tui",
    )
    completion.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


@dataclass(frozen=True)
class Row:
    """A setting as it is told."""

    name: str
    value: TomlValue
    origin: str  # default, file or environment
    line: int | None  # of the file, where it has it
    variable: str = ""  # of the environment, where it is from there

    @property
    def place(self) -> str:
        """Where it is from, in words."""
        if self.variable:
            return f"{self.variable}{f', before line {self.line} of the file' if self.line else ''}"
        return f"line {self.line}" if self.origin == "file" and self.line else self.origin


def _completion(options: argparse.Namespace) -> int:
    from tui.cli import completion
    from tui.cli.parser import make_parser

    say_text(completion.script(make_parser(), options.shell))
    return DONE


def _config(options: argparse.Namespace) -> int:
    if options.example:
        say_text(example())
        return DONE
    preferences = Preferences.read(homes.config_file(options.config), os.environ)
    rows = [*_rows(preferences), *_keys(preferences)]
    if options.json:
        say_json(
            {
                "file": str(preferences.path) if preferences.path else None,
                "exists": preferences.contents.exists,
                "settings": [
                    {"name": row.name, "value": row.value, "from": row.origin, "line": row.line} for row in rows
                ],
                "problems": [
                    {"line": problem.line, "variable": problem.variable, "what": problem.what}
                    for problem in preferences.problems
                ],
            }
        )
    else:
        _print(preferences, rows)
    return BAD_INPUT if preferences.problems else DONE


def _rows(preferences: Preferences) -> Iterator[Row]:
    contents = preferences.contents
    for one in DECLARED:
        origin, line = preferences.origin(one), contents.line_of(*one.name.split("."))
        variable = one.environment if origin == "environment" else ""
        yield Row(one.name, one.write(preferences.get(one)), origin, line, variable)
    for name, value in preferences.form.items():
        yield Row(f"{FORM}.{name}", value, "file", contents.line_of(FORM, name))
    for recipe, settings in preferences.recipes.items():
        for name, value in settings.items():
            yield Row(f"{RECIPES}.{recipe}.{name}", value, "file", contents.line_of(RECIPES, recipe, name))


def _keys(preferences: Preferences) -> Iterator[Row]:
    """The other keys that are asked for; what is wrong with them is added to the problems."""
    if not preferences.has_keys:
        return
    from tui.app import FmnistApp
    from tui.config.keymap import asked, keymap
    from tui.config.rooms import rooms

    contents = preferences.contents
    _, problems = keymap(contents, rooms(FmnistApp))
    preferences.problems += problems
    wrong = {problem.line for problem in problems}
    table = contents.values[KEYS]
    for entry in asked(table) if isinstance(table, dict) else ():
        line = contents.line_of(*entry.path)
        if line not in wrong:
            yield Row(f"{KEYS}.{entry.name}", ",".join(entry.keys), "file", line)


def _print(preferences: Preferences, rows: list[Row]) -> None:
    from rich.table import Table

    from engine.terminal_text import shown
    from tui.themes import names

    if preferences.path is None:
        say("There is no place for a file: HOME is not set. Name one with --config or FMNIST_TUI_CONFIG.")
    else:
        say(f"{preferences.path}{'' if preferences.contents.exists else ' (not there yet)'}")
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(shown, (row.name, toml_text(row.value), row.place)))
    say()
    console(width=None if sys.stdout.isatty() else 200).print(table)
    say()
    say(f"themes: {', '.join(names())}")
    if preferences.problems:
        say()
        for problem in preferences.problems:
            say(problem.words("the file"))


def example() -> str:
    """A file with every setting at its default, as comments; without the last line's end."""
    lines = []
    for one in DECLARED:
        lines += [f"# {_plain(one.help)}", f"# Values: {one.values}.", f"# {one.name} = {one.toml(one.default)}", ""]
    lines += [
        "# What the form for a new run begins with: docs/settings.md lists the names. `fmnist-tui train` does not",
        "# read it.",
        f"# [{FORM}]",
        "# lr = 0.01",
        "",
        "# Recipes of your own: `fmnist-tui train --recipe mine`, and the first row of the form.",
        f"# [{RECIPES}.mine]",
        '# model = "cnn"',
        '# optimizer = "adam"',
        "",
        "# Other keys for acts, on all screens or on one: docs/keys.md lists the acts and the keys.",
        f"# [{KEYS}]",
        '# sort = "o"',
        '# runs.stop = ["ctrl+x", "delete"]',
    ]
    return "\n".join(lines)


def _plain(markdown: str) -> str:
    return markdown.replace("`", "").replace("*", "")
