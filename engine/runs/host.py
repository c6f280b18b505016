"""The host: one process for one run. Its main thread answers the socket and the signals, its worker thread trains.

    python -P -m engine.runs.host <run folder>

is a detached host, as `engine.runs.client.start` starts it; `fmnist-tui train` is a host in the foreground.
"""

import argparse
import contextlib
import json
import os
import queue
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from engine import device
from engine.errors import EngineError, RunError
from engine.runs import store
from engine.runs.control import Answer, ControlServer
from engine.training import events as ev
from engine.training.config import TrainConfig

if TYPE_CHECKING:
    from engine.training.prepare import Prepared

READINGS_S = 2.0  # seconds between looks at the device, and between tries to write what a full disk refused
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Host:
    """Holds one `TrainingSession` and serves it until it ends.

    `listener` gets every event, in the main thread, after it was written.
    """

    def __init__(
        self,
        folder: Path,
        prepared: "Prepared",
        *,
        listener: Callable[[ev.Event], None] | None = None,
        stop_on: tuple[signal.Signals, ...] = SIGNALS,
    ) -> None:
        # Torch stays out of this module's imports: a host says who it is before it takes the seconds that torch needs.
        from engine.checkpoints.write import CheckpointWriter
        from engine.runs.log import EventLog
        from engine.training.session import TrainingSession

        self.folder = folder
        self._prepared = prepared
        self._listener = listener
        self._stop_on = stop_on
        self._log = EventLog(folder)
        self._heard: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        self._signal: signal.Signals | None = None
        self._failed = False
        self._next_look = 0.0
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)  # a full pipe wakes as well as one byte more
        self._session = TrainingSession(
            prepared, sink=self._sink, save=CheckpointWriter(folder).save, trouble=lambda: self._log.trouble
        )
        self._worker = threading.Thread(target=self._train, name="training", daemon=True)

    def serve(self, ready: Callable[[], None] = lambda: None) -> int:
        """Train to the end. `ready` is called once commands are listened for. Returns the exit code: 0 finished or
        stopped by a command, 1 failed, 128 + the signal that stopped it."""
        selector = selectors.DefaultSelector()
        selector.register(self._wake_out, selectors.EVENT_READ, lambda: os.read(self._wake_out, 4096))
        server = ControlServer(self.folder, selector, self._answer)
        before = {number: signal.signal(number, self._on_signal) for number in self._stop_on}
        try:
            store.write_host(self.folder, str(server.path))
            ready()
            self._worker.start()
            while self._worker.is_alive():
                for key, _ in selector.select(timeout=READINGS_S):
                    key.data()
                self._tell()
                self._look()
            self._worker.join()
            self._tell()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            server.close()
            selector.close()
            self._log.close()
            os.close(self._wake_in)
            os.close(self._wake_out)
        if self._failed:
            return 1
        return 128 + self._signal if self._signal else 0

    def stop(self, reason: str = "asked") -> None:
        """Save, then end, at the next step boundary."""
        from engine.training.session import Command

        with contextlib.suppress(RunError):
            self._session.send(Command.STOP, reason)

    # In the worker thread

    def _train(self) -> None:
        try:
            self._session.run()
        except BaseException as error:
            self._failed = True
            text = traceback.format_exc()
            path = self.folder / store.LOG
            with contextlib.suppress(OSError), open(path, "a") as file:
                file.write(text)
            first = (str(error).strip().splitlines() or [""])[0]
            message = f"{type(error).__name__}: {first}" if first else type(error).__name__
            self._sink(ev.Failed(message=message, log=str(path)))
        finally:
            self._wake()

    def _sink(self, event: ev.Event) -> None:
        event = self._log.append(event)
        if self._listener:
            self._heard.put(event)
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_in, b"x")

    # In the main thread

    def _tell(self) -> None:
        """Hand the events to the listener; one that can't take them any more (its pipe was closed) stops the run."""
        while self._listener and not self._heard.empty():
            try:
                self._listener(self._heard.get())
            except BrokenPipeError:
                self._listener = None
                self._signal = signal.SIGPIPE
                self.stop("SIGPIPE")

    def _look(self) -> None:
        """Every READINGS_S: read the device while training, and write what could not be written."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + READINGS_S
        self._log.retry()
        if not self.folder.is_dir():  # somebody deleted the run: nobody could see or stop it any more
            self.stop("folder_gone")
            return
        if self._session.paused or self._session.ended or self._session.step == 0:
            return
        reading = device.read(self._prepared.device)
        self._sink(ev.Readings(load=reading.load, memory=reading.memory, memory_total=reading.memory_total))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:  # asked twice: now, with what is on the disk
            os._exit(128 + number)
        self._signal = signal.Signals(number)
        self.stop(self._signal.name)
        self._wake()

    def _answer(self, request: Answer) -> Answer:
        from engine.training.session import Command

        name = request.get("command")
        session = self._session
        if name == "status":
            state = "paused" if session.paused else "training"
            return {
                "ok": True,
                "state": state,
                "epoch": session.epoch,
                "step": session.step,
                "trouble": self._log.trouble,
            }
        try:
            session.send(Command(name))
        except ValueError:
            names = ", ".join(command.value for command in Command)
            return {"ok": False, "reason": f"{name!r} is no command; there are status, {names}"}
        except RunError as error:
            return {"ok": False, "reason": str(error)}
        return {"ok": True}


def prepare_run(folder: Path) -> "Prepared":
    """Prepare what the folder's run.json asks for, and add to it what it turned out to be. Raises EngineError."""
    import torch
    import torchvision

    from engine.training.prepare import prepare

    request = store.read_run(folder)
    data_dir = request.get("data_dir")
    prepared = prepare(
        TrainConfig.from_dict(request["config"]),
        home=folder.parent.parent,
        data_dir=Path(data_dir) if data_dir else None,
    )
    described: dict[str, Any] = prepared.describe()
    versions = {"python": sys.version.split()[0], "torch": torch.__version__, "torchvision": torchvision.__version__}
    store.write_run(folder, request | described | {"seed": prepared.config.seed, "versions": versions})
    return prepared


def main(arguments: list[str] | None = None) -> int:
    """A detached host. Says once, on `--ready-fd`, whether it could start: `{"ok": true}` or the reason why not."""
    parser = argparse.ArgumentParser(prog="python -P -m engine.runs.host", description=__doc__)
    parser.add_argument("folder", type=Path, help="the run's folder, with its run.json")
    parser.add_argument("--ready-fd", type=int, default=-1, help="a pipe that waits for the answer")
    options = parser.parse_args(arguments)

    def answer(**reply: Any) -> None:
        if options.ready_fd >= 0:
            with contextlib.suppress(OSError):
                os.write(options.ready_fd, json.dumps(reply).encode() + b"\n")
                os.close(options.ready_fd)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nobody's terminal: a closed one is none of its business
    try:
        store.write_host(options.folder, socket_path="")
        host = Host(options.folder, prepare_run(options.folder), stop_on=(signal.SIGINT, signal.SIGTERM))
        return host.serve(ready=lambda: answer(ok=True))
    except EngineError as error:
        answer(ok=False, area=type(error).__name__, field=getattr(error, "field", ""), reason=str(error))
        return 2
    except Exception as error:
        traceback.print_exc()
        log = options.folder / store.LOG
        answer(
            ok=False,
            area="",
            field="",
            reason=f"a bug: {type(error).__name__}: {error} (traceback in {log})",
            keep=True,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
