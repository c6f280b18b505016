"""`trust`: the Python files of models and transforms that may run when a run names them."""

import argparse

from engine.errors import ConfigError
from engine.models import trusted_code
from tui.cli.command import Commands
from tui.cli.output import DONE, say, say_json


def declare(commands: Commands) -> None:
    """Add the commands of this group."""
    made = commands.add(
        "trust", _trust, "let a Python file run that a run names for its model or transform, until the file changes",
        "trust models/net.py",
    )  # fmt: skip
    made.add_argument("files", nargs="*", metavar="FILE", help="Python files (default: list those that you trust)")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--forget", action="store_true", help="trust them no more")
    how.add_argument("--json", action="store_true", help="list them as a JSON object: the SHA-256 of each, by its path")


def _trust(options: argparse.Namespace) -> int:
    files = [_file_of(text) for text in options.files]
    if options.json and files:
        raise ConfigError("json", "--json lists the files: name none")
    if options.forget:
        return _forget(files)
    for file in files:
        sha256 = trusted_code.trust(file)
        say(f"trusted as it is now: {trusted_code.real(file)} (SHA-256 {sha256[:12]}…)")
    if not files:
        _list(as_json=options.json)
    return DONE


def _forget(files: list[str]) -> int:
    if not files:
        raise ConfigError("forget", "--forget: name the files; fmnist-tui trust lists them")
    for file in files:
        known = trusted_code.forget(file)
        what = file if file.startswith(trusted_code.COMMAND) else trusted_code.real(file)
        say(f"{'not trusted any more' if known else 'was not trusted'}: {what}")
    return DONE


def _list(*, as_json: bool) -> None:
    listed = trusted_code.files()
    if as_json:
        say_json(listed)
    elif not listed:
        say("no Python file is trusted yet: one is when you name it, as in train --model FILE.py:CLASS")
    for file, sha256 in () if as_json else listed.items():
        say(f"{sha256[:12]}… {file}")


def _file_of(text: str) -> str:
    """The file that is meant, also where a name in it stands after it, as in `--model`."""
    if text.startswith(trusted_code.COMMAND):
        return text
    return text.rpartition(":")[0] if trusted_code.is_file_reference(text) else text
