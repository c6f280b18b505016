"""The host of a lab: one process, in a session of its own, that holds the kernel of a document, runs its cells, writes
down what comes out, and serves the app. It outlives the app and the connection.

    python -P -m engine.lab.host <lab folder>
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from engine.errors import LabError
from engine.home import LabFolder
from engine.hosting import process, record_file, unix_socket
from engine.hosting.unix_socket import PrivateSocket
from engine.lab import durations, record
from engine.lab.asides import Asides
from engine.lab.events import KernelChanged, KernelPhase, LabEvent, RunsForgotten
from engine.lab.host_requests import Fields, HostRequest
from engine.lab.host_server import LabServer
from engine.lab.hosted_kernel import HostedKernel, KernelGoneError
from engine.lab.kernel_process import OBEYS_S
from engine.lab.log import LabLog
from engine.lab.runs import Runs
from engine.terminal_text import path_text, printable

BEAT_S = 10.0  # between two signs of life for other machines, and tries to write what a full disk refused
BEGINS_S = 1.0  # that a kernel may take to begin a cell which is to be interrupted
SETTLES_S = 0.2
LEAVES_S = 1.0  # that those who follow may take for the last events
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TAKEN = 3  # the exit code where the lab has a host already


class Host:
    """Holds the kernel, and serves it until it ends."""

    def __init__(self, folder: LabFolder) -> None:
        """Raises LabError, OSError."""
        self.folder = folder
        self.record = record.read(folder)
        self.log = LabLog(folder.events)
        self.server = LabServer(self.log, self._answer, self._on_follow)
        self.runs = Runs(self._tell, self.server.show)
        self.kernel: HostedKernel | None = None
        self._starting: asyncio.Task[None] | None = None
        self._obeying: asyncio.Task[None] | None = None
        self._work = asyncio.Event()  # there is something to run
        self.asides = Asides(self._work.set)
        self._over = asyncio.Event()
        self._since = self._used = time.time()
        self._used_at = time.monotonic()

    async def serve(self, bound: PrivateSocket) -> None:
        """From the kernel's start to its end."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._leave, signal.Signals(number).name)
        await self.server.listen(bound)
        record_file.write(self.folder.host_json, process.record(socket_path=str(bound.path)))
        self.runs.end_left(self.log.state, "the lab's host process was ended")
        self._start_kernel()
        tasks = [asyncio.create_task(one) for one in (self._run_all(), self._beat(), self._end_when_idle())]
        over = asyncio.create_task(self._over.wait())
        done, _ = await asyncio.wait({*tasks, over}, return_when=asyncio.FIRST_COMPLETED)
        for one in (*tasks, over):
            one.cancel()
        await self._stop_kernel("")
        self.runs.close()
        await self.server.flush(LEAVES_S)
        await self.server.close()
        self.log.close()
        for one in done:
            one.result()  # a bug

    # What is asked

    async def _answer(self, request: HostRequest) -> Fields:
        if request.do == "status":
            return self._status()
        self._use()
        match request.do:
            case "execute":
                self._check_alive()
                self.runs.queue(request.cells, stop_on_error=request.stop_on_error)
                self._work.set()
            case "interrupt":
                await self._interrupt()
            case "restart":
                last = self.runs.last
                await self._stop_kernel("the kernel was restarted")
                if request.clear:
                    self._tell(RunsForgotten(last=last))
                self._start_kernel()
                return {"last": last}
            case "shut_down":
                self._leave("")
            case "answer":
                self.runs.answer_input(self.kernel, request.text)
            case "complete":
                self._check_alive()
                return await self.asides.complete(request.source, request.position)
            case "inspect":
                self._check_alive()
                return await self.asides.inspect(request.source, request.position)
            case "ask":
                self._check_alive()
                return await self.asides.ask(request.request, self.record.kernel)
            case _:
                raise LabError(f"{printable(request.do, 40)!r} is nothing that a lab's host does")
        return {}

    def _status(self) -> Fields:
        state = self.log.state
        return {
            "document": str(self.record.document),
            "kernel": self.record.kernel,
            "phase": state.phase,
            "since": self._since,
            "used": time.time() if state.phase == "busy" else self._used,
            "kernel_pid": self.kernel.pid if self.kernel is not None else 0,
            "trouble": self.log.trouble,
        }

    def _on_follow(self) -> None:
        self._use()
        self.runs.show_again()

    def _use(self) -> None:
        """The lab is not idle."""
        self._used, self._used_at = time.time(), time.monotonic()

    def _check_alive(self) -> None:
        state = self.log.state
        if state.phase in ("died", "ended"):
            raise LabError(f"there is no kernel: {state.why}; restart it")

    def _leave(self, why: str) -> None:
        """End the kernel and the host."""
        if not self._over.is_set():
            self._end_runs(KernelGoneError("the lab was shut down", died=False))
            self._change("ended", f"the lab was ended by {why}" if why.startswith("SIG") else why or "shut down")
            self._over.set()

    # The kernel

    def _start_kernel(self) -> None:
        self.kernel = HostedKernel(self.record.kernel, self.record.document.parent, self._env(), self)
        self._change("starting", generation=self.log.state.generation + 1)
        self._starting = asyncio.create_task(self._start(self.kernel))

    async def _start(self, kernel: HostedKernel) -> None:
        try:
            await kernel.start()
        except LabError as error:
            self._end_runs(KernelGoneError(str(error), died=True))
            self._change("died", str(error))
            return
        self.asides.kernel_ready()
        self._use()
        self._change("ready")
        self._work.set()

    async def _stop_kernel(self, why: str) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._obeying is not None:
            self._obeying.cancel()
        if self.kernel is not None:
            self.kernel.put_out_last()
            self._end_runs(KernelGoneError(why, died=False))
            await self.kernel.end(why)

    def kernel_died(self, why: str) -> None:
        self._end_runs(KernelGoneError(why, died=True))
        self._change("died", why)

    def put_out(self, parent: str, kind: str, content: Fields) -> None:
        self.runs.put_out(parent, kind, content)

    def asked_for_input(self, parent: str, content: Fields) -> None:
        self.runs.asked_for_input(parent, content)

    def _end_runs(self, gone: KernelGoneError) -> None:
        self.runs.kernel_gone(gone)
        self.asides.kernel_gone(gone)

    async def _interrupt(self) -> None:
        """End what runs, and what waits; a kernel that does not obey is killed."""
        kernel, running = self.kernel, self.runs.interrupt()
        if kernel is None or (running is None and not self.asides.running):
            return
        if running is not None:
            with contextlib.suppress(TimeoutError):  # a kernel ignores what comes before it has begun
                await asyncio.wait_for(running.begun.wait(), BEGINS_S)
            if time.monotonic() - running.began < SETTLES_S:  # nor is one safe before the cell's own code runs
                await asyncio.sleep(SETTLES_S)
            if running.over:
                return
        await kernel.interrupt()
        if self._obeying is None or self._obeying.done():
            self._obeying = asyncio.create_task(self._kill_if_busy(kernel, running))

    async def _kill_if_busy(self, kernel: HostedKernel, running: object) -> None:
        await asyncio.sleep(OBEYS_S)
        if kernel is self.kernel and (self.runs.running is running if running else self.asides.running):
            await kernel.kill(f"the kernel did not obey an interrupt for {OBEYS_S:g} s, and was killed")

    def _env(self) -> dict[str, str]:
        env = {"FMNIST_TUI_HOME": str(self.folder.home.path)}
        if self.record.data_dir is not None:
            env["FMNIST_TUI_DATA"] = str(self.record.data_dir)
        return env

    # What goes on

    async def _run_all(self) -> None:
        """Run what is queued, one after the other: what was asked about the variables before the next cell."""
        while True:
            await self._work.wait()
            self._work.clear()
            kernel = self.kernel
            while kernel is not None and kernel is self.kernel and self.log.state.phase in ("ready", "busy"):
                if self.asides.waiting:
                    await self.asides.run_next(kernel)
                elif self.runs.waiting:
                    if self.log.state.phase == "ready":
                        self._change("busy")
                    await self.runs.run_next(kernel, self.log.state.generation)
                    self._use()
                else:
                    break
                if not self.runs.waiting and kernel is self.kernel and self.log.state.phase == "busy":
                    self._change("ready")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            record_file.beat(self.folder.host_json)
            if self.log.waiting:
                self.log.retry()
            if not self.folder.path.is_dir():  # somebody deleted the lab: nobody could see or end it any more
                self._leave("its folder is gone")

    async def _end_when_idle(self) -> None:
        while True:
            left = self._used_at + self.record.idle - time.monotonic()
            if self.runs.running is not None or self.runs.waiting or self.log.state.phase == "starting":
                left = self.record.idle
            if left <= 0:
                self._leave(f"idle for {durations.words(self.record.idle)}")
            await asyncio.sleep(max(left, 0.01))

    # What is told

    def _change(self, phase: KernelPhase, why: str = "", *, generation: int = 0) -> None:
        self._since = time.time()
        if phase in ("ended", "died") and self.log.state.phase == phase == "ended":
            return
        pid = self.kernel.pid if self.kernel is not None and phase in ("ready", "busy") else 0
        generation = generation or self.log.state.generation
        name = self.record.kernel
        self._tell(KernelChanged(phase=phase, generation=generation, name=name, why=printable(why, 300), pid=pid))

    def _tell(self, event: LabEvent) -> None:
        before = self.log.size
        self.server.event(before, self.log.append(event))
        if (run := getattr(event, "run", None)) is not None:
            self.server.forget(run)


def main(arguments: list[str] | None = None) -> int:
    """Be the host of a lab. Exit codes: 0, it has ended as it was asked to; 1, a bug; 2, it can't; TAKEN."""
    parser = argparse.ArgumentParser(prog="python -P -m engine.lab.host", description=__doc__)
    parser.add_argument("folder", type=lambda text: LabFolder(Path(text)), help="the lab's folder, with its lab.json")
    folder: LabFolder = parser.parse_args(arguments).folder
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nobody's terminal: a closed one is none of its business
    lock = bound = None
    try:
        lock = record_file.lock(folder.host_lock, folder.host_json)
        if lock is None:
            return TAKEN
        if (left := record_file.read(folder.host_json)) is not None:
            unix_socket.remove_left(left.socket)
        bound = PrivateSocket(folder.control_socket)
        host = Host(folder)
        asyncio.run(host.serve(bound))
    except (LabError, OSError) as error:
        where = f"{path_text(error.filename)}: " if isinstance(error, OSError) and error.filename else ""
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        sys.stderr.write(f"fmnist-tui: {where}{printable(words)}\n")
        return 2
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        if bound is not None:
            bound.close()
        if lock is not None:
            with contextlib.suppress(OSError):
                os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
