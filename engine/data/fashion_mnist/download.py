"""Fetching the four files of Fashion-MNIST. Stopped or cut off, a download goes on where it was."""

import contextlib
import errno
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine import atomic, private
from engine.data.fashion_mnist.mirror import Answer, MirrorError, receive
from engine.data.fashion_mnist.spec import FILES, MIRRORS, File
from engine.errors import DataError

PATIENCE = 30.0  # seconds a mirror may be silent
TRIES = 5  # times a mirror is asked again for a file, as long as each time brought it forward
REPORT_EVERY = 0.05  # seconds between two calls of `progress`


@dataclass(frozen=True)
class Progress:
    """How far a download is."""

    file: str  # the name of the file in hand
    file_done: int  # bytes of it
    file_total: int
    done: int  # bytes of all four, with those that were already there
    total: int


def download(
    root: Path,
    *,
    progress: Callable[[Progress], None],
    cancelled: threading.Event,
    mirrors: Sequence[str] | None = None,
    files: Sequence[File] = FILES,
    patience: float = PATIENCE,
    shared: bool = True,
) -> None:
    """Fetch what is not yet whole into `root`/FashionMNIST/raw, each file checked by its MD5.

    A file is written beside (`.part`), fsynced and renamed. Blocks; calls `progress` in the calling thread, at most 20
    times a second. Raises DownloadCancelledError within a second of `cancelled` being set, keeping the `.part` to go on
    from, and DataError where no mirror gives a file or the disk does not take it. `shared`: others may read the files,
    as the umask says.
    """
    folder = root / "FashionMNIST" / "raw"
    try:
        folder.mkdir(parents=True, exist_ok=True) if shared else private.folder(folder)
        transfer = _Transfer(folder, progress, cancelled, files, patience, shared)
        for file in files:
            transfer.fetch(file, MIRRORS if mirrors is None else mirrors)
    except OSError as error:
        raise _disk_error(folder, error, sum(file.gz_size for file in files)) from None


class _Transfer:
    """One download: where it writes, whom it tells and how far it is."""

    def __init__(
        self,
        folder: Path,
        progress: Callable[[Progress], None],
        cancelled: threading.Event,
        files: Sequence[File],
        patience: float,
        shared: bool,
    ) -> None:
        self._folder, self._shared = folder, shared
        self._progress = progress
        self._cancelled = cancelled
        self._files = files
        self._patience = patience
        self._finished = 0  # bytes of the files before the one in hand
        self._reported = -REPORT_EVERY  # when `progress` was last called

    def fetch(self, file: File, mirrors: Sequence[str]) -> None:
        """One file, from the first mirror that gives it. Raises DataError with what each of them said."""
        path = self._folder / file.gz_name
        if not (path.is_file() and path.stat().st_size == file.gz_size and _md5(path) == file.gz_md5):
            part = path.with_name(f"{path.name}.part")
            try:
                with open(part, "ab") if self._shared else private.appended(part) as out:
                    _lock(out, self._folder)
                    self._fetch_from_any(mirrors, file, out, part)
                os.replace(part, path)
                atomic.flush_folder(self._folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    if part.stat().st_size == 0:
                        part.unlink()
        self._report(file, file.gz_size)
        self._finished += file.gz_size

    def _fetch_from_any(self, mirrors: Sequence[str], file: File, out: BinaryIO, part: Path) -> None:
        said = []
        for mirror in mirrors:
            try:
                return self._fetch_from(mirror, file, out, part)
            except MirrorError as error:
                said.append(f"{mirror} said: {error}")
        by_hand = ", ".join(each.gz_name for each in self._files)
        raise DataError(
            f"could not download {file.gz_name} ({'; '.join(said) or 'no mirror to ask'}); check the network and try "
            f"again, or put the files into {self._folder} by hand: {by_hand}"
        )

    def _fetch_from(self, mirror: str, file: File, out: BinaryIO, part: Path) -> None:
        """Complete the part from one mirror. Raises MirrorError; the part is then a beginning of the file, or empty."""
        url = mirror.rstrip("/") + "/" + file.gz_name
        for trial in range(TRIES):
            before = out.seek(0, os.SEEK_END)
            try:
                if before < file.gz_size:
                    self._receive(url, before, file, out)
            except MirrorError:
                if out.tell() <= before or trial == TRIES - 1:
                    raise
                continue
            atomic.flush_file(out.fileno())
            if out.tell() == file.gz_size and _md5(part) == file.gz_md5:
                return
            _cut(out, 0)
            if before == 0:
                break  # otherwise an older part may be at fault: once more, from the beginning
        raise MirrorError("what it sends is not the published file (its MD5 is another)")

    def _receive(self, url: str, start: int, file: File, out: BinaryIO) -> None:
        """Append what the server sends from `start` on to the part; from 0 on where it does not know ranges."""
        stream = receive(url, start, self._cancelled, self._patience)
        try:
            for item in stream:
                if isinstance(item, Answer):
                    if item.start not in (0, start):
                        raise MirrorError(f"it sends from byte {item.start:,} on, asked for {start:,}")
                    if item.length is not None and item.start + item.length != file.gz_size:
                        offers = item.start + item.length
                        raise MirrorError(f"its file has {offers:,} bytes, the published one {file.gz_size:,}")
                    _cut(out, item.start)
                    continue
                out.write(item)
                if out.tell() > file.gz_size:
                    _cut(out, 0)
                    raise MirrorError(f"it sends more than the published {file.gz_size:,} bytes")
                if out.tell() < file.gz_size:  # the end is reported once the MD5 was right
                    self._report(file, out.tell())
        finally:
            stream.close()
            out.flush()
        if out.tell() < file.gz_size:
            raise MirrorError(f"the connection broke off at {out.tell():,} of {file.gz_size:,} bytes")

    def _report(self, file: File, done: int) -> None:
        now = time.monotonic()
        if done < file.gz_size and now - self._reported < REPORT_EVERY:
            return
        self._reported = now
        total = sum(each.gz_size for each in self._files)
        self._progress(Progress(file.gz_name, done, file.gz_size, self._finished + done, total))


def _cut(out: BinaryIO, size: int) -> None:
    """Shorten the part to `size` bytes, and write there next."""
    if out.seek(0, os.SEEK_END) != size:
        out.seek(size)
        out.truncate()


def _lock(out: BinaryIO, folder: Path) -> None:
    """Keep a second download out of the same part. Raises DataError where there is one."""
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(f"another download is writing into {folder}; wait for it, or stop it") from None
    except OSError:
        pass  # a file system without locks


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _disk_error(folder: Path, error: OSError, needed: int) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"the disk is full: {folder} needs up to {needed / 1e6:.0f} MB; "
            "make room, or choose another folder with --data-dir"
        )
    return DataError(f"cannot write to {folder} ({error.strerror or error}); choose another folder with --data-dir")
