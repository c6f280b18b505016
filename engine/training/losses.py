"""The loss functions, by name. Each takes logits [batch, classes] and labels [batch] and gives a scalar."""

import torch
from torch import nn
from torch.nn import functional as F


class LogSoftmaxNLL(nn.Module):
    """`nn.NLLLoss` of the log-probabilities of logits. A model that gives log-probabilities itself changes nothing by
    it: log_softmax of log-probabilities is what it was."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.nll_loss(F.log_softmax(logits, dim=1), labels)


class OneHotMSE(nn.Module):
    """`nn.MSELoss` between the model's output and the tutorial's one-hot target, `scatter_` of 1 into zeros."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        target = torch.zeros_like(logits).scatter_(1, labels.unsqueeze(1), 1)
        return F.mse_loss(logits, target)


def make_loss(name: str) -> nn.Module:
    """cross_entropy, nll or mse."""
    losses: dict[str, type[nn.Module]] = {"cross_entropy": nn.CrossEntropyLoss, "nll": LogSoftmaxNLL, "mse": OneHotMSE}
    return losses[name]()
