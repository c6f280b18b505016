"""Writing a run's checkpoints: whole or not at all, each with its SHA-256 in a manifest."""

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import torch

from engine import atomic
from engine.errors import CheckpointError
from engine.training.events import CheckpointSaved

FOLDER = "checkpoints"
MANIFEST = "manifest.json"
WEIGHTS = "model_weights.pth"


class CheckpointWriter:
    """Writes into `<run folder>/checkpoints`: `epoch-0003.pt` after an epoch, `epoch-0003-step-000412.pt` inside one,
    `model_weights.pth` (the newest weights as a bare state_dict, the tutorial's form), `manifest.json`.
    """

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / FOLDER

    def save(self, content: dict[str, Any]) -> CheckpointSaved:
        """Write `content` (see `TrainingSession.content`). Raises CheckpointError with what was there before whole."""
        epoch, step, steps = content["epoch"], content["step"], content["steps"]
        name = f"epoch-{epoch:04}.pt" if step == steps else f"epoch-{epoch:04}-step-{step:06}.pt"
        content = _on_the_cpu(content)
        data, weights = _serialised(content), _serialised(content["model"])
        entry = {
            "file": name,
            "epoch": epoch,
            "step": step,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "t": time.time(),
        }
        try:
            self._folder.mkdir(exist_ok=True)
            atomic.write_bytes(self._folder / name, data)
            atomic.write_bytes(self._folder / WEIGHTS, weights)
            entries = [old for old in self.entries() if old["file"] != name] + [entry]
            atomic.write_text(self._folder / MANIFEST, json.dumps({"v": 1, "checkpoints": entries}, indent=1) + "\n")
        except OSError as error:
            what = error.strerror or str(error)
            raise CheckpointError(
                f"the checkpoint {self._folder / name} can't be written ({what}); make room, then go on"
            ) from error
        return CheckpointSaved(file=f"{FOLDER}/{name}", epoch=epoch, step=step, bytes=len(data), sha256=entry["sha256"])

    def entries(self) -> list[dict[str, Any]]:
        """What the manifest lists, oldest first; nothing where there is none yet."""
        try:
            listed: list[dict[str, Any]] = json.loads((self._folder / MANIFEST).read_text())["checkpoints"]
        except FileNotFoundError:
            return []
        return listed


def _serialised(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _on_the_cpu(content: Any) -> Any:
    """The same containers with every tensor on the CPU, so that a machine without the device can load them."""
    if isinstance(content, torch.Tensor):
        return content.cpu()
    if isinstance(content, dict):
        return {key: _on_the_cpu(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(_on_the_cpu(value) for value in content)
    return content
