"""The tutorial's network."""

import math

import torch
from torch import nn


class NeuralNetwork(nn.Module):
    """784 → 512 → 512 → 10 with ReLU between, as in the course: the same attribute and parameter names.

    `forward` takes images of shape [batch, *`shape`] and gives logits [batch, `classes`].
    """

    def __init__(self, classes: int = 10, shape: tuple[int, ...] = (1, 28, 28)) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(math.prod(shape), 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flatten(x)
        logits: torch.Tensor = self.linear_relu_stack(x)
        return logits
