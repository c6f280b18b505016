"""A real pseudo-terminal with a program in it: for the end-to-end tests and the benchmarks."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

from tests.support.fork_server import protocol
from tests.support.waiting import HANG_S

# Synchronized output (DEC private mode 2026): a program marks where a frame begins and ends, and the terminal shows
# it as one. Without it a test sees half a frame, wherever the pseudo-terminal's buffer of 4 KiB happened to be full.
IS_SYNCHRONIZED, SYNCHRONIZED = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"

PROGRAM = str(Path(sys.executable).with_name("fmnist-tui"))
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pagedown": "\x1b[6~",
    "pageup": "\x1b[5~",
    "space": " ",
    "backspace": "\x7f",
    "tab": "\t",
}


class Terminal:
    """A program on a terminal of `columns` × `rows`; what it sends is read at once, counted, and drawn by pyte, a
    whole frame at a time."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        draw: bool = True,
        nohup: bool = False,
        replies: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """`draw` False: what is sent is counted and kept, but no screen is made of it, which costs time. `nohup`: the
        program is started with SIGHUP ignored. `replies`: what the terminal answers, by what it is asked."""
        self._draw = draw
        self._arrived: list[tuple[int, float]] = []  # bytes received so far, and when
        self._replies = {IS_SYNCHRONIZED: SYNCHRONIZED, **(replies or {})}
        self._waiting = b""  # received, not drawn yet: a frame that has not ended
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self.received = 0  # bytes
        self.raw = bytearray()  # everything received
        self.started = time.perf_counter()
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self._own = tempfile.TemporaryDirectory()
        # Settings of its own: no benchmark depends on what the developer has set, or changes it.
        environment.setdefault("FMNIST_TUI_CONFIG", os.path.join(self._own.name, "config.toml"))
        for name in ("COLUMNS", "LINES"):  # pytest-xdist sets them, and Textual believes them
            environment.pop(name, None)
        environment.pop("NO_COLOR", None) if not (env and "NO_COLOR" in env) else None
        self.process = subprocess.Popen(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=protocol.OnTerminal(nohup),
            env=environment,
        )
        os.close(terminal)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.hang_up()
        self._own.cleanup()

    def press(self, *keys: str, pause: float = 0.05) -> None:
        """Type keys: names of `KEYS`, or text as it is."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
            time.sleep(pause)

    def text(self) -> str:
        """What the screen shows."""
        with self._changed:
            return "\n".join(self._screen.display)

    def cells(self) -> list[list[tuple[object, ...]]]:
        """What the screen shows, with its colours. Those of a blank's character are not seen."""
        with self._changed:
            screen = self._screen
            lines = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
        return [[(cell.bg,) if cell.data == " " and not cell.reverse else cell for cell in line] for line in lines]

    def wait_for(self, what: str | Callable[[str], object], seconds: float = HANG_S) -> str:
        """The screen's text once it holds `what`. Fails with the screen where it never does."""
        holds = what if callable(what) else lambda text: what in text
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                text = "\n".join(self._screen.display)
                if holds(text):
                    return text
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"never on the screen: {what!r}\n{text}")
                self._changed.wait(min(left, 0.5))

    def wait_for_raw(self, what: bytes, since: int = 0, seconds: float = HANG_S) -> float:
        """The `perf_counter` time at which the bytes received from position `since` on held `what`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self.raw.find(what, since) < 0:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"never sent: {what!r}\n" + "\n".join(self._screen.display))
            end = self.raw.find(what, since) + len(what)
            return next(when for received, when in self._arrived if received >= end)

    def settle(self, since: int, quiet: float = 0.1) -> tuple[float, int]:
        """Wait until bytes came after the position `since`, and then none for `quiet` seconds: the `perf_counter` time
        of the last of them, and their number."""
        deadline = time.monotonic() + HANG_S
        with self._changed:
            while self.received == since:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError("nothing was sent\n" + "\n".join(self._screen.display))
            while time.perf_counter() - self._arrived[-1][1] < quiet:
                self._changed.wait(quiet)
            return self._arrived[-1][1], self.received - since

    def fall_silent(self, quiet: float = 3.0) -> None:
        """Wait until nothing was sent for `quiet` seconds. Fails where that never comes: something goes on sending."""
        deadline = time.monotonic() + HANG_S
        with self._changed:
            while time.perf_counter() - (self._arrived[-1][1] if self._arrived else self.started) < quiet:
                assert time.monotonic() < deadline, "it never falls silent\n" + "\n".join(self._screen.display)
                self._changed.wait(quiet)

    def exit_code(self, seconds: float = HANG_S) -> int:
        """Wait for the program to end."""
        return self.process.wait(timeout=seconds)

    def hang_up(self) -> None:
        """Close the terminal, as a dropped connection does: the program's session gets a SIGHUP."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def kill(self) -> None:
        """End the program at once, if it still runs."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(timeout=2)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            now = time.perf_counter()
            with self._changed:
                if not data:
                    with contextlib.suppress(Exception):
                        self._stream.feed(self._waiting)
                    self._changed.notify_all()
                    return
                self.received += len(data)
                self.raw += data
                self._arrived.append((self.received, now))
                for question in [question for question in self._replies if question in self.raw]:
                    os.write(self._master, self._replies.pop(question))
                self._changed.notify_all()
                if self._draw:
                    with contextlib.suppress(Exception):  # a sequence that pyte does not know
                        self._stream.feed(self._whole_frames(data))

    def _whole_frames(self, data: bytes) -> bytes:
        """What waited and `data`, up to the beginning of a frame that has not ended."""
        data = self._waiting + data
        begun = data.rfind(BEGIN)
        if begun <= data.rfind(END):  # none is open; the last bytes may still begin one
            begun = len(data) - next((n for n in range(len(BEGIN) - 1, 0, -1) if data.endswith(BEGIN[:n])), 0)
        self._waiting = data[begun:]
        return data[:begun]
