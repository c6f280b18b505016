"""The losses: one entry each. Each takes logits [batch, classes] and labels [batch] and gives a scalar.

The entries import no torch; `make_loss` does.
"""

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class LossEntry:
    """One loss."""

    maker: str  # the nn.Module class, as pkgutil.resolve_name takes it; it is called without arguments
    pytorch: str  # how PyTorch spells it
    about: str  # for the form
    settings: tuple[str, ...] = ()  # which of our settings apply to it alone


LOSSES: dict[str, LossEntry] = {
    "cross_entropy": LossEntry(
        maker="torch.nn.CrossEntropyLoss",
        pytorch="torch.nn.CrossEntropyLoss()",
        about="softmax and negative log-likelihood in one",
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


def make_loss(name: str) -> "nn.Module":
    """The loss of that name in LOSSES."""
    made: nn.Module = pkgutil.resolve_name(LOSSES[name].maker)()
    return made
