"""Compare the table of allow-lists (engine/weights/allowlist.py) with what several versions of torch have.

Each version is installed into a virtual environment of its own, asked for its list, and removed again: up to 7 GB of
disk and some minutes for each. pip's own settings hold, PIP_INDEX_URL and PIP_CONFIG_FILE among them; wheels for the
CPU alone are much smaller and have the same lists.

    python -m tools.allowlist                  # 2.10, 2.12 and the newest that pip finds
    python -m tools.allowlist 2.11 2.13.1      # others
    python -m tools.allowlist --write          # put what was found into the table

Exit code: 0 where the table is right, or --write has put it right; 1 where it differs; 2 where a version could not be
installed or asked.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.weights import allowlist
from engine.weights.allowlist import BASE, TABLE, Minor, Span

VERSIONS = ("2.10", "2.12", "newest")
TABLE_FILE = Path(allowlist.__file__)
WIDTH = 120  # characters of a line
_ROWS = re.compile(r"(?<=    # rows\n).*?(?=    # end of rows\n)", re.DOTALL)
_ASK = """
import json
from importlib.metadata import version
from torch._weights_only_unpickler import _get_allowed_globals
print(json.dumps({"version": version("torch"), "names": sorted(_get_allowed_globals())}))
"""


class ToolError(Exception):
    """One line for the person who runs this."""


@dataclass(frozen=True)
class Measured:
    """What an installed torch says of itself."""

    version: str  # as its metadata spells it: "2.12.1+cpu"
    names: frozenset[str]


def requirement(wanted: str) -> str:
    """What pip is asked for: "2.12" is its newest patch release, "newest" the newest version of all.
    Raises ToolError where it is not a version."""
    if wanted == "newest":
        return "torch"
    if not re.fullmatch(r"\d+\.\d+(\.\d+)*(\+[\w.]+)?", wanted):
        raise ToolError(f"{wanted!r} is not a version of torch: 2.12, 2.12.1 or newest")
    return f"torch=={wanted}.*" if wanted.count(".") == 1 else f"torch=={wanted}"


def measure(wanted: str, folder: Path | None) -> Measured:
    """Install a version into an environment in a new folder below `folder` (None: the temporary one), ask it for its
    list and remove it. Raises ToolError."""
    asked = requirement(wanted)
    with tempfile.TemporaryDirectory(prefix="allowlist-", dir=folder) as home:
        python = Path(home) / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        output("python -m venv", [sys.executable, "-m", "venv", str(Path(home) / "env")])
        options = ["--quiet", "--no-cache-dir", "--only-binary=:all:"]
        output(f"pip install {asked}", [str(python), "-m", "pip", "install", *options, asked])
        said = json.loads(output("importing torch", [str(python), "-I", "-W", "ignore", "-c", _ASK]))
    return Measured(str(said["version"]), frozenset(said["names"]))


def output(what: str, command: Sequence[str]) -> str:
    """What a command prints. `what`: its name. Raises ToolError with the last line of its complaint."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        complaint = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no message"]
        raise ToolError(f"{what} failed: {complaint[-1].strip()}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours without PYTHONPATH: the new environment sees nothing but itself."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def differences(one: Measured, table: Sequence[Span] = TABLE) -> list[str]:
    """Lines that say what the table has otherwise than this torch; none where it has the same."""
    ours = allowlist.of(one.version, table)
    lines = [] if ours.exact else [f"not in the table; compared with {ours.torch}"]
    lines += [f"torch has, the table has not: {name}" for name in sorted(one.names - ours.names)]
    lines += [f"the table has, torch has not: {name}" for name in sorted(ours.names - one.names)]
    return lines


def updated(found: Iterable[Measured], table: Sequence[Span] = TABLE) -> tuple[Span, ...]:
    """The table with what was found; minor versions that were not asked stay as they are.
    Raises ToolError where it can't hold it: two patch releases that differ, or a pre-release."""
    by_minor: dict[Minor, frozenset[str]] = {}
    for one in found:
        minor = allowlist.release(one.version)
        if minor is None:
            raise ToolError(f"torch {one.version} is not a release: the table holds releases")
        if by_minor.setdefault(minor, one.names) != one.names:
            raise ToolError(f"torch {one.version} differs from another patch release of it: the table holds one list")
    return _spans({**_by_minor(table), **by_minor})


def _by_minor(table: Sequence[Span]) -> dict[Minor, frozenset[str]]:
    return {
        (span.first[0], number): names
        for span, names in allowlist.lists(table)
        for number in range(span.first[1], span.last[1] + 1)
    }


def _spans(by_minor: Mapping[Minor, frozenset[str]]) -> tuple[Span, ...]:
    """One row for minor versions that follow each other and have the same list."""
    spans: list[Span] = []
    before = BASE
    for minor, names in sorted(by_minor.items()):
        if spans and names == before and minor == (spans[-1].last[0], spans[-1].last[1] + 1):
            spans[-1] = Span(spans[-1].first, minor, spans[-1].adds, spans[-1].removes)
        else:
            spans.append(Span(minor, minor, tuple(sorted(names - before)), tuple(sorted(before - names))))
        before = names
    return tuple(spans)


def rows(table: Iterable[Span]) -> str:
    """The table's rows as the file has them."""
    return "".join(_row(span) for span in table)


def _row(span: Span) -> str:
    changes = {word: names for word in ("adds", "removes") if (names := getattr(span, word))}
    begin = f"    Span({span.first}, {span.last}"
    short = begin + "".join(f", {word}={_names(names)}" for word, names in changes.items()) + "),\n"
    if len(short) <= WIDTH + 1:
        return short
    lines = [f"    Span(\n        {span.first}, {span.last},\n"]
    for word, names in changes.items():
        lines += [f"        {word}=(\n", *(f"            {json.dumps(name)},\n" for name in names), "        ),\n"]
    return "".join([*lines, "    ),\n"])


def _names(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(json.dumps, names))}{',' * (len(names) == 1)})"


def rewritten(text: str, table: Iterable[Span]) -> str:
    """The file's text with other rows."""
    return _ROWS.sub(lambda _: rows(table), text, count=1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.allowlist", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"default: {' '.join(VERSIONS)}")
    parser.add_argument("--folder", type=Path, help="where the environments are made (default: the temporary folder)")
    parser.add_argument("--write", action="store_true", help="put what was found into the table")
    asked = parser.parse_args(arguments)
    found: list[Measured] = []
    failed = differs = False
    for wanted in asked.versions or VERSIONS:
        try:
            print(f"torch {wanted}: installing …", flush=True)
            one = measure(wanted, asked.folder)
        except (ToolError, OSError) as error:
            print(f"torch {wanted}: {error}", file=sys.stderr)
            failed = True
            continue
        found.append(one)
        wrong = differences(one)
        differs = differs or bool(wrong)
        print(f"torch {one.version}: {len(one.names)} names, {'DIFFERENT' if wrong else 'as in the table'}")
        print("".join(f"  {line}\n" for line in wrong), end="", flush=True)
    if asked.write and differs:
        try:
            TABLE_FILE.write_text(rewritten(TABLE_FILE.read_text(), updated(found)))
        except ToolError as error:
            print(f"nothing written: {error}", file=sys.stderr)
            return 2
        print(f"{TABLE_FILE}: written")
        differs = False
    return 2 if failed else int(differs)


if __name__ == "__main__":
    sys.exit(main())
