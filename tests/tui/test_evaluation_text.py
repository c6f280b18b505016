"""What `fmnist-tui eval` prints, and the screen that evaluates a file."""

import pytest

from engine.evaluation.metrics import BINS, BinCounts
from engine.evaluation.requests import Evaluation
from tui.columns import width_of
from tui.evaluation_text import evaluation_text


def evaluated(classes: tuple[str, ...]) -> Evaluation:
    """Of each class nine images that are right; one of the first is taken for the last."""
    many = len(classes)
    confusion = [[9 if row == column else 0 for column in range(many)] for row in range(many)]
    confusion[0][-1] += 1
    samples = sum(map(sum, confusion))
    return Evaluation(
        file="x.pt", sha256="0" * 64, model="mlp", data="mine", samples=samples, accuracy=9 * many / samples, loss=0.5,
        loss_per_sample=0.5, batch_size=64, per_class=(0.9,) * many, confusion=tuple(map(tuple, confusion)),
        classes=classes, among_two=samples, bins=(BinCounts(0, 0.0, 0),) * BINS,
    )  # fmt: skip


def matrix(classes: tuple[str, ...]) -> list[str]:
    lines = evaluation_text(evaluated(classes)).splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith("Confusion matrix")) + 1 :]


LONG = tuple(f"a garment for winter, kind {letter}" for letter in "ABCDEFGHIJ")
WIDE = tuple(f"겨울에 입는 옷 {letter}" for letter in "가나다라마바사")


@pytest.mark.parametrize("classes", [LONG, WIDE, ("Bag", "Bag of hand", "Bag of paper"), ("T-Shirt", "Coat")])
def test_each_column_of_the_matrix_stands_over_its_numbers(classes: tuple[str, ...]) -> None:
    heads, *rows = matrix(classes)
    assert len(rows) == len(classes)
    assert {width_of([row]) for row in rows} == {width_of([heads])}


def test_names_that_would_look_alike_when_cut_have_their_numbers() -> None:
    heads, *rows = matrix(LONG)
    assert heads.split() == [part for at in range(10) for part in (str(at), "…")]
    starts = [row.startswith(f"{at} {name} ") for at, (name, row) in enumerate(zip(LONG, rows, strict=True))]
    assert all(starts)
    assert rows[0].split()[-10:] == ["9", *"········", "1"]


def test_names_that_differ_when_cut_stay_as_they_are() -> None:
    heads, first, second = matrix(("T-Shirt", "Coat"))
    assert heads.split() == ["T-Sh…", "Coat"]
    assert (first.split(), second.split()) == (["T-Shirt", "9", "1"], ["Coat", "·", "9"])
