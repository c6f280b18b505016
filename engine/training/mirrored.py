"""A network that looks at each image twice."""

import torch
from torch import nn


class Mirrored(nn.Module):
    """The mean of a network's logits [batch, classes] for images [batch, C, H, W] and for their mirror images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = (self.network(X) + self.network(X.flip(-1))) / 2
        return logits
