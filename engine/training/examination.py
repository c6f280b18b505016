"""Evaluating a training's network: the sets after each epoch, interrupted by a stop."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from engine.training import determinism, running_time, test_time
from engine.training.loop import Batch, Score, test_loop
from engine.training.setup import TrainingSetup


class InterruptedEvaluation(Exception):  # noqa: N818
    """The way out of an evaluation when the run is to stop; the generators are as they were before it."""


class Examination:
    """Evaluates the network on the sets of a run."""

    def __init__(self, prepared: TrainingSetup, stop_wanted: Callable[[], bool]) -> None:
        """`stop_wanted`: whether an evaluation is to be interrupted."""
        self.rng_before: Mapping[str, Any] | None = None  # the generators' states before the evaluation under way
        self._prepared = prepared
        self._stop_wanted = stop_wanted

    def of_epoch(self) -> dict[str, tuple[Score, float]]:
        """The scores after an epoch, by the sets' names, each with the seconds that it took. Raises
        InterruptedEvaluation."""
        return self._scores(self._prepared.sets_of_epoch)

    def of_test(self) -> tuple[Score, float]:
        """The score on the test set, and the seconds that it took. Raises InterruptedEvaluation."""
        return self._scores(("test",))["test"]

    def _scores(self, names: Iterable[str]) -> dict[str, tuple[Score, float]]:
        self.rng_before = determinism.capture()
        try:
            found = {name: self._score(name) for name in names}
        except InterruptedEvaluation:
            determinism.restore(self.rng_before)
            raise
        self.rng_before = None
        return found

    def _score(self, name: str) -> tuple[Score, float]:
        p, team = self._prepared, self._prepared.team
        begin = running_time.now()
        batches = islice(p.evaluated_batches[name], team.rank, None, team.size)
        network = test_time.evaluated(p.evaluated_network, p.config.tta)
        mine = test_loop(self._unless_stopped(batches), network, p.loss_fn, len(p.dataset.classes))
        return Score.together(team.gather(mine)), running_time.now() - begin

    def _unless_stopped(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if self._stop_wanted() and self._prepared.team.size == 1:
                raise InterruptedEvaluation
            yield batch
