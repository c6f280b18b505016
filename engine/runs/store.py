"""Run folders: making, finding and listing them, and telling whether their host lives. Imports no torch."""

import contextlib
import json
import secrets
import socket
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from engine import atomic
from engine.errors import RunError
from engine.home import ensure
from engine.runs.log import FILE as EVENTS
from engine.runs.state import Fold, RunState
from engine.training.events import decode

RUN = "run.json"
HOST = "host.json"
LOG = "host.log"


@dataclass(frozen=True)
class HostRecord:
    """Who trains a run: `host.json`. Alive only while pid, start time and boot id all match."""

    pid: int
    started: float  # Unix seconds, as the kernel tells for the process
    boot_id: str
    hostname: str
    socket: str  # empty until the host listens


@dataclass(frozen=True)
class RunSummary:
    """One line of *Runs* and of `fmnist-tui runs`."""

    id: str
    name: str
    state: str  # training, paused, finished, stopped, failed, or ended: its host is gone without having said so
    model: str
    dataset: str  # title
    demo: bool
    epoch: int
    epochs: int
    accuracy: float | None  # of the last epoch, fraction of 1
    best_accuracy: float | None
    started: float  # Unix seconds
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"folder": str(self.folder)}


def create(home: Path, request: dict[str, Any]) -> Path:
    """A new run folder (mode 0700) with its run.json. Raises RunError where the home can't be written."""
    runs = ensure(home)
    now = time.time()
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"
    folder = runs / run_id
    try:
        folder.mkdir(mode=0o700)
        write_run(folder, {"v": 1, "id": run_id, "created": round(now, 3), **request})
        write_host(folder, socket_path="")  # until its host is there, the one who starts it stands for it
    except OSError as error:
        raise RunError(f"cannot write to the home folder {home} ({error.strerror})") from None
    return folder


def write_run(folder: Path, content: dict[str, Any]) -> None:
    atomic.write_text(folder / RUN, json.dumps(content, indent=1) + "\n")


def read_run(folder: Path) -> dict[str, Any]:
    """run.json. Raises RunError where it is missing or is no JSON."""
    try:
        content: dict[str, Any] = json.loads((folder / RUN).read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / RUN} can't be read ({error}); is this a run folder?") from None
    return content


def write_host(folder: Path, socket_path: str, pid: int | None = None) -> None:
    """Record process `pid` (default: this one) as the run's host."""
    process = psutil.Process(pid)
    record = HostRecord(process.pid, process.create_time(), _boot_id(), socket.gethostname(), socket_path)
    atomic.write_text(folder / HOST, json.dumps({"v": 1, **asdict(record)}, indent=1) + "\n")


def read_host(folder: Path) -> HostRecord | None:
    """host.json; None where there is none or it can't be read."""
    try:
        content = json.loads((folder / HOST).read_text())
        return HostRecord(**{name: content[name] for name in HostRecord.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def alive(folder: Path) -> bool:
    """Whether the run's host process lives: its pid, its start time and this boot of the machine all match."""
    record = read_host(folder)
    if record is None or record.boot_id != _boot_id():
        return False
    try:
        process = psutil.Process(record.pid)
        return abs(process.create_time() - record.started) < 0.5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def state_of(run: RunState, living: bool) -> str:
    """training, paused, finished, stopped, failed or ended: what the events tell, and whether the host lives."""
    if run.done:
        return run.status
    if not living:
        return "ended"
    return "paused" if run.status == "paused" else "training"


def run_folders(home: Path) -> list[Path]:
    """All run folders, newest first."""
    try:
        found = [path for path in (home / "runs").iterdir() if (path / RUN).is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.name, reverse=True)


def find(home: Path, text: str) -> Path:
    """The run whose id begins with `text`, or whose name is `text`; `last` is the newest.

    Raises RunError where there is none, or several.
    """
    folders = run_folders(home)
    if not folders:
        raise RunError(f"there are no runs in {home / 'runs'}; start one with: fmnist-tui train")
    if text == "last":
        return folders[0]
    matching = [folder for folder in folders if folder.name == text]
    matching = matching or [folder for folder in folders if folder.name.startswith(text)]
    matching = matching or [folder for folder in folders if _name(folder) == text]
    if not matching or not text:
        raise RunError(f"no run {text!r} in {home / 'runs'}; see them with: fmnist-tui runs")
    if len(matching) > 1:
        ids = ", ".join(folder.name for folder in matching[:4]) + (", …" if len(matching) > 4 else "")
        raise RunError(f"{text!r} fits {len(matching)} runs: {ids}; give more of the id")
    return matching[0]


class QuickReader:
    """A run's state without its curve. Decodes of the progress events only the newest, and reads on from where it read
    to: looking again at the run of a whole day costs what the day has added since.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._fold = Fold()
        self._offset = 0

    def read(self) -> RunState:
        """The state as of now."""
        newest_progress = b""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):  # half-written: next time
                        break
                    self._offset += len(line)
                    if b'"kind": "progress"' in line:
                        newest_progress = line
                    elif not any(kind in line for kind in (b'"kind": "batch_loss"', b'"kind": "readings"')):
                        self._add(newest_progress)
                        self._add(line)
                        newest_progress = b""
        except OSError:
            pass
        self._add(newest_progress)
        return self._fold.snapshot()

    def _add(self, line: bytes) -> None:
        if line and (event := decode(line)) is not None:
            self._fold.add(event)


def quick_state(folder: Path) -> RunState:
    """`QuickReader`'s state of a run, read once."""
    return QuickReader(folder).read()


def summary(folder: Path, reader: QuickReader | None = None) -> RunSummary:
    """One run; `reader` has read of its log before. Raises RunError where its run.json can't be read."""
    request = read_run(folder)
    living = alive(folder)  # before the log: what a host wrote before it died is read before it is called dead
    run = (reader or QuickReader(folder)).read()
    config = run.config or request.get("config", {})
    return RunSummary(
        id=folder.name,
        name=str(request.get("name", "")),
        state=state_of(run, living),
        model=str(config.get("model", "")),
        dataset=str(run.dataset.get("title", config.get("dataset", ""))),
        demo=bool(run.dataset.get("demo", False)),
        epoch=run.epoch,
        epochs=run.epochs or int(config.get("epochs", 0)),
        accuracy=run.tests[-1].accuracy if run.tests else None,
        best_accuracy=run.best.accuracy if run.best else None,
        started=run.started or float(request.get("created", 0.0)),
        folder=folder,
    )


class Listing:
    """All runs, looked at again and again; from any thread, one at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._readers: dict[Path, QuickReader] = {}
        self._lock = threading.Lock()

    def look(self) -> list[RunSummary]:
        """The runs as of now, newest first; a folder that can't be read is left out."""
        found = []
        with self._lock:
            folders = run_folders(self._home)
            self._readers = {folder: self._readers.get(folder) or QuickReader(folder) for folder in folders}
            for folder, reader in self._readers.items():
                with contextlib.suppress(RunError):
                    found.append(summary(folder, reader))
        return found


def list_runs(home: Path) -> list[RunSummary]:
    """All runs, newest first, looked at once."""
    return Listing(home).look()


def _name(folder: Path) -> str:
    try:
        return str(read_run(folder).get("name", ""))
    except RunError:
        return ""


def _boot_id() -> str:
    """Names this boot of the machine: a process id means something only within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(round(psutil.boot_time()))
