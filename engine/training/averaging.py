"""Averaged weights: beside the network that is trained a second one, which is evaluated and which checkpoints hold."""

import contextlib
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import swa_utils

from engine.data.loader import Batches
from engine.training import determinism
from engine.training.config import TrainConfig


class Averaging:
    """The mean of the network's weights over its steps (EMA) or over the ends of its last epochs (SWA):
    torch.optim.swa_utils.AveragedModel.

    EMA averages the buffers too. After SWA the statistics of batch norms are computed anew, from the training set, as
    swa_utils.update_bn does.
    """

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        self.kind = config.average
        self.states = 0  # of the network that are in the mean
        self._network = network
        self._epoch = 0  # the last one that is in it (SWA)
        ema = self.kind == "ema"
        of_ema, of_swa = swa_utils.get_ema_multi_avg_fn, swa_utils.get_swa_multi_avg_fn
        average: Any = of_ema(config.average_decay) if ema else of_swa()  # type: ignore[no-untyped-call]
        self._averaged = swa_utils.AveragedModel(network, multi_avg_fn=average, use_buffers=ema)
        self._averaged.requires_grad_(False)
        self.words = f"EMA {config.average_decay:g}" if ema else "SWA"

    @property
    def network(self) -> nn.Module:
        """The averaged network; before the first state is in it, the one that is trained."""
        module: nn.Module = self._averaged.module
        return module if self.states else self._network

    def on_step(self) -> None:
        """A step is done."""
        if self.kind == "ema":
            self._take()

    def on_epoch(self, epoch: int, config: TrainConfig, batches: Batches) -> None:
        """The epoch is done, and the network is about to be evaluated; once more after an evaluation that was broken
        off. `config`: as of now; `batches`: of the training set, whose place and settings stay as they are."""
        if self.kind == "swa" and epoch != self._epoch and epoch >= config.average_from * config.epochs:
            self._take()
            self._epoch = epoch
            with _undrawn():
                swa_utils.update_bn(batches.copy(), self._averaged.module)

    def _take(self) -> None:
        self._averaged.update_parameters(self._network)
        self.states += 1

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it beside the weights."""
        return {"kind": self.kind, "states": self.states, "epoch": self._epoch, "words": self.words}

    def load(self, state: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
        """Continue with what `state_dict` returned, and the averaged network's weights."""
        self._averaged.module.load_state_dict(weights)
        self.states, self._epoch = int(state["states"]), int(state["epoch"])
        self._averaged.n_averaged.fill_(self.states)


@contextlib.contextmanager
def _undrawn() -> Any:
    """Whatever is drawn inside: the global generators go on from where they were."""
    before = determinism.capture()
    try:
        yield
    finally:
        determinism.restore(before)
