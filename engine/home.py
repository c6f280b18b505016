"""Every path that the program writes: `Home`, the folder of all, and `RunFolder`, that of one run. Nobody else spells a
file's name."""

import errno
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine import private
from engine.errors import PathError, RunError

TRUSTED_CODE = "trusted-code.json"
WEIGHTS = "model_weights.pth"  # in a run's checkpoints; also what an exported script writes
CHECKPOINTS = "checkpoints"  # in a run's folder; also in run.json and in events, before a checkpoint's file


@dataclass(frozen=True)
class Home:
    """The home folder. Its files and folders need not exist."""

    path: Path

    @property
    def runs(self) -> Path:
        """The run folders."""
        return self.path / "runs"

    def run(self, run_id: str) -> "RunFolder":
        return RunFolder(self.runs / run_id)

    @property
    def data(self) -> Path:
        """Data sets that were downloaded, as torchvision lays them out."""
        return self.path / "data"

    @property
    def cache(self) -> Path:
        """What can be computed anew."""
        return self.path / "cache"

    @property
    def trusted(self) -> Path:
        """The SHA-256 of the files that the person trusts."""
        return self.path / "trusted.json"

    @property
    def recent_files(self) -> Path:
        """The paths of the files of weights that were opened last."""
        return self.path / "recent-files.json"

    @property
    def recent_documents(self) -> Path:
        """The paths of the lab's documents that were opened last."""
        return self.path / "recent-documents.json"

    @property
    def documents(self) -> Path:
        """Documents of the lab that the program makes: the person's copy of the course, and a scratch page."""
        return self.path / "documents"

    @property
    def labs(self) -> Path:
        """The lab folders."""
        return self.path / "lab"

    def lab(self, lab_id: str) -> "LabFolder":
        return LabFolder(self.labs / lab_id)

    @property
    def trash(self) -> Path:
        """Deleted runs, until they are gone for good: on the file system of the others, and no run's name."""
        return self.runs / ".trash"

    @property
    def meta_lock(self) -> Path:
        """Held by who changes what is said of a run."""
        return self.path / ".meta.lock"

    @property
    def lab_progress(self) -> Path:
        """Which exercises of the lab's course are done."""
        return self.path / "lab-progress.json"

    @property
    def studies(self) -> Path:
        """The folders of the studies."""
        return self.path / "studies"

    def study(self, name: str) -> "StudyFolder":
        return StudyFolder(self.studies / name)

    @property
    def queue(self) -> Path:
        """Which runs wait their turn."""
        return self.path / "queue" / "queue.json"

    @property
    def queue_lock(self) -> Path:
        """Held by the process that changes the queue."""
        return self.path / "queue" / "change.lock"

    @property
    def scheduler_json(self) -> Path:
        """Which process is the queue's scheduler; not there while there is none."""
        return self.path / "queue" / "scheduler.json"

    @property
    def scheduler_lock(self) -> Path:
        """Held by the scheduler as long as it lives."""
        return self.path / "queue" / "scheduler.lock"

    @property
    def scheduler_log(self) -> Path:
        """What the scheduler has done, and its tracebacks."""
        return self.path / "queue" / "scheduler.log"

    @property
    def worker_log(self) -> Path:
        """Tracebacks of the worker process, and what torch prints there."""
        return self.path / "worker.log"

    @property
    def app_log(self) -> Path:
        """Tracebacks of the app."""
        return self.path / "fmnist-tui.log"


@dataclass(frozen=True)
class HostFolder:
    """The folder of what a host process serves, a run's or a lab's, in a folder of its kind in the home folder."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def home(self) -> Home:
        return Home(self.path.parent.parent)

    @property
    def host_json(self) -> Path:
        """Which process the host is."""
        return self.path / "host.json"

    @property
    def host_log(self) -> Path:
        """The host's standard error, with tracebacks."""
        return self.path / "host.log"

    @property
    def host_lock(self) -> Path:
        """Locked by the one host. Of a run it is written when that is made, and never again."""
        return self.path / "host.lock"

    @property
    def control_socket(self) -> Path:
        return self.path / "control.sock"

    @property
    def events(self) -> Path:
        """The event log: it only grows while a host lives."""
        return self.path / "events.jsonl"


@dataclass(frozen=True)
class RunFolder(HostFolder):
    """The folder of one run, `<home>/runs/<run id>`. `engine.runs.store` reads and writes what is in it."""

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def of_checkpoint(cls, file: Path) -> "RunFolder":
        """The run whose checkpoint the file is, by its place alone."""
        return cls(file.absolute().parent.parent)

    def other(self, run_id: str) -> "RunFolder":
        """Another run of the same home."""
        return self.home.run(run_id)

    @property
    def run_json(self) -> Path:
        """What was asked for, and under what it runs."""
        return self.path / "run.json"

    @property
    def meta_json(self) -> Path:
        """What people say of it afterwards: name, note, tags; not there before they do."""
        return self.path / "meta.json"

    @property
    def state_json(self) -> Path:
        """What the event log was folded to: a cache."""
        return self.path / "state.json"

    @property
    def validation_json(self) -> Path:
        """Which training images are held out for validation; not there where none are."""
        return self.path / "validation.json"

    @property
    def summary_json(self) -> Path:
        """The little of it that a list of runs shows: a cache."""
        return self.path / "summary.json"

    def ready(self, token: str) -> Path:
        """A host's answer to the process that started it and gave it `token`; there for a moment."""
        return self.path / f"ready-{token}.json"

    @property
    def reserve(self) -> Path:
        """Room that a full disk gets back, so that the event log can still say that the disk is full."""
        return self.path / ".reserve"

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    def checkpoint(self, file: str) -> Path:
        """`file`: its name in the manifest."""
        return self.checkpoints / file

    @property
    def manifest(self) -> Path:
        """The list of the checkpoints."""
        return self.checkpoints / "manifest.json"

    @property
    def weights(self) -> Path:
        """The newest checkpoint's weights as a bare state_dict, as the tutorial saves them."""
        return self.checkpoints / WEIGHTS


