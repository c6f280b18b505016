"""The statistics of the tensors in a file of weights, a few at a time."""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import CheckpointError
from engine.inspection.file_requests import FileStatsProgress, FileStatsRequest
from engine.inspection.running_stats import RunningStats
from engine.inspection.tensor_stats import BINS, TensorStats
from engine.progress import Progress
from engine.weights import tensors
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.requests import MOST_LISTED

TURN_S = 0.03  # seconds of work per request, about


def continue_stats(home: Path, request: FileStatsRequest, progress: Progress) -> FileStatsProgress:
    """Work for TURN_S."""
    work = _work_on(request)
    stats, histograms = work.turn()
    stacked = np.stack(histograms) if histograms else np.zeros((0, BINS), np.int64)
    return FileStatsProgress(work.done, work.share, stats, stacked)


class _Work:
    """Goes through a file's tensors."""

    def __init__(self, contents: Contents, part: str) -> None:
        self._contents = contents
        self._left = [one.name for one in contents.tensors if part in one.name][:MOST_LISTED]
        self._total = max(1, len(self._left))
        self._begun: tuple[str, RunningStats] | None = None  # a tensor under way

    @property
    def done(self) -> bool:
        return not self._left and self._begun is None

    @property
    def share(self) -> float:
        return 1 - (len(self._left) + (self._begun is not None)) / self._total

    def turn(self) -> tuple[dict[str, TensorStats | None], list[npt.NDArray[np.int64]]]:
        """What is done now: the statistics, and the histogram [BINS] of each. Raises CheckpointError where the file has
        changed."""
        found: dict[str, TensorStats | None] = {}
        histograms: list[npt.NDArray[np.int64]] = []
        until = time.monotonic() + TURN_S
        while not self.done and time.monotonic() < until:
            if self._begun is None:
                name = self._left.pop(0)
                try:
                    self._begun = name, RunningStats(tensors.computable(tensors.whole(self._contents, name), name))
                except CheckpointError:
                    found[name] = None
                    histograms.append(np.zeros(BINS, np.int64))
                    continue
            name, running = self._begun
            if running.turn():
                found[name] = running.stats()
                histograms.append(running.histogram)
                self._begun = None
        if found:
            self._contents.refuse_changed()
        return found, histograms


_works: dict[tuple[Path, str], _Work] = {}  # the one under way


def _work_on(request: FileStatsRequest) -> _Work:
    key = request.file, request.filter
    if request.restart or key not in _works:
        _works.clear()
        _works[key] = _Work(contents_of(request.file), request.filter)
    return _works[key]
