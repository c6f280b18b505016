"""The process of a kernel and its folder of sockets, the same for `lab run` and for a lab's host."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from engine.errors import LabError
from engine.hosting import process, record_file
from engine.lab.document import PYTHON
from engine.lab.last_output import LastOutput
from engine.terminal_text import printable

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

READY_S = 60.0  # that a kernel may take to start
OBEYS_S = 5.0  # that a cell may take to end when it is interrupted; then the kernel is killed
MAIN = Path(__file__).with_name("kernel_main.py")
INLINE = "module://matplotlib_inline.backend_inline"
NO_HISTORY = "--HistoryManager.enabled=False"
PREFIX = "fmnist-lab-"
OWNER = "owner.json"  # the process that started the kernel
UNOWNED_S = 3600.0  # after which a folder without it is one whose process was killed while it made it


class KernelFolder:
    """A kernel's sockets and its standard error, in a new folder for temporary files, of mode 0700: short, as a
    socket's path is."""

    def __init__(self) -> None:
        clear_left()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.last_output = LastOutput(self.path)
        with contextlib.suppress(OSError, psutil.Error):
            record_file.write(self.path / OWNER, process.record())

    @property
    def connection_file(self) -> Path:
        return self.path / "kernel.json"

    @property
    def sockets(self) -> Path:
        """What their names begin with."""
        return self.path / "k"

    @property
    def _stderr(self) -> Path:
        return self.path / "stderr"

    @contextlib.contextmanager
    def launch(
        self, manager: "KernelManager", name: str, cwd: Path, env: Mapping[str, str] | None
    ) -> Iterator[dict[str, Any]]:
        """The arguments of the manager's `start_kernel`. Raises NoSuchKernel."""
        spec = manager.kernel_spec
        assert spec is not None
        python = any("ipykernel" in part for part in spec.argv)
        if name == PYTHON:
            spec.argv = [sys.executable, str(MAIN), "-f", "{connection_file}"]
        with open(self._stderr, "wb") as stderr:
            yield {
                "cwd": str(cwd),
                "env": {**os.environ, "MPLBACKEND": INLINE, **(env or {})},
                "extra_arguments": [NO_HISTORY] if python else [],
                "stdout": subprocess.DEVNULL,
                "stderr": stderr,
            }

    def not_started(self, name: str, error: Exception) -> LabError:
        """Why the kernel did not start: what it said last, else the error."""
        said = ""
        with contextlib.suppress(OSError):
            lines = self._stderr.read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
            said = printable(next((line.strip() for line in reversed(lines) if line.strip()), ""), 200)
        return LabError(f"the kernel {printable(name)!r} did not start: {said or printable(str(error))}")

    def remove(self) -> None:
        self.last_output.close()
        shutil.rmtree(self.path, ignore_errors=True)


def no_such_kernel(name: str) -> LabError:
    return LabError(f"there is no kernel {printable(name)!r}; there are {', '.join(kernels())}")


def kernels() -> list[str]:
    """The names of the kernels of this machine."""
    from jupyter_client.kernelspec import KernelSpecManager

    return sorted(KernelSpecManager().find_kernel_specs())


def clear_left() -> None:
    """Remove the folders whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    owner = record_file.read(folder / OWNER)
    if owner is None:
        return time.time() - folder.stat().st_mtime > UNOWNED_S
    return process.is_here(owner) and process.lives(owner) is False


def exit_code(manager: "KernelManager") -> int | None:
    """Of a kernel that has ended; negative: the signal that ended it. None where it is not known."""
    with contextlib.suppress(AttributeError):
        code: int | None = manager.provisioner.process.poll()  # type: ignore[union-attr]
        return code
    return None


def why_ended(code: int | None) -> str:
    """Of a kernel that ended by itself, in one line."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        memory = "; the machine may have run out of memory" if -code == signal.SIGKILL else ""
        return f"the kernel was ended by {name}{memory}"
    return f"the kernel ended by itself{'' if code is None else f' with exit code {code}'}"
