"""A PostgreSQL of a test's own: on loopback, in a folder for temporary files, ended with the test."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PLACES = "/usr/lib/postgresql/*/bin"  # Debian's
NOT_ROOT = ("postgres", "nobody")  # PostgreSQL refuses to be root's


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Its URL. Skips the test where there is no PostgreSQL, or it can't be started."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = next((name for name in NOT_ROOT if _known(name)), None) if os.geteuid() == 0 else None
    if os.geteuid() == 0:
        if user is None:
            pytest.skip("no user for PostgreSQL, which refuses to be root's")
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data, port = folder / "data", _free_port()
    try:
        _call([programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8"], user)
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        _call([programs / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log", "-o", options, "start"], user)
        try:
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            _call([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    for folder in sorted(map(str, Path("/").glob(PLACES[1:])), reverse=True):
        if (Path(folder) / "initdb").exists():
            return Path(folder)
    found = shutil.which("initdb")
    if found is None:
        pytest.skip("needs a PostgreSQL (initdb, pg_ctl)")
    return Path(os.path.realpath(found)).parent


def _call(command: list[object], user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, user=user, cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"PostgreSQL can't be had here: {done.stderr.decode(errors='replace').strip()[:300]}")


def _known(user: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
