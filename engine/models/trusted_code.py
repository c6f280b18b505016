"""Which Python files of the person's may run: those that they named themselves, as they were then.

A run's settings name a model's or a transform's file by its path, and a run's folder may come from anybody. So a file
is run only where a list has it with the SHA-256 of its bytes. The list is the user's own, beside the program's settings
and not in a home folder: that one can be copied, shared or unpacked. Imports no torch.

What the file imports, its neighbours and packages, is not looked at. The same list has the commands that a run names
for its end, each with the SHA-256 of its text.
"""

import contextlib
import hashlib
import json
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from engine import atomic, file_lock, plain_file, private
from engine.errors import EngineError, ModelError, PathError
from engine.home import expanded, trusted_code_file

MOST_BYTES = 4 << 20  # of the list
MOST_FILES = 10_000  # in it; the one that was named longest ago goes first
COMMAND = "command: "  # before a command in it, which is no path
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class UntrustedCodeError(EngineError):
    """A Python file that would run, and that the person never named, or not as it is now.

    `file`: its path, absolute, without links. `sha256`: of its bytes as they were read. `changed`: another version of
    it was named.
    """

    def __init__(self, file: Path, sha256: str, *, changed: bool) -> None:
        command = f"fmnist-tui trust {shlex.quote(str(file))}"
        if changed:
            why = f"{file} has changed since you trusted it, and would be executed; if you trust it as it is now"
        else:
            why = f"{file} would be executed, and you have not said that you trust it; if you do"
        super().__init__(f"{why}: {command}")
        self.file, self.sha256, self.changed = file, sha256, changed


class _List(msgspec.Struct):
    """The file. `files`: the SHA-256 of each, by its path; those that were named last stand last."""

    files: dict[
        Annotated[str, Meta(max_length=4096)], Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    ]  # fmt: skip


def real(path: str | Path) -> Path:
    """The path by which a file is known: absolute, without links. Raises PathError for a `~name` that is not known."""
    return Path(os.path.realpath(expanded(path)))


def source(path: str | Path) -> bytes:
    """The bytes of a file that may run: those that were compared with the list, to be compiled as they are.

    Raises UntrustedCodeError where it may not, ModelError where it, or the list, can't be read.
    """
    file = real(path)
    data = _read(file)
    sha256 = hashlib.sha256(data).hexdigest()
    known = files().get(str(file))
    if known != sha256:
        raise UntrustedCodeError(file, sha256, changed=known is not None)
    return data


def trusts(file: Path, sha256: str) -> bool:
    """Whether the list has this version of the file, a path from `real`. Raises ModelError."""
    return files().get(str(file)) == sha256


def trust(path: str | Path) -> str:
    """Let the file run, as it is now. Returns its SHA-256. Raises ModelError where it can't be read, or the list can't
    be written."""
    file = real(path)
    sha256 = hashlib.sha256(_read(file)).hexdigest()
    record(file, sha256)
    return sha256


def record(file: Path, sha256: str) -> None:
    """Let that version of a file run, a path from `real`. Raises ModelError where the list can't be written."""
    if trusts(file, sha256):
        return
    with _changing() as listed:
        listed.pop(str(file), None)
        listed[str(file)] = sha256


def forget(path: str | Path) -> bool:
    """Let the file, or the command as the list names it, run no more. False where the list did not have it. Raises
    ModelError."""
    key = str(path) if str(path).startswith(COMMAND) else str(real(path))
    if key not in files():
        return False
    with _changing() as listed:
        listed.pop(key, None)
    return True


def trust_command(command: str) -> None:
    """Let a command run that a run names (`--notify`): the person has typed it. Raises ModelError where the list can't
    be written."""
    if not trusts_command(command):
        with _changing() as listed:
            listed[f"{COMMAND}{command}"] = _sha256_of(command)


def trusts_command(command: str) -> bool:
    """Whether the person has typed the command. Raises ModelError."""
    return files().get(f"{COMMAND}{command}") == _sha256_of(command)


