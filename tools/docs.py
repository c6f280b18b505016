"""Makes docs/cli.md from the parsers, docs/keys.md from the bindings, docs/settings.md from the settings of a run, and
the table of docs/config.md from the declarations of the program's own.

`python -m tools.docs` writes them; with `--check` it writes nothing, names those that are stale, and exits with 1.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from engine.training import option_table
from tui.app import FmnistApp
from tui.cli.command import Parser
from tui.cli.parser import make_parser
from tui.config.declared import DECLARED
from tui.keys import ACTS

DOCS = Path(__file__).parent.parent / "docs"
CONFIG_BEGIN, CONFIG_END = "<!-- settings: made by `make docs` -->", "<!-- end of what is made -->"
MADE = "<!-- Made by `make docs`; do not edit. -->"
NAMES = {
    "question_mark": "?", "slash": "/", "full_stop": ".", "plus": "+", "minus": "-", "equals_sign": "=",
    "left_square_bracket": "[", "right_square_bracket": "]", "left": "←", "right": "→", "up": "↑", "down": "↓",
    "comma": ",", "exclamation_mark": "!", "asterisk": "*", "less_than_sign": "<", "greater_than_sign": ">",
    "underscore": "_", "number_sign": "#", "apostrophe": "'", "circumflex_accent": "^",
    "vertical_line": "|", "percent_sign": "%", "colon": ":", "semicolon": ";", "at": "@",
}  # fmt: skip


def cli() -> str:
    """Every command with its arguments."""
    parser = make_parser()
    lines = ["# The command line", "", MADE, "", *_command("fmnist-tui", parser)]
    for name, one in commands(parser).items():
        lines += ["", *_command(f"fmnist-tui {name}", one)]
        for action, its in commands(one).items():
            lines += ["", *_command(f"fmnist-tui {name} {action}", its)]
    return "\n".join(lines) + "\n"


def commands(parser: Parser) -> dict[str, Parser]:
    """The commands' own parsers, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _command(name: str, parser: Parser) -> list[str]:
    about = (parser.description or "").rstrip(".")
    lines = [f"## {name}", "", f"{about[:1].upper()}{about[1:]}.", ""]
    if parser.epilog:
        lines += [f"    {parser.epilog.removeprefix('example: ')}", ""]
    lines += ["| argument | meaning |", "| --- | --- |"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        meaning = (action.help or "").replace("%%", "%").replace("|", "\\|")
        lines.append(f"| {_spelling(action)} | {meaning} |")
    return lines


def _spelling(action: argparse.Action) -> str:
    """`--lr LR`, `[FILE …]`."""
    if not action.option_strings:
        name = str(action.metavar or action.dest)
        words = {"*": f"[{name} …]", "+": f"{name} …", "?": f"[{name}]"}
        return f"`{words.get(str(action.nargs), name)}`"
    value = "" if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction) else _value(action)
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def _value(action: argparse.Action) -> str:
    if action.metavar is None and action.choices:
        return " {" + ",".join(str(one) for one in action.choices) + "}"
    return f" {action.metavar or action.dest.upper()}"


def keys() -> str:
    """Every key of every screen."""
    lines = [
        "# Keys",
        "",
        MADE,
        "",
        "`?` shows the keys of the screen that is open. The same act has the same key on every screen, and a key has",
        "one meaning; in a chart, `s` and `m` are about the chart. A dialog's letters are its own and stand beside its",
        "choices.",
        "",
        *_acts(),
        "",
        *_keys("Everywhere", FmnistApp),
    ]
    for title, cls in screens():
        table = _keys(title, cls)
        if len(table) > 4:
            lines += ["", *table]
    return "\n".join(lines) + "\n"


def _acts() -> list[str]:
    """The table of acts: the key of each, its meaning, and the screens that have it."""
    where: dict[str, list[str]] = {}
    for title, cls in screens():
        for binding in bindings(cls):
            name = (binding.id or "").rpartition(".")[2]
            if name in ACTS and binding.key == ACTS[name].keys:
                where.setdefault(name, []).append(title)
    lines = ["## The table", "", "| key | meaning | screens |", "| --- | --- | --- |"]
    for name, act in ACTS.items():
        if name in where:
            keys = _key_names(act.keys, act.display)
            lines.append(f"| {keys} | {act.meaning} | {', '.join(dict.fromkeys(where[name]))} |")
    return lines


def screens() -> list[tuple[str, type[Widget]]]:
    """The program's own screens and dialogs, and the widgets that have keys, by the name of their class, in the order
    of their folders."""
    import importlib
    import pkgutil

    import tui

    found: dict[type, str] = {}
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if module.name.split(".")[1] in ("data", "runs", "model", "weights", "lab", "dialogs"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and value.__module__ == module.name and _has_keys(value):
                    found[value] = module.name
    ordered = sorted(found, key=lambda cls: (found[cls], cls.__name__))
    return [(re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__.removesuffix("Screen")), cls) for cls in ordered]


def _has_keys(cls: type) -> bool:
    return issubclass(cls, Screen) or (issubclass(cls, Widget) and "BINDINGS" in vars(cls))


def _keys(title: str, cls: type) -> list[str]:
    lines = [f"## {title}", "", "| key | what it does | id |", "| --- | --- | --- |"]
    for binding in bindings(cls):
        what = binding.description + (f": {binding.tooltip}" if binding.tooltip else "")
        key = _key_names(binding.key, binding.key_display)
        what = what.replace("|", "\\|")
        lines.append(f"| {key} | {what} | {binding.id or ''} |")
    return lines


def _key_names(keys: str, display: str | None) -> str:
    names = [display] if display else keys.split(",")
    return " ".join(f"`{NAMES.get(name.strip(), name.strip())}`" for name in names).replace("|", "\\|")


def bindings(cls: type) -> Iterable[Binding]:
    """A screen's own bindings, as they stand in its class."""
    own: list[BindingType] = list(vars(cls).get("BINDINGS", ()))
    return [one if isinstance(one, Binding) else Binding(*one) for one in own]


def settings() -> str:
    """Every setting of a run."""
    return f"# Settings of a run\n\n{MADE}\n\n{option_table.markdown()}\n"


def config() -> str:
    """docs/config.md with its table of the program's own settings made anew."""
    before, begin, rest = (DOCS / "config.md").read_text(encoding="utf-8").partition(CONFIG_BEGIN)
    _, end, after = rest.partition(CONFIG_END)
    table = ["", "| setting | default | values | |", "| --- | --- | --- | --- |"]
    for one in DECLARED:
        variable = f" Variable: `{one.environment}`." if one.environment and one.environment not in one.help else ""
        table.append(f"| `{one.name}` | `{one.toml(one.default)}` | {one.values} | {one.help}{variable} |")
    return "\n".join([f"{before}{begin}", *table, "", f"{end}{after}"])


FILES = {"cli.md": cli, "config.md": config, "keys.md": keys, "settings.md": settings}


def main() -> int:
    """The exit code: 1 where --check finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    options = parser.parse_args()
    stale = [name for name, make in FILES.items() if not _same(DOCS / name, make())]
    for name in stale:
        if options.check:
            print(f"docs/{name} is stale: make docs", file=sys.stderr)
        else:
            (DOCS / name).write_text(FILES[name](), encoding="utf-8")
            print(f"docs/{name}")
    return 1 if stale and options.check else 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
