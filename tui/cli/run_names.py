"""`completion --runs`: what a shell's completion asks each time that tab is pressed. Imports next to nothing."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine import home as homes
from engine import plain_file
from engine.errors import EngineError
from engine.home import Home, RunFolder
from tui.cli.output import DONE, say

MOST = 200  # runs, the newest: so many can still be told apart in a list
SAFE = re.compile(r"[\w.+%][\w.+%-]*")  # a shell would take other signs in a name for more than a name
BYTES = 1 << 20  # of a run.json or a meta.json


def main(arguments: Sequence[str]) -> int:
    """Print what a RUN can be: `last`, names, ids, a line each. `arguments`: `--home DIR`, or nothing. What can't be
    read is left out: nobody reads an error in the middle of a line that is typed."""
    given = arguments[1] if arguments[:1] == ["--home"] and len(arguments) > 1 else None
    try:
        for word in dict.fromkeys(_words(homes.resolve(given))):
            say(word)
    except (EngineError, OSError):
        pass
    return DONE


def _words(home: Path) -> Iterator[str]:
    runs = Home(home).runs
    there = (entry for entry in os.listdir(runs) if SAFE.fullmatch(entry) and not entry.startswith("."))
    ids = sorted(there, reverse=True)[:MOST]
    if ids:
        yield "last"
    for run in ids:
        name = _name(RunFolder(runs / run))
        if name and SAFE.fullmatch(name):
            yield name
    yield from ids


def _name(folder: RunFolder) -> str:
    """What it is called now; "" where nothing says so."""
    name = _named(folder.meta_json)
    return (_named(folder.run_json) or "") if name is None else name


def _named(path: Path) -> str | None:
    try:
        content = json.loads(plain_file.read(path, BYTES))
        name = content.get("name")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return name if isinstance(name, str) else None
