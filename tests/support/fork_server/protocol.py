"""What the fork server and one that starts a process say to each other: over a Unix socket, a connection for each
process.

A request is one message of JSON behind its length, with the three files of the standard streams. The answers are lines:
the process's id, and, once it has ended, its status as of waitpid(2). The process stays a zombie until the asker hangs
up, so that its id can't be another's meanwhile.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import termios
from dataclasses import asdict, dataclass
from typing import Any

ADDRESS = "FMNIST_TUI_TESTS_FORK_SERVER"  # in the environment: the server's socket
HEAD = struct.Struct("!I")
STREAMS = 3
# What an interpreter, or a library while it is imported, reads: where one of these differs, so would the process.
READ_AT_START = (
    "PYTHON", "LC_", "LANG", "LD_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "TORCH", "PYTORCH_", "CUDA_",
    "HOME", "USER", "LOGNAME", "JUPYTER", "IPYTHON", "MALLOC_", "GLIBC_", "ATEN_", "NUMEXPR_", "NUMPY_", "NPY_",
)  # fmt: skip
# But not these: how threads wait for each other, of which there is one, as the server is started with
# OMP_NUM_THREADS=1; what torchrun tells its processes; and where torch._inductor, which sets it when it is imported,
# keeps what it compiles.
READ_LATER = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "TORCHELASTIC_", "TORCH_NCCL_", "TORCHINDUCTOR_CACHE_DIR")
ONE_THREAD = "OMP_NUM_THREADS"
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


@dataclass(frozen=True)
class Order:
    """A Python process: its program, and what it has from the one that starts it."""

    module: str  # of `-m`; empty: `script`
    script: str
    arguments: list[str]  # behind the program
    command: list[str]  # the whole
    first: str | None  # on its sys.path
    unbuffered: bool
    environment: dict[str, str]
    cwd: str
    umask: int
    niceness: int
    limits: dict[int, tuple[int, int]]  # by the resource's number: soft, hard
    ignored: list[int]  # signals
    asker: int  # process id
    new_session: bool
    terminal: bool  # its standard input is its controlling one
    surroundings: dict[str, Any]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> "Order":
        values = json.loads(text)
        values["limits"] = {int(number): tuple(pair) for number, pair in values["limits"].items()}
        return Order(**values)


@dataclass(frozen=True)
class OnTerminal:
    """As the `preexec_fn` of a process in a new session: its standard input becomes its controlling terminal. `nohup`:
    it ignores SIGHUP."""

    nohup: bool = False

    @classmethod
    def of(cls, begins: object) -> "OnTerminal | None":
        """The same of what may be another module's: a pytest-xdist worker has this one under two names. None: it is
        something else."""
        same = (type(begins).__qualname__, type(begins).__doc__) == (cls.__qualname__, cls.__doc__)
        return cls(bool(getattr(begins, "nohup", False))) if same else None

    def __call__(self) -> None:
        control_by_stdin()
        signal.signal(signal.SIGHUP, signal.SIG_IGN if self.nohup else signal.SIG_DFL)


def control_by_stdin() -> None:
    """Raises OSError."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def surroundings(environment: dict[str, str], *, session: bool = True) -> dict[str, Any]:
    """What a forked process has from the server whatever is asked for: it has to be the asker's too. Of that the
    `session`, unless it gets a new one."""
    found: dict[str, Any] = {
        "environment": {
            name: value
            for name, value in environment.items()
            if name.startswith(READ_AT_START) and not name.startswith(READ_LATER)
        },
        "user": [*os.getresuid(), *os.getresgid(), *sorted(os.getgroups())],
        "root": os.stat("/").st_ino,
    }
    for name in NAMESPACES:
        try:
            found[name] = os.readlink(f"/proc/self/ns/{name}")
        except OSError:
            found[name] = ""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Cpus_allowed")
        found["status"] = [line.strip() for line in file if line.partition(":")[0] in names]
    found["cpus"] = sorted(os.sched_getaffinity(0))
    if session:
        found["session"] = [os.getsid(0), os.getpgid(0)]
    return found


def send(connection: socket.socket, message: bytes, files: list[int]) -> None:
    """Raises OSError."""
    socket.send_fds(connection, [HEAD.pack(len(message))], files)
    connection.sendall(message)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The message and its files. Raises EOFError, OSError."""
    head, files, _, _ = socket.recv_fds(connection, HEAD.size, STREAMS)
    while len(head) < HEAD.size:
        head += _more(connection, HEAD.size - len(head))
    (size,) = HEAD.unpack(head)
    parts = b""
    while len(parts) < size:
        parts += _more(connection, size - len(parts))
    return parts, files


def line(connection: socket.socket, *, wait: bool = True) -> str | None:
    """The next line, without its end; None where none has come. Raises EOFError, OSError."""
    try:
        text = connection.recv(64, socket.MSG_PEEK | (0 if wait else socket.MSG_DONTWAIT))
    except BlockingIOError:
        return None
    if not text:
        raise EOFError
    end = text.index(b"\n")  # lines are short, and each is sent at once
    return connection.recv(end + 1).decode().strip()


def _more(connection: socket.socket, count: int) -> bytes:
    part = connection.recv(count)
    if not part:
        raise EOFError
    return part
