"""A host's files: host.json, with the record of its process, and the lock that one process at a time holds."""

import contextlib
import fcntl
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from engine import atomic, plain_file
from engine.hosting import process
from engine.hosting.process import HostRecord

SKEW_S = 86400.0  # clocks may differ by so much
MOST_BYTES = 64 << 10  # of host.json
HEARTBEAT_S = 30.0  # a host elsewhere that has not touched its host.json for so long counts as dead


def write(path: Path, record: HostRecord) -> None:
    """Write host.json. Raises OSError."""
    atomic.write_text(path, json.dumps({"v": 1, **asdict(record)}, indent=1) + "\n")


def read(path: Path) -> HostRecord | None:
    """The record; None where there is none, or what is there is no such record. Raises OSError where it can't be looked
    at."""
    try:
        return process.from_dict(json.loads(plain_file.read(path, MOST_BYTES).decode("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def lives(path: Path, record: HostRecord | None) -> bool:
    """Whether the process of that host.json lives.

    Of a host on another machine, or in another container (a home that these share), only its heartbeat can be seen.
    """
    if record is None:
        return False
    if process.is_here(record):
        living = process.lives(record)
        if living is not None:
            return living
    try:
        beaten = path.stat().st_mtime
    except OSError:
        return False
    silent = time.time() - beaten
    if HEARTBEAT_S <= abs(silent) < SKEW_S:  # the clock may have been set, or the file server's be another one
        silent = _file_system_time(path.parent) - beaten
    return abs(silent) < HEARTBEAT_S


def beat(path: Path) -> None:
    """The host's sign of life, for other machines."""
    with contextlib.suppress(OSError):
        os.utime(path)


def lock(path: Path, record_path: Path) -> int | None:
    """Be the one host, as long as the process lives or until the descriptor is closed; None where another one is. Where
    the file system has no locks, host.json at `record_path` decides. Raises OSError."""
    descriptor = plain_file.written(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        taken = False
    except BlockingIOError:
        taken = True
    except OSError:  # a file system without locks
        taken = _is_taken(record_path)
    if taken:
        os.close(descriptor)
        return None
    return descriptor


def _is_taken(path: Path) -> bool:
    """Whether host.json names another process that lives. Who starts a host may stand for it until it is there: this
    process, or the one that started it."""
    try:
        record = read(path)
    except OSError:
        return False
    return record is not None and lives(path, record) and not process.is_ours(record)


def _file_system_time(folder: Path) -> float:
    """The time by the clock that stamps the files there, in Unix seconds."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
