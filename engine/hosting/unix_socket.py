"""A host's Unix socket: of mode 0600, in a folder that is its owner's alone."""

import contextlib
import errno
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

LONGEST_PATH = 100  # bytes; the kernel takes 107 of a Unix socket's path
OTHER_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # where the folder for temporary files won't do
PREFIX = "fmnist-tui-"  # of a folder that is made for a socket


class PrivateSocket:
    """A socket that is bound at `path`: the one that is asked for, or, where that is too long or its file system knows
    no sockets, one of that name in a new folder for temporary files."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where it can be nowhere; nothing is left then."""
        self.path = path
        self._own_folder: Path | None = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind_somewhere()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close it, and remove it from its folder."""
        self.socket.close()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _bind_somewhere(self) -> None:
        with contextlib.suppress(OSError):
            self._bind()
            return
        *places, last = [tempfile.gettempdir(), *filter(os.path.isdir, OTHER_PLACES)]
        for place in places:
            with contextlib.suppress(OSError):
                self._bind_in_own_folder(place)
                return
        self._bind_in_own_folder(last)

    def _bind_in_own_folder(self, place: str) -> None:
        self._own_folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        self.path = self._own_folder / self.path.name
        try:
            self._bind()
        except OSError:
            self._remove()
            raise

    def _bind(self) -> None:
        if len(os.fsencode(self.path)) > LONGEST_PATH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()  # left by a host that was killed
        before = os.umask(0o177)
        try:
            self.socket.bind(os.fspath(self.path))
        finally:
            os.umask(before)


def remove_left(path: str) -> None:
    """Remove the folder that was made for a socket whose host was killed. The path may come from anybody: only a
    socket goes, and a folder of ours in a place for temporary files."""
    own = Path(path).parent
    places = {os.path.realpath(place) for place in (tempfile.gettempdir(), *OTHER_PLACES)}
    with contextlib.suppress(OSError, ValueError):
        if path and own.name.startswith(PREFIX) and os.path.realpath(own.parent) in places:
            if os.path.lexists(path) and stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
            own.rmdir()
