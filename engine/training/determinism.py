"""What determines a run's numbers besides its config: the random generators' states, and the environment."""

import os
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from engine.models.user_code import file_hash


def fix(device: torch.device) -> None:
    """Let CUDA choose algorithms that give the same bits each time. The CPU's do so anyway at one thread count."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS when it starts
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def capture() -> dict[str, Any]:
    """The states of torch's, CUDA's, NumPy's and Python's global generators, as `torch.load(weights_only=True)` takes
    them: tensors, numbers, lists."""
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": list(torch.cuda.get_rng_state_all()) if _cuda_is_on() else [],
        "numpy": [torch.from_numpy(np.asarray(keys).astype(np.int64)), int(position), int(has_gauss), float(cached)],
        "python": [version, list(internal), gauss],
    }


def restore(states: Mapping[str, Any]) -> None:
    """Set the generators to the states from `capture`; CUDA's only if the number of devices is the same."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and _cuda_is_on() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))


def environment(device_name: str, threads: int, processes: int, files: Mapping[str, str]) -> dict[str, Any]:
    """What the numbers may depend on, down to their last bits. `files`: the user's code, `path:NAME` by its purpose."""
    return {
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "device": device_name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "processes": processes,
        **{name: file_hash(reference) for name, reference in files.items() if ":" in reference},
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What has changed, for people: `torch 2.14.0, now 2.15.0`. Empty if the numbers will be the same."""
    changes = []
    for name in (*then, *(name for name in now if name not in then)):
        was, is_ = then.get(name, "unknown"), now.get(name, "unknown")
        if was != is_:
            user_file = name in ("model file", "transform file")
            changes.append(f"the {name} has changed since" if user_file else f"{name} {was}, now {is_}")
    return changes


def _cuda_is_on() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
