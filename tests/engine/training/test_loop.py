"""The test loop's numbers, on predictions that differ from class to class: rows are the true classes."""

import dataclasses

import pytest
import torch
from torch import nn

from engine.training import loop
from engine.training.events import Evaluated
from engine.training.loop import Score

LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2])
PREDICTED = torch.tensor([0, 1, 1, 2, 1, 0, 0])
CONFUSION = ((1, 2, 1, 0), (1, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Of three samples, three, and one; each sample is its own logits."""
    logits = 2.0 * torch.nn.functional.one_hot(PREDICTED, 4)
    return list(zip(logits.split(3), LABELS.split(3), strict=True))


def test_a_row_of_the_confusion_matrix_is_a_true_class_and_a_column_a_prediction() -> None:
    model, loss_fn = nn.Identity(), nn.CrossEntropyLoss()
    model.train()
    score = loop.test_loop(batches(), model, loss_fn, 4)
    assert score.confusion == CONFUSION
    assert not model.training
    assert score.losses == pytest.approx([float(loss_fn(X, y)) for X, y in batches()])
    assert score.sizes == tuple(len(y) for _, y in batches())
    together = float(loss_fn(torch.cat([X for X, _ in batches()]), torch.cat([y for _, y in batches()])))
    assert len(set(score.sizes)) > 1
    assert score.loss_per_sample == pytest.approx(together, rel=1e-6)
    assert score.loss != pytest.approx(together, rel=1e-3), "the mean of unequal batches' means is another number"


def test_accuracy_is_of_all_samples_and_each_classs_of_its_own() -> None:
    score = Score((1.0, 4.0), CONFUSION, (4, 3))
    assert score.accuracy == 2 / 7  # not the mean over the classes
    assert score.per_class == (1 / 4, 1 / 2, 0.0, None)
    assert score.loss == 2.5
    assert score.loss_per_sample == (4 * 1.0 + 3 * 4.0) / 7


def test_a_metric_is_a_property_of_the_score_and_a_field_of_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class WithWorst(Evaluated):
        worst_class: int = -1

    monkeypatch.setattr(loop, "Evaluated", WithWorst)
    monkeypatch.setattr(Score, "worst_class", property(lambda self: 2), raising=False)
    assert Score((1.0, 4.0), CONFUSION, (4, 3)).metrics() == {
        "loss": 2.5, "loss_per_sample": 16 / 7, "accuracy": 2 / 7, "per_class": [1 / 4, 1 / 2, 0.0, None],
        "confusion": [list(row) for row in CONFUSION], "worst_class": 2,
    }  # fmt: skip


def test_parts_of_several_processes_come_together_batch_by_batch() -> None:
    first = Score((0.0, 2.0, 4.0), ((1, 2), (3, 4)), (8, 8, 5))
    second = Score((1.0, 3.0), ((10, 20), (30, 40)), (8, 8))
    assert Score.together([first, second]) == Score((0.0, 1.0, 2.0, 3.0, 4.0), ((11, 22), (33, 44)), (8, 8, 8, 8, 5))


def test_a_process_without_a_batch_counts_nothing() -> None:
    assert loop.test_loop([], nn.Identity(), nn.CrossEntropyLoss(), 2) == Score((), ((0, 0), (0, 0)), ())


def test_an_epoch_of_training_is_the_tutorials_lines() -> None:
    torch.manual_seed(0)
    model, same = nn.Linear(3, 4), nn.Linear(3, 4)
    same.load_state_dict(model.state_dict())
    loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.5)
    data = [(torch.randn(5, 3), torch.tensor([0, 1, 2, 3, 0])) for _ in range(3)]
    model.eval()
    losses = list(loop.train_loop(data, model, loss_fn, optimizer))
    assert model.training
    assert not any(loss.requires_grad for loss in losses)
    for (X, y), told in zip(data, losses, strict=True):
        loss = loss_fn(same(X), y)
        assert float(told) == float(loss)
        gradients = torch.autograd.grad(loss, list(same.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(same.parameters(), gradients, strict=True):
                parameter.sub_(0.5 * gradient)
    assert torch.allclose(model.weight, same.weight)
    assert all(parameter.grad is None for parameter in model.parameters())
