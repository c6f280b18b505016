"""What of a home's runs may have changed since a look at it: the names of their folders, the files of each. Imports no
torch."""

import time
from pathlib import Path

from engine.home import Home, RunFolder
from engine.runs import store
from engine.runs.unreadable import UnreadableError

RELIST = 30  # looks after which the names are listed in any case
SETTLED_NS = 2 * 10**9
META = 3  # the place of meta.json among a run's stamps


class Names:
    """What may be a run in a home. A folder of thousands of names is listed again only where it has changed."""

    def __init__(self, home: Path) -> None:
        self.folders: list[RunFolder] = []  # newest first
        self.unreadable: list[UnreadableError] = []
        self._home = home
        self._stamp: tuple[int, int] | None = None
        self._looks = 0

    def changed(self) -> bool:
        """List the names again, if they may have changed. Returns whether that was done."""
        self._looks += 1
        stamp = self._stamped()
        if stamp is not None and stamp == self._stamp and self._looks % RELIST:
            return False
        scanned = store.candidates(self._home)
        self.folders, self.unreadable = scanned.folders, scanned.unreadable
        # A change within the same tick of the file system's clock would not show.
        self._stamp = stamp if stamp is not None and time.time_ns() - stamp[0] > SETTLED_NS else None
        return True

    def _stamped(self) -> tuple[int, int] | None:
        try:
            status = Home(self._home).runs.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_nlink


def stamps(folder: RunFolder) -> tuple[object, ...]:
    """What changes whenever a run's row may: of each of its files when it was changed, and its length."""
    found: list[object] = []
    for path in (folder.run_json, folder.events, folder.host_json, folder.meta_json):
        try:
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError as error:
            found.append(error.errno)
    return tuple(found)
