"""What a lab was started with, `lab.json`, and the name of its folder."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine import atomic, plain_file, private
from engine.errors import LabError
from engine.home import Home, LabFolder
from engine.lab.document import PYTHON
from engine.lab.durations import IDLE_S
from engine.terminal_text import path_text

VERSION = 1


@dataclass(frozen=True)
class LabRecord:
    """`document`: an absolute path without links. `idle`, `created`: seconds, Unix seconds."""

    document: Path
    kernel: str = PYTHON
    data_dir: Path | None = None
    idle: float = IDLE_S
    created: float = 0.0


def folder_of(home: Path, document: Path) -> LabFolder:
    """The lab folder of a document, which need not be there. Its name has that of the document, and tells it apart from
    others of that name."""
    path = document.resolve()
    name = re.sub(r"[^\w.-]+", "-", path_text(path.stem)).strip(".-")[:40] or "lab"
    digest = hashlib.sha256(bytes(path)).hexdigest()[:8]
    return Home(home).lab(f"{name}-{digest}")


def make(folder: LabFolder) -> None:
    """Make the folder (mode 0700) where it is missing. Raises LabError."""
    try:
        private.folder(folder.path)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def write(folder: LabFolder, record: LabRecord) -> None:
    """Write lab.json. Raises LabError."""
    content = asdict(record) | {
        "document": str(record.document),
        "data_dir": str(record.data_dir) if record.data_dir else None,
    }
    try:
        atomic.write_text(folder.lab_json, json.dumps({"v": VERSION, **content}, indent=1) + "\n")
    except OSError as error:
        raise _cannot_write(folder, error) from None


def read(folder: LabFolder) -> LabRecord:
    """Raises LabError where there is none, or it is not as the program writes it."""
    try:
        content: Any = json.loads(plain_file.read(folder.lab_json).decode("utf-8"))
        data_dir = content["data_dir"]
        return LabRecord(
            document=Path(content["document"]),
            kernel=str(content["kernel"]),
            data_dir=Path(data_dir) if data_dir else None,
            idle=float(content["idle"]),
            created=float(content["created"]),
        )
    except OSError as error:
        raise LabError(f"cannot read {path_text(folder.lab_json)} ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LabError(f"{path_text(folder.lab_json)} is no lab's") from None


def _cannot_write(folder: LabFolder, error: OSError) -> LabError:
    where = path_text(folder.path)
    return LabError(f"cannot write to {where} ({error.strerror}); choose another home folder with --home")
