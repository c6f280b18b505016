"""The losses that PyTorch does not have in this form."""

import torch
from torch import nn
from torch.nn import functional as F


class LogSoftmaxNLL(nn.Module):
    """`nn.NLLLoss` of the log-probabilities of logits. It changes nothing for a model that returns log-probabilities
    itself: their log_softmax is the same."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.nll_loss(F.log_softmax(logits, dim=1), labels)


class OneHotMSE(nn.Module):
    """`nn.MSELoss` between the model's output and the tutorial's one-hot target, `scatter_` of 1 into zeros."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        target = torch.zeros_like(logits).scatter_(1, labels.unsqueeze(1), 1)
        return F.mse_loss(logits, target)
