"""How the runs of the queue share the machine: threads, and GPUs. Imports no torch."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.device import default_threads

GPUS = Path("/proc/driver/nvidia/gpus")  # a folder for each; of NVIDIA's driver
VISIBLE = "CUDA_VISIBLE_DEVICES"


def threads_of(config: Mapping[str, Any], slots: int) -> int:
    """The threads of a run that leaves them to the program (0), or to a measurement (-1), which others that compute
    beside it would spoil: its share of `default_threads`; else what it asks for."""
    asked = int(config.get("threads") or 0)
    return asked if asked > 0 else max(1, default_threads() // slots)


def gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that runs may use, as CUDA_VISIBLE_DEVICES names them."""
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    try:
        return [str(at) for at, _ in enumerate(sorted(GPUS.iterdir()))]
    except OSError:
        return []


def gpu_of(config: Mapping[str, Any], there: list[str], in_use: Iterable[str]) -> str | None:
    """The GPU for a run that takes any: the one that the fewest runs of the queue use, the first of these. None: the
    run names its device itself, or there is nothing to choose from."""
    if len(there) < 2 or config.get("device", "auto") not in ("auto", "cuda"):
        return None
    used = Counter(in_use)
    return min(there, key=lambda name: (used[name], there.index(name)))
