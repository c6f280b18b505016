"""A run's readings of its device: taken in a thread of their own, so that a driver that hangs holds up nothing."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from engine import device
from engine.training import events as ev

if TYPE_CHECKING:
    import torch

    from engine.training.session import TrainingSession


class DeviceReadings:
    """Reads the device when asked, and hands over what it has found."""

    def __init__(self, of: "torch.device", session: "TrainingSession", tell: Callable[[ev.Event], None]) -> None:
        """`session` knows where the training is. `tell` gets the readings, and a warning for what can't be read, each
        once; it is called in the thread of the readings, and no more once `close` has returned."""
        self._device, self._session, self._tell = of, session, tell
        self._asked = threading.Event()
        self._telling = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="readings", daemon=True)

    def start(self) -> None:
        """Open the device's library, in the thread."""
        self._thread.start()

    def ask(self) -> None:
        """Have the device read. While it is being read already, once more after that."""
        self._asked.set()

    def close(self) -> None:
        """Read no more. A call that hangs in a driver is left behind: the thread ends with the process."""
        with self._telling:
            self._closed = True
        self._asked.set()

    def _run(self) -> None:
        meter = device.Meter(self._device)
        while True:
            self._asked.wait()
            if self._closed:
                return
            self._asked.clear()
            reading = ev.Readings(**asdict(meter.read()))
            with self._telling:
                if self._closed:
                    return
                for problem in meter.problems():
                    self._tell(self._warning(problem))
                self._tell(reading)

    def _warning(self, problem: str) -> ev.Warned:
        return ev.Warned(code="no_readings", message=problem, epoch=self._session.epoch, step=self._session.step)
