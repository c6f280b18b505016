"""A small modern convolutional network."""

import torch
from torch import nn


class ConvNet(nn.Module):
    """Three stages of 3×3 convolution, batch norm and ReLU, halving 28 → 14 → 7 by max pooling; then the mean of each
    channel, dropout and one linear layer.

    `forward` takes [batch, 1, 28, 28] and gives logits [batch, 10]. The convolutions have no bias: batch norm has one.
    """

    def __init__(self, width: int = 16, dropout: float = 0.1) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(1, width),
            nn.MaxPool2d(2),
            *_block(width, 2 * width),
            nn.MaxPool2d(2),
            *_block(2 * width, 4 * width),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(4 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flatten(self.pool(self.features(x)))
        logits: torch.Tensor = self.classifier(self.dropout(x))
        return logits


def _block(channels_in: int, channels_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]
