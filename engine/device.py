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

from engine.errors import DeviceError

if TYPE_CHECKING:
    import torch


def usable_cores() -> int:
    """The cores this process may use: its CPU affinity, and a container's CPU quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _container_quota()
    return max(1, min(cores, int(quota)) if quota else cores)


def default_threads() -> int:
    """Usable cores less one, at least 1: with a thread on every core, one busy neighbour stalls them all."""
    return max(1, usable_cores() - 1)


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


@dataclass(frozen=True)
class Reading:
    """`load`: 0..1 of the device (None: not known); `memory`: bytes this process uses; `memory_total`: bytes there."""

    load: float | None
    memory: int | None
    memory_total: int | None


def read(device: "torch.device") -> Reading:
    """How busy the device is now. The CPU's load is since the last call, over all cores of the machine."""
    if device.type == "cuda":
        import torch

        load: float | None
        try:
            load = torch.cuda.utilization(device) / 100
        except (RuntimeError, ModuleNotFoundError):  # no NVML
            load = None
        total = torch.cuda.get_device_properties(device).total_memory
        return Reading(load, torch.cuda.memory_reserved(device), total)
    return Reading(psutil.cpu_percent() / 100, psutil.Process().memory_info().rss, psutil.virtual_memory().total)


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
