"""The labs that live in a home folder, and one of them by its name."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.errors import LabError
from engine.home import Home, LabFolder
from engine.hosting import process, record_file
from engine.lab import record
from engine.lab.client import LabClient
from engine.terminal_text import path_text

ANSWERS_S = 3.0  # that a host may take to be listed with what it does


@dataclass(frozen=True)
class LabSummary:
    """A lab that lives. `since`, `used`: Unix seconds."""

    id: str  # the name of its folder
    document: str
    kernel: str
    phase: str  # of its kernel: starting, idle, busy, died, or "no answer" of a host that gives none
    since: float  # it has been in that phase
    used: float  # something was run or asked last
    memory: int | None  # bytes of the kernel's; None: not known
    kernel_pid: int  # 0: there is none
    host_pid: int
    hostname: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def living(home: Path) -> list[LabSummary]:
    """Those whose host lives, the one that was used last first."""
    try:
        folders = [LabFolder(path) for path in Home(home).labs.iterdir()]
    except OSError:
        return []
    found = [one for folder in folders if (one := _summary(folder)) is not None]
    return sorted(found, key=lambda lab: (-lab.used, lab.id))


def find(home: Path, text: str) -> LabSummary | None:
    """The lab that lives of a document's file, or whose id, or its beginning, or whose document's name is `text`; None
    where there is none. Raises LabError where there are several."""
    labs = living(home)
    folder = record.folder_of(home, Path(text))
    ways: tuple[Callable[[LabSummary], bool], ...] = (
        lambda lab: lab.id in (folder.id, text),
        lambda lab: text in (Path(lab.document).name, Path(lab.document).stem),
        lambda lab: lab.id.startswith(text),
    )
    for is_it in ways if text else ():
        matching = [lab for lab in labs if is_it(lab)]
        if len(matching) > 1:
            ids = ", ".join(lab.id for lab in matching)
            raise LabError(f"{path_text(text)} is the name of {len(matching)} labs: {ids}; give one of these")
        if matching:
            return matching[0]
    return None


def stop(home: Path, lab: LabSummary) -> None:
    """End its kernel and its host, and wait until they have. Raises LabError."""
    folder = Home(home).lab(lab.id)
    host = record_file.read(folder.host_json)
    if host is not None and not process.is_here(host):
        raise LabError(f"{lab.id} lives on {lab.hostname}; stop it there")
    LabClient(folder).shut_down()


def _summary(folder: LabFolder) -> LabSummary | None:
    try:
        host = record_file.read(folder.host_json)
        if host is None or not record_file.lives(folder.host_json, host):
            return None
        given = record.read(folder)
    except (OSError, LabError):
        return None
    phase, since, used, kernel_pid = "no answer", host.started, host.started, 0
    if process.is_here(host):
        with contextlib.suppress(LabError):
            status = LabClient(folder).status(ANSWERS_S)
            phase = "idle" if status.phase == "ready" else status.phase
            since, used, kernel_pid = status.since, status.used, status.kernel_pid
    return LabSummary(
        id=folder.id, document=path_text(given.document), kernel=given.kernel, phase=phase, since=since, used=used,
        memory=_memory(kernel_pid), kernel_pid=kernel_pid, host_pid=host.pid, hostname=host.hostname,
    )  # fmt: skip


def _memory(pid: int) -> int | None:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    return None
