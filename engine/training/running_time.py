"""Time as a process lives through it: without the stretches in which it was stopped, and whatever is done to the clock.

The clock is monotonic: on Linux and macOS it stands still while the machine is suspended, and nobody can set it. It
goes on while the process is stopped (SIGSTOP, a debugger, a paused container or virtual machine). Nothing tells a
process of that; but a thread that wakes five times a second sees that it did not wake.
"""

import os
import threading
import time

TICK_S = 0.2  # between two looks of the thread that watches
STOPPED_S = 2.0  # without a look: the process was stopped; a machine with too much to do comes to it sooner


class RunningTime:
    """Seconds that this process has run. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched = False
        self._looked = self._cpu = 0.0  # when, and processor time until then, at the last look
        self._stopped_s = 0.0

    def watch(self) -> None:
        """From now on, leave out the stretches in which the process is stopped. It takes a thread, and may be called
        again."""
        with self._lock:
            if self._watched:
                return
            self._watched = True
            self._looked, self._cpu = time.monotonic(), time.process_time()
        threading.Thread(target=self._watch, name="running time", daemon=True).start()

    def now(self) -> float:
        """Seconds, from an arbitrary moment on."""
        with self._lock:
            now = time.monotonic()
            if self._watched:
                self._look(now)
            return now - self._stopped_s

    def _look(self, now: float) -> None:
        cpu, silent = time.process_time(), now - self._looked
        # A process that computed all the while was not stopped: something in it kept its other threads waiting.
        computed = cpu - self._cpu
        if silent > STOPPED_S and (computed < silent / 2 or computed <= TICK_S * (os.cpu_count() or 1)):
            self._stopped_s += silent - TICK_S
        self._looked, self._cpu = now, cpu

    def _watch(self) -> None:
        while True:
            time.sleep(TICK_S)
            self.now()


PROCESS = RunningTime()  # of this process: it is stopped, or it runs, as a whole
now = PROCESS.now
