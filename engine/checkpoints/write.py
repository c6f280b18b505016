"""Writing a run's checkpoints: whole or not at all, each with its SHA-256 in a manifest."""

import contextlib
import hashlib
import io
import time
from collections.abc import Callable
from typing import Any

import torch

from engine import atomic, private
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.read import newest_good
from engine.errors import CheckpointError
from engine.home import CHECKPOINTS, RunFolder
from engine.training.events import CheckpointSaved
from engine.training.finite import was_finite


class CheckpointWriter:
    """Writes into `<run folder>/checkpoints`: `epoch-0003.pt` after an epoch, `epoch-0003-step-000412.pt` inside one,
    `model_weights.pth` (the weights of the newest that was not written for time alone, as a bare state_dict, the
    tutorial's form; where that one is not finite, of the newest that is), `manifest.json`.

    `pinned()` names the files that must stay whatever the policy says.
    """

    def __init__(self, run_folder: RunFolder, pinned: Callable[[], set[str]] = set) -> None:
        self._run = run_folder
        self._pinned = pinned
        self._fallback = ""  # the checkpoint whose weights took the place of those that were not finite

    def save(self, content: dict[str, Any], reason: str = "epoch") -> CheckpointSaved:
        """Write `content` (see `TrainingSession.content`), then delete what its config's `keep` lets go.

        Raises CheckpointError with what was there before whole.
        """
        epoch, step = content["epoch"], content["step"]
        name = f"epoch-{epoch:04}.pt" if content["evaluated"] else f"epoch-{epoch:04}-step-{step:06}.pt"
        content = _on_the_cpu(content)
        data = _serialised(content)
        digest = hashlib.sha256(data).hexdigest()
        accuracy, finite = content["accuracy"], was_finite(content)
        entry = Entry(name, epoch, step, len(data), digest, time.time(), reason, accuracy, finite=finite)
        weights = ""
        try:
            private.folder(self._run.checkpoints)
            atomic.write_bytes(self._run.checkpoint(name), data)
            if reason != "time":
                weights = self._write_weights(content["model"] if finite else None)
            entries = [old for old in self._listed() if old.file != name] + [entry]
            manifest.write(self._run, entries)
        except OSError as error:
            what = error.strerror or str(error)
            raise CheckpointError(
                f"the checkpoint {self._run.checkpoint(name)} can't be written ({what}); free some space, then resume"
            ) from error
        self._prune(entries, content["config"]["keep"])
        return CheckpointSaved(
            file=f"{CHECKPOINTS}/{name}", epoch=epoch, step=step, bytes=len(data), sha256=digest, reason=reason,
            finite=finite, weights=weights,
        )  # fmt: skip

    def _write_weights(self, model: Any) -> str:
        """Write `model` to `model_weights.pth`. None, which is not finite: the weights of the newest checkpoint that is
        finite and whole; returns its file's name, and "" where there is none, with `model_weights.pth` as it was.
        Raises OSError."""
        if model is not None:
            self._fallback = ""
        elif not self._fallback:
            try:
                good = newest_good(self._run, self._listed())
            except CheckpointError:
                good = None
            if good is None:
                return ""
            self._fallback, model = good[0].file, good[1]["model"]
        if model is not None:
            atomic.write_bytes(self._run.weights, _serialised(model))
        return self._fallback

    def _listed(self) -> list[Entry]:
        """The manifest. One that can't be read is renamed: what it listed is lost, new checkpoints are not."""
        try:
            return manifest.read(self._run)
        except CheckpointError:
            path = self._run.manifest
            path.rename(path.with_suffix(".unreadable"))
            return []

    def _prune(self, entries: list[Entry], keep: str) -> None:
        """Out of the list first: a file without its entry is not a checkpoint, an entry without a file is a bad one."""
        gone = manifest.superfluous(entries, keep, ())
        if not gone:
            return
        gone = manifest.superfluous(entries, keep, self._pinned())
        with contextlib.suppress(OSError):  # the disk has been written just now; what stays is only too much
            manifest.write(self._run, [entry for entry in entries if entry not in gone])
            for entry in gone:
                self._run.checkpoint(entry.file).unlink(missing_ok=True)


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
