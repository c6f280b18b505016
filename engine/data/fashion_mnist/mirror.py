"""Reading a file from a web server without being held by it: the network has its own thread, the caller looks in."""

import http.client
import queue
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass

from engine.errors import DownloadCancelledError

PIECE = 1 << 16  # bytes handed over at once, at most
GLANCE = 0.2  # seconds between two looks at `cancelled`


class MirrorError(Exception):
    """Why a server did not give a file, in words; another one may."""


@dataclass(frozen=True)
class Answer:
    """The beginning of a server's answer."""

    start: int  # where in the file the body begins
    length: int | None  # bytes of the body; None: the server does not say


def receive(url: str, start: int, cancelled: threading.Event, patience: float) -> Generator[Answer | bytes, None, None]:
    """The server's answer for the file from the byte `start` on, then its bytes as they come.

    A server that does not know ranges answers from 0; one that breaks off ends early. Raises MirrorError where it
    refuses or is silent for `patience` seconds, DownloadCancelledError within GLANCE seconds of `cancelled` being set.
    """
    inbox: queue.Queue[Answer | bytes | MirrorError] = queue.Queue(maxsize=16)
    left = threading.Event()
    thread = threading.Thread(target=_fill, args=(url, start, patience, inbox, left), name="download", daemon=True)
    thread.start()
    try:
        while True:
            if cancelled.is_set():
                raise DownloadCancelledError("the download was stopped; the next try continues from here")
            try:
                item = inbox.get(timeout=GLANCE)
            except queue.Empty:
                continue
            if isinstance(item, MirrorError):
                raise item
            if item == b"":
                return
            yield item
    finally:
        left.set()  # the thread sees it after its next piece, or ends with its timeout; nobody waits for it


def _fill(
    url: str, start: int, patience: float, inbox: "queue.Queue[Answer | bytes | MirrorError]", left: threading.Event
) -> None:
    def give(item: Answer | bytes | MirrorError) -> None:
        while not left.is_set():
            try:
                inbox.put(item, timeout=GLANCE)
            except queue.Full:
                continue
            return

    headers = {"User-Agent": "fmnist-tui", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience) as response:
            give(_answer(response))
            while not left.is_set():
                piece: bytes = response.read1(PIECE)
                give(piece)
                if not piece:
                    return
    except Exception as error:
        give(MirrorError(_words(error, patience)))


def _answer(response: http.client.HTTPResponse) -> Answer:
    length = response.headers.get("Content-Length", "")
    begin = 0
    if response.status == http.client.PARTIAL_CONTENT:
        given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if given is None:
            raise http.client.HTTPException("it does not say which part of the file it sends")
        begin = int(given[1])
    return Answer(begin, int(length) if length.isdecimal() else None)


def _words(error: Exception, patience: float) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}".strip()
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return _words(error.reason, patience)
    if isinstance(error, TimeoutError):
        return f"nothing for {patience:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
