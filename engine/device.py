"""Where the arithmetic runs: which device, how many threads, and how busy it is.

Torch is imported inside the functions that need it, so that a screen may ask for the cores without it.
"""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engine.allocator import keep_freed_memory
from engine.errors import DeviceError
from engine.gpu import Card, CardReading, open_card

if TYPE_CHECKING:
    import torch


SPINS = "3000"  # turns of the loop in which a thread waits before it sleeps: found by benchmarks.threads


def usable_cores() -> int:
    """The cores this process may use: its CPU affinity, and a container's CPU quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _container_quota()
    return max(1, min(cores, int(quota)) if quota else cores)


def default_threads() -> int:
    """Usable cores less one, which is left to other programs; of two cores both, as one is half of the machine."""
    return max(min(2, usable_cores()), usable_cores() - 1)


def before_torch() -> None:
    """What a process that trains does before it imports torch."""
    spin_shortly()
    keep_freed_memory()


def spin_shortly() -> None:
    """Let threads of this process that wait for each other sleep after a short while; to be called before torch is
    imported. libgomp lets them spin much longer, and a spinning thread keeps the core that the one it waits for needs:
    beside a neighbour that computes (`benchmarks.threads`). What the environment says counts."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def resolve(name: str) -> "torch.device":
    """The torch device of `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. Raises DeviceError where it isn't there."""
    import torch

    if name == "auto":
        name = list_devices()[-1] if torch.cuda.is_available() or torch.backends.mps.is_available() else "cpu"
        name = "cuda:0" if name.startswith("cuda") else name
    found = "cuda:0" if name == "cuda" else name
    if found not in list_devices():
        here = ", ".join(list_devices())
        raise DeviceError(f"--device: {name} is not on this machine; here are: {here}")
    return torch.device(found)


def list_devices() -> list[str]:
    """The devices torch can use here, such as `["cpu", "cuda:0", "cuda:1"]`. Imports torch."""
    import torch

    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if torch.cuda.is_available():
        devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return devices


def devices_in_child() -> list[str]:
    """`list_devices()` asked of a child process, so that the caller's needs no torch and opens no CUDA context.

    Takes 2 to 4 seconds; `["cpu"]` where the child fails.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "engine.device"], capture_output=True, timeout=60, check=True, encoding="utf-8"
        )
        return [str(name) for name in json.loads(answer.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError):
        return ["cpu"]


def describe(device: "torch.device", threads: int) -> str:
    """The device for people: the GPU's name, or the processor's with the threads used."""
    if device.type == "cuda":
        return name(device)
    plural = "thread" if threads == 1 else "threads"
    return f"{name(device)}, {threads} {plural}"


def name(device: "torch.device") -> str:
    """The GPU's name, or the processor's."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return processor()


@dataclass(frozen=True, kw_only=True)
class Reading(CardReading):
    """How busy a device is. `load`: 0..1 of a GPU, or of all the machine's cores; the fields of CardReading that are
    not named here are a GPU's alone."""

    memory: int | None = None  # bytes: what PyTorch holds of the GPU, or the process's resident memory
    memory_total: int | None = None  # bytes that the device has


class Meter:
    """Reads a device again and again. For one thread, which is not the training's: a driver may take its time."""

    def __init__(self, device: "torch.device") -> None:
        self._device = device
        self._card: Card | None = None
        self._problem = ""
        if device.type == "cuda":
            try:
                self._card = open_card(_uuid(device), device.index or 0)
            except DeviceError as error:
                self._problem = f"the GPU's load, watts and temperature are not read: {error}"
        else:
            psutil.cpu_percent()  # the load is that since the last call in this thread

    def read(self) -> Reading:
        """The device now. Raises nothing that a driver or a missing library could cause."""
        if self._device.type != "cuda":
            own, total = psutil.Process().memory_info().rss, psutil.virtual_memory().total
            return Reading(load=psutil.cpu_percent() / 100, memory=own, memory_total=total)
        import torch

        card = self._card.read() if self._card is not None else CardReading()
        total = torch.cuda.get_device_properties(self._device).total_memory
        return Reading(**{**vars(card), "memory": torch.cuda.memory_reserved(self._device), "memory_total": total})

    def problems(self) -> list[str]:
        """What can't be read, and why, a sentence each: what has come up since the last call."""
        found = [self._problem] if self._problem else []
        self._problem = ""
        return found + (self._card.problems() if self._card is not None else [])


def _uuid(device: "torch.device") -> str:
    """Of a GPU, as CUDA has it; empty where this PyTorch does not tell it."""
    import torch

    return str(getattr(torch.cuda.get_device_properties(device), "uuid", None) or "")


def processor() -> str:
    """The CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _container_quota() -> float | None:
    """The cores a control group (version 2) grants, None where it sets no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return max(1.0, int(quota) / int(period))
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list_devices()))
