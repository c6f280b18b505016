"""The losses: one entry each. Each takes logits [batch, classes] and labels [batch] and gives a scalar.

The entries import no torch; `make_loss` does.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.training.setting import number_text

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class LossEntry:
    """One loss."""

    maker: str  # the nn.Module class, as pkgutil.resolve_name takes it
    pytorch: str  # how PyTorch spells it, without arguments
    about: str  # for the form
    settings: tuple[str, ...] = ()  # which of our settings it takes in training, by the names of its own arguments

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What it is called with where it trains; it evaluates without arguments, so that the losses of runs can be
        compared."""
        return {name: values[name] for name in self.settings if values[name]}

    def in_pytorch(self, values: Mapping[str, Any]) -> str:
        """`torch.nn.CrossEntropyLoss(label_smoothing=0.1)`."""
        given = ", ".join(f"{name}={number_text(value)}" for name, value in self.arguments(values).items())
        return f"{self.pytorch.removesuffix('()')}({given})"


LOSSES: dict[str, LossEntry] = {
    "cross_entropy": LossEntry(
        maker="torch.nn.CrossEntropyLoss",
        pytorch="torch.nn.CrossEntropyLoss()",
        about="softmax and negative log-likelihood in one",
        settings=("label_smoothing",),
    ),
    "nll": LossEntry(
        maker="engine.training.loss_modules.LogSoftmaxNLL",
        pytorch="torch.nn.NLLLoss()",
        about="negative log-likelihood of the log-softmax",
    ),
    "mse": LossEntry(
        maker="engine.training.loss_modules.OneHotMSE",
        pytorch="torch.nn.MSELoss()",
        about="mean squared error against one-hot targets",
    ),
}


def make_loss(name: str, **arguments: Any) -> "nn.Module":
    """The loss of that name in LOSSES. `arguments`: those of `LossEntry.arguments`, where it trains."""
    made: nn.Module = pkgutil.resolve_name(LOSSES[name].maker)(**arguments)
    return made
