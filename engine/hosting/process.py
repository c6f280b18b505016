"""Which process is a host: told apart from every other one, whatever is done to the clock or to the machine's name.

A process id is given again after its process has ended, so it counts only together with when the process started. On
Linux that is field 22 of /proc/PID/stat, in clock ticks since the machine's start (proc(5)), which no setting of the
clock moves; the start time that psutil computes from it moves with the clock.
"""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

NAMESPACES = ("pid", "time")  # process ids mean something in one, ticks since the start in the other


@dataclass(frozen=True)
class HostRecord:
    """Which process is the host of a run or a lab: `host.json`."""

    pid: int
    started: float  # Unix seconds, by the clock as it was then
    boot_id: str  # names this start of the machine
    hostname: str
    socket: str  # of commands; empty until the host listens
    ticks: int = 0  # when the process started, in clock ticks since the machine did; 0: not known
    namespaces: str = ""  # names what the process id is of, as a container has its own; empty: not known


def record(pid: int | None = None, socket_path: str = "") -> HostRecord:
    """The record of a process of this machine; None: this one. Raises psutil.Error where there is no such process."""
    process = psutil.Process(pid)
    found = _stat(process.pid)
    return HostRecord(
        pid=process.pid,
        started=process.create_time(),
        boot_id=boot_id(),
        hostname=socket.gethostname(),
        socket=socket_path,
        ticks=found[1] if found else 0,
        namespaces=namespaces(),
    )


def from_dict(values: Any) -> HostRecord:
    """The record that host.json holds. Raises ValueError where it is none."""
    kinds: dict[str, tuple[type, ...]] = {"pid": (int,), "started": (int, float), "ticks": (int,)}
    if not isinstance(values, dict) or values.get("pid", 0) is True:
        raise ValueError("no record of a process")
    found = dict[str, Any]()
    for one in fields(HostRecord):
        value = values.get(one.name, one.default)
        if not isinstance(value, kinds.get(one.name, (str,))):
            raise ValueError(f"no {one.name}")
        found[one.name] = value
    if found["pid"] <= 0:
        raise ValueError("no pid")
    return HostRecord(**found)


def is_ours(one: HostRecord) -> bool:
    """Whether it is this process, or one of those that started it."""
    return is_here(one) and one.pid in (os.getpid(), *(parent.pid for parent in psutil.Process().parents()))


def is_here(one: HostRecord) -> bool:
    """Whether the process is, or was, one of this machine and this container: its id can be looked up here."""
    if one.boot_id == boot_id() and one.namespaces:
        return one.namespaces == namespaces()
    return one.hostname == socket.gethostname()  # an earlier version's record, or one of before this start


def lives(one: HostRecord) -> bool | None:
    """Whether the process, one that `is_here`, lives; None where that can't be seen."""
    if one.boot_id != boot_id():
        return False
    if one.ticks:
        found = _stat(one.pid)
        return _is_hidden(one.pid) if found is None else found[1] == one.ticks and found[0] not in "ZXx"
    try:  # written by an earlier version, or no Linux
        process = psutil.Process(one.pid)
        return abs(process.create_time() - one.started) < 0.5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def boot_id() -> str:
    """Names this start of the machine: a process id means something only within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _other_boot_id()


def namespaces() -> str:
    """Names the namespaces that this process is in: `pid:[4026531836] time:[4026531834]`."""
    found = []
    for name in NAMESPACES:
        try:
            found.append(os.readlink(f"/proc/self/ns/{name}"))
        except OSError:
            continue
    return " ".join(found)


@lru_cache(maxsize=1)
def _other_boot_id() -> str:
    """Where Linux's is missing. Of macOS the session's UUID: its time of the start moves with the clock."""
    if sys.platform.startswith("linux"):
        return "unknown"  # the ticks since the start have to do
    try:
        command = ["sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, check=True, timeout=10).stdout.decode("ascii").strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return str(round(psutil.boot_time()))


def _stat(pid: int) -> tuple[str, int] | None:
    """The state and the start of a process, fields 3 and 22 of /proc/PID/stat; None where there is none."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        )  # a name may hold spaces and brackets
        return fields[0].decode("ascii"), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def _is_hidden(pid: int) -> bool | None:
    """None where somebody else's process has that id and /proc does not show it (hidepid); else False."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return None
    except (OSError, OverflowError):
        pass
    return False