def _sha256_of(command: str) -> str:
    return hashlib.sha256(command.encode("utf-8", "surrogatepass")).hexdigest()


def files() -> dict[str, str]:
    """The list: SHA-256 by path. Raises ModelError where it can't be read, or another user can write it."""
    path = trusted_code_file()
    try:
        with plain_file.opened(path) as file:
            _refuse_others(path, os.fstat(file.fileno()))
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError("it is too large")
        return msgspec.convert(json.loads(data.decode("utf-8")), _List).files
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"{path}, the list of the files that you trust, can't be read ({error.strerror})") from None
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise ModelError(f"{path} is not a list of files that you trust; delete it, and name the files again") from None


def _refuse_others(path: Path, status: os.stat_result) -> None:
    """What another user may have written says nothing."""
    if status.st_uid != os.geteuid():
        raise ModelError(f"{path}, the list of the files that you trust, belongs to another user; delete it")
    if status.st_mode & WRITABLE_BY_OTHERS or status.st_nlink > 1:
        raise ModelError(
            f"{path}, the list of the files that you trust, can be written by others; look at it, then: "
            f"chmod 600 {shlex.quote(str(path))}, or delete it"
        )


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, str]]:
    """The list, to be changed; written at the end, while no other process changes it. Raises ModelError."""
    path = trusted_code_file()
    try:
        private.folder(path.parent)
        with file_lock.held(path.with_name(f".{path.name}.lock")):
            listed = files()
            yield listed
            for oldest in list(listed)[:-MOST_FILES]:
                del listed[oldest]
            text = json.dumps({"v": 1, "files": listed}, indent=1) + "\n"
            atomic.write_text(path, text)
    except OSError as error:
        raise ModelError(f"{path}, the list of the files that you trust, can't be written ({error.strerror})") from None


def _read(file: Path) -> bytes:
    try:
        return plain_file.read(file)
    except FileNotFoundError:
        raise ModelError(f"no such file: {file}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is none"
        raise ModelError(f"{file} can't be read ({why})") from None


def allows(reference: str) -> bool:
    """Whether what a setting names may run: the Python file of `path/to/file.py:NAME` as it is now. Anything else is no
    file. Raises ModelError where the list can't be read."""
    if not is_file_reference(reference):
        return True
    return any(trusts(file, sha256) for file, sha256 in _named((reference,)))


def untrusted(reference: str) -> UntrustedCodeError | None:
    """What refuses the Python file of `path/to/file.py:NAME`; None where it may run, can't be read, or is no file.
    Raises ModelError where the list can't be read."""
    for file, sha256 in _named((reference,)):
        known = files().get(str(file))
        if known != sha256:
            return UntrustedCodeError(file, sha256, changed=known is not None)
    return None


def name_typed(*references: str | None) -> None:
    """The person has typed these settings: of them, the Python files (`path/to/file.py:NAME`) may run as they are now.
    One that can't be read is left for its use to refuse. Raises ModelError where the list can't be written."""
    for file, sha256 in _named(references):
        record(file, sha256)


def name_remembered(*references: str | None) -> None:
    """The same for settings that the person typed once, into a file of their own: one that is listed with other bytes
    stays as it is listed."""
    for file, sha256 in _named(references):
        if str(file) not in files():
            record(file, sha256)


def _named(references: tuple[str | None, ...]) -> Iterator[tuple[Path, str]]:
    for reference in references:
        reference = (reference or "").strip()
        if not is_file_reference(reference):
            continue
        try:
            file = real(reference.rpartition(":")[0])
            sha256 = hashlib.sha256(_read(file)).hexdigest()
        except (ModelError, PathError):
            continue
        yield file, sha256


def is_file_reference(value: str) -> bool:
    """Whether it has the form path/to/file.py:NAME."""
    path, colon, name = value.rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()
