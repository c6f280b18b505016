import torch
from torch import nn

from engine.training.losses import make_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
LABELS = torch.tensor([0, 2])


def test_nll_of_logits_is_cross_entropy() -> None:
    torch.testing.assert_close(make_loss("nll")(LOGITS, LABELS), nn.CrossEntropyLoss()(LOGITS, LABELS))


def test_nll_takes_log_probabilities_as_they_are() -> None:
    log_probabilities = nn.LogSoftmax(dim=1)(LOGITS)
    torch.testing.assert_close(make_loss("nll")(log_probabilities, LABELS), nn.NLLLoss()(log_probabilities, LABELS))


def test_mse_is_against_the_tutorials_one_hot_target() -> None:
    # By hand: ((2-1)² + (-1)² + 0.5² + 0.1² + 0.2² + (0.3-1)²) / 6
    assert abs(make_loss("mse")(LOGITS, LABELS).item() - (1 + 1 + 0.25 + 0.01 + 0.04 + 0.49) / 6) < 1e-6
