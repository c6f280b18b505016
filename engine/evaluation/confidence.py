"""How sure a network is of what it predicts, counted while a split is gone through."""

import torch
from torch import nn

from engine.evaluation.metrics import BINS, BinCounts


class Confidence(nn.Module):
    """A loss, in whose place it stands, that counts besides: the softmax probabilities of the predictions against the
    labels. The counts stay on the device until they are asked for."""

    def __init__(self, loss_fn: nn.Module) -> None:
        super().__init__()
        self._loss_fn = loss_fn
        self._counts: torch.Tensor | None = None  # [4, BINS]: images, sums of confidences, right ones, right in two

    def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss, as it is without this."""
        self._add(outputs, labels)
        loss: torch.Tensor = self._loss_fn(outputs, labels)
        return loss

    def _add(self, outputs: torch.Tensor, labels: torch.Tensor) -> None:
        """One batch: what the network gives, [batch, classes], and the labels, int64 [batch]. Outputs without a highest
        one, NaN, count as a confidence of 0."""
        probability = outputs.detach().to(torch.float64).softmax(1).nan_to_num(0.0)
        confidence, _ = probability.max(1)
        right = outputs.argmax(1) == labels  # as the test loop counts
        two = outputs.topk(min(2, outputs.shape[1]), dim=1).indices
        among = right | (two == labels[:, None]).any(1)
        at = (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)
        rows = torch.stack([torch.ones_like(confidence), confidence, right.double(), among.double()])
        if self._counts is None:
            self._counts = torch.zeros(4, BINS, dtype=torch.float64, device=outputs.device)
        self._counts.index_add_(1, at, rows)

    @property
    def bins(self) -> tuple[BinCounts, ...]:
        """The counts of each bin of the highest probability, from 0 to 1."""
        if self._counts is None:
            return (BinCounts(0, 0.0, 0),) * BINS
        images, confidence, right, _ = self._counts.tolist()
        return tuple(
            BinCounts(int(n), total, int(hits)) for n, total, hits in zip(images, confidence, right, strict=True)
        )

    @property
    def among_two(self) -> int:
        """The images whose label is one of the two most probable classes."""
        return 0 if self._counts is None else int(self._counts[3].sum())
