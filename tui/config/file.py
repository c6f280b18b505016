"""config.toml: reading it, whatever it may be, and changing a value in it without touching the rest."""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine import atomic, private
from engine.errors import EngineError
from engine.terminal_text import printable
from tui.config.preference import TomlValue

MOST = 100_000  # bytes of a file that is read: such a one takes some 40 ms
LOCK_S = 2.0  # that a change waits for another app's
FIRST_LINES = "# Settings of fmnist-tui: docs/config.md explains them, `fmnist-tui config` shows them.\n"
KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
PATH = rf"{KEY}(?:\s*\.\s*{KEY})*"
TABLE = re.compile(rf"\s*\[\s*({PATH})\s*\]")
VALUE = re.compile(rf"\s*({PATH})\s*=")


class NotKeptError(EngineError):
    """What was chosen could not be written."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    what: str
    line: int | None = None
    variable: str = ""  # of the environment; empty: in the file

    def words(self, file: Path | str) -> str:
        """In one line. `file`: what to call the file."""
        return printable(f"{self.variable or file}{f', line {self.line}' if self.line else ''}: {self.what}")


@dataclass(frozen=True)
class Contents:
    """What is in the file. Without a problem it was read, or is not there."""

    values: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    problem: Problem | None = None
    exists: bool = False

    def line_of(self, *names: str) -> int | None:
        """The line in which a table begins, or a value stands."""
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if match := TABLE.match(line):
                table = _names(match[1])
                here = table
            elif match := VALUE.match(line):
                here = (*table, *_names(match[1]))
            else:
                continue
            if here[: len(names)] == names:
                return number
        return None


def _names(path: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(KEY, path))


def read(path: Path) -> Contents:
    """What is in the file. Raises nothing: what keeps it from being read is the answer's problem."""
    try:
        data = _bytes(path)
    except FileNotFoundError:
        return Contents()
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        return Contents(problem=Problem(f"it can't be read ({what}); the defaults hold"), exists=True)
    try:
        return _parsed(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Contents(problem=Problem("it is not UTF-8; save it as UTF-8. The defaults hold", line), exists=True)


def _bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not hold up the start
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is not a file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MOST + 1)
    finally:
        os.close(descriptor)
    if len(data) > MOST:
        raise ValueError(f"it is larger than {MOST // 1000} kB")
    return data


def _parsed(text: str) -> Contents:
    import tomllib  # some ms, where there is a file

    try:
        return Contents(tomllib.loads(text), text, exists=True)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        found = re.search(r"line (\d+)", place)
        line = int(found[1]) if found else max(1, len(text.splitlines()))
        if "\0" in text:
            what, line = "a NUL byte", text.count("\n", 0, text.index("\0")) + 1
        problem = Problem(f"it is not TOML ({what[:1].lower()}{what[1:]}); mend it. The defaults hold", line)
        return Contents(text=text, problem=problem, exists=True)
    except ValueError:
        return Contents(
            text=text, problem=Problem("a number in it has thousands of digits; the defaults hold"), exists=True
        )
    except RecursionError:
        return Contents(text=text, problem=Problem("it is nested too deep; the defaults hold"), exists=True)


def change(path: Path, changes: Mapping[str, TomlValue]) -> None:
    """Set values, by their dotted names; comments, order and everything else stay. Makes the file and its folder where
    they are missing. Another app's changes at the same time are kept. Raises NotKeptError."""
    target = Path(os.path.realpath(path))  # the file that a link points to, not the link
    try:
        private.folder(target.parent)
        with _locked(target.parent):
            contents = read(target)
            if contents.problem is not None:
                raise NotKeptError(f"what you choose is not kept: {contents.problem.words(path)}")
            if text := _changed(path, contents, changes):
                with atomic.whole(target) as beside:
                    beside.write_text(text, encoding="utf-8")
                    if contents.exists:
                        shutil.copymode(target, beside)
    except OSError as error:
        raise NotKeptError(f"what you choose is not kept: {path} can't be written ({error.strerror})") from None


def _changed(path: Path, contents: Contents, changes: Mapping[str, TomlValue]) -> str:
    """The file's new text; empty: it says all that already."""
    import tomllib

    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    refused = NotKeptError(f"what you choose is not kept: {path} can't be changed; write {', '.join(changes)} there")
    expected = tomllib.loads(contents.text)
    try:
        document = tomlkit.parse(contents.text or FIRST_LINES)
        for name, value in changes.items():
            *tables, key = name.split(".")
            inside, plain = document, expected
            for table in tables:
                inside = inside.setdefault(table, tomlkit.table())
                plain = plain.setdefault(table, {})
            inside[key] = list(value) if isinstance(value, tuple) else value
            plain[key] = list(value) if isinstance(value, tuple) else value
        text = tomlkit.dumps(document)
        written = tomllib.loads(text)
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, AttributeError):  # a value where a table should be
        raise refused from None
    if written != expected:
        raise refused
    return "" if contents.exists and text == contents.text else text


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Within it, no other app changes a file in the folder. Where there are no locks, or another holds it for long, it
    goes on without: a change may be lost then, the file never."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + LOCK_S
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:
                break
            else:
                break
        yield
    finally:
        os.close(descriptor)