@dataclass(frozen=True)
class LabFolder(HostFolder):
    """The folder of one lab, `<home>/lab/<lab id>`: of one document, as long as its host lives and after it."""

    @property
    def lab_json(self) -> Path:
        """Which document it is of, and what it was started with."""
        return self.path / "lab.json"

    @property
    def start_lock(self) -> Path:
        """Locked by who starts a host."""
        return self.path / "start.lock"


@dataclass(frozen=True)
class StudyFolder(HostFolder):
    """The folder of one study, `<home>/studies/<name>`: what this home knows of it, and who works on it here."""

    def __str__(self) -> str:
        return str(self.path)

    @property
    def study_json(self) -> Path:
        """What was asked for, and how this home works on it."""
        return self.path / "study.json"

    @property
    def change_lock(self) -> Path:
        """Held by the process that changes study.json."""
        return self.path / "change.lock"

    @property
    def journal(self) -> Path:
        """Optuna's storage, where the study is in no database: it only grows."""
        return self.path / "journal.log"

    @property
    def journal_lock(self) -> Path:
        """Held by the process that appends to the journal."""
        return self.path / "journal.lock"

    @property
    def snapshot(self) -> Path:
        """The trials as its worker last saw them: what screens and commands read."""
        return self.path / "trials.json"


def expanded(path: str | Path) -> Path:
    """The path, with `~` and `~name` at its beginning as that person's home folder; a file that is really called so is
    itself. Raises PathError where no such folder is known."""
    path = Path(path)
    first = path.parts[0] if path.parts else ""
    if not first.startswith("~") or os.path.lexists(first):
        return path
    no_home = first == "~" and os.environ.get("HOME") == ""  # it would be the root of all files
    whole = os.path.expanduser(first)
    if whole == first or no_home:
        whose = "HOME is not set" if first == "~" else f"nobody is called {first[1:]} here"
        raise PathError(f"{path}: no home folder is known for {first} ({whose}); give the whole path")
    return Path(whole, *path.parts[1:])


def resolve(given: str | Path | None = None) -> Path:
    """The home folder: `given` (--home), else $FMNIST_TUI_HOME, else the platform's user data folder. Not created.
    Raises PathError where there is none."""
    if chosen := given or os.environ.get("FMNIST_TUI_HOME"):
        return expanded(chosen).absolute()
    usual = _platform_folder(platformdirs.user_data_dir, "XDG_DATA_HOME")
    if usual is None:
        raise PathError(
            "nowhere to keep runs: HOME is not set, and this user has no home folder; "
            "choose a folder with --home or FMNIST_TUI_HOME"
        )
    return usual


def config_file(given: str | Path | None = None) -> Path | None:
    """The file of the program's own settings: `given` (--config), else $FMNIST_TUI_CONFIG, else config.toml in the
    platform's user config folder. It need not exist. None where no home folder is known. Raises PathError for a `~name`
    that is not known."""
    if chosen := given or os.environ.get("FMNIST_TUI_CONFIG"):
        return expanded(chosen).absolute()
    usual = _platform_folder(platformdirs.user_config_dir, "XDG_CONFIG_HOME")
    return usual / "config.toml" if usual is not None else None


def trusted_code_file() -> Path:
    """The list of the Python files that the person trusts. It is the user's own: in the platform's user config folder,
    whatever home folder or file of settings is chosen; where there is none, or it can't be written, in a folder for
    temporary files. It need not exist."""
    usual = _platform_folder(platformdirs.user_config_dir, "XDG_CONFIG_HOME")
    if usual is None or not ((usual / TRUSTED_CODE).exists() or _can_be_made(usual)):
        usual = Path(tempfile.gettempdir(), f"fmnist-tui-{os.getuid()}")
    return usual / TRUSTED_CODE


def _can_be_made(folder: Path) -> bool:
    """Whether files can be written into the folder, which need not exist."""
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _platform_folder(ask: Callable[[str], str], variable: str) -> Path | None:
    """A folder of the platform's. None where this user has no home folder."""
    try:
        usual = Path(ask("fmnist-tui"))
    except RuntimeError:  # as newer versions of platformdirs say it
        return None
    known = usual.parts[0] != "~" and bool(os.environ.get("HOME", "~") or os.environ.get(variable))
    return usual.absolute() if known else None


def ensure(home: Path) -> Path:
    """Make the folder of the runs (mode 0700) where it is missing. Raises RunError where it can't be written."""
    runs = Home(home).runs
    try:
        private.folder(runs)
    except OSError as error:
        raise RunError(
            f"cannot write to the home folder {home} ({error.strerror}); choose another with --home"
        ) from None
    if not os.access(runs, os.W_OK | os.X_OK):
        code = errno.EROFS if os.statvfs(runs).f_flag & os.ST_RDONLY else errno.EACCES
        raise RunError(f"cannot write to the home folder {home} ({os.strerror(code)}); choose another with --home")
    return runs
