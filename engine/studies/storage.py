"""Where a study lies: Optuna's journal in its folder, or a database that several machines reach. Imports no torch."""

import contextlib
import fcntl
import os
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.errors import RunError
from engine.home import StudyFolder
from engine.studies.study_file import Record, shown_storage
from engine.terminal_text import printable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

GRACE = 4  # signs of life that may be missing before a worker counts as lost
CONNECT_S = 10  # that a database is waited for
# The drivers that pyproject.toml's extras install, for URLs that name none.
DRIVERS = {"postgresql": "psycopg", "postgres": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
PACKAGES = {"psycopg": "'psycopg[binary]'", "pymysql": "pymysql"}  # by driver
URL = re.compile(r"(?P<kind>[a-z]+)(?P<driver>\+[a-z0-9_]+)?://(?P<rest>.*)", re.DOTALL)


class LostTrialError(RunError):
    """The trial is over: others have told its end, as this worker had not said for too long that it works on it."""


class StorageError(RunError):
    """The storage can't be reached, or can't be understood."""


def opened(folder: StudyFolder, record: Record) -> "BaseStorage":
    """The storage, made where it is not there. Raises StorageError."""
    quiet()
    with told(record):
        if not record.storage:
            return _journal(folder)
        return of_database(record)


def quiet() -> None:
    """Let Optuna say nothing by itself: what it warns of, this program does on purpose."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"optuna(\.|$)")


def check_url(url: str) -> None:
    """Raises RunError for what is no database's URL."""
    found = URL.fullmatch(url)
    if found is not None and found["kind"] == "sqlite":  # it locks no rows: two workers may take the same trial
        raise RunError("--storage: SQLite can't be shared by several workers; leave --storage out for a file here")
    if found is None or found["kind"] not in DRIVERS:
        what = "a database's URL, such as postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
        raise RunError(f"--storage: {shown_storage(url)!r} is not {what}")


def with_driver(url: str) -> str:
    """The URL with the driver that the program installs, where it names none."""
    found = URL.fullmatch(url)
    if found is None or found["driver"] or found["kind"] not in DRIVERS:
        return url
    kind = {"postgres": "postgresql"}.get(found["kind"], found["kind"])
    return f"{kind}+{DRIVERS[found['kind']]}://{found['rest']}"


@contextlib.contextmanager
def told(record: Record) -> Iterator[None]:
    """What the storage raises becomes a StorageError with a line."""
    from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except UpdateFinishedTrialError as error:
        raise LostTrialError("the trial is over: others have told its end") from error
    except (StorageInternalError, SQLAlchemyError, OSError, ImportError, ValueError) as error:
        raise StorageError(f"{_where(record)} can't be used ({_words(record, error)})") from error


def _where(record: Record) -> str:
    if not record.storage:
        return f"the journal of the study {record.name}"
    return f"the study's storage {shown_storage(record.storage)}"


def _words(record: Record, error: Exception) -> str:
    if isinstance(error, ImportError):
        found = URL.fullmatch(with_driver(record.storage))
        package = PACKAGES.get((found["driver"] or "")[1:] if found else "", "")
        return f"its driver is missing: pip install {package}" if package else printable(str(error), 200)
    cause: BaseException = error
    while cause.__cause__ is not None and cause.__cause__ is not cause:
        cause = cause.__cause__
    lines = [line.strip() for line in str(getattr(cause, "orig", None) or cause).splitlines() if line.strip()]
    text = lines[0] if lines else type(cause).__name__
    if password := re.search(r"//[^:/@]*:([^@]*)@", record.storage):
        text = text.replace(password[1], "***") if password[1] else text
    return printable(text, 200)


class _Lock:
    """A lock that goes with the process that holds it: nobody waits for one that was killed."""

    def __init__(self, folder: StudyFolder) -> None:
        self._path = folder.journal_lock
        self._descriptor = -1

    def acquire(self) -> bool:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        os.close(self._descriptor)


def _journal(folder: StudyFolder) -> "BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    lock = _Lock(folder)
    lock.acquire()
    try:
        _mend(folder)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(os.fspath(folder.journal), lock_obj=lock))  # type: ignore[arg-type]


def _mend(folder: StudyFolder) -> None:
    """Take away what a killed process has written of a line: Optuna would not read on past it."""
    descriptor = os.open(folder.journal, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        at = end
        while at:
            start = max(0, at - (1 << 16))
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            at = start + found + 1 if found >= 0 else start
            if found >= 0:
                break
        if at < end:
            file.truncate(at)


def of_database(record: Record) -> "BaseStorage":
    """The storage of a study that lies in a database, whose tables are made where they are not there."""
    from optuna.storages import RDBStorage

    url = with_driver(record.storage)
    wait: dict[str, Any] = {"timeout": 60} if url.startswith("sqlite") else {"connect_timeout": CONNECT_S}
    beat = record.definition.heartbeat_s
    return RDBStorage(
        url,
        engine_kwargs={"pool_pre_ping": True, "connect_args": wait},
        heartbeat_interval=beat,
        grace_period=GRACE * beat,
    )
