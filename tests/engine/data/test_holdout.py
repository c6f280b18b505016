"""The images that are held out for validation: how many, which, and that they are the same for ever."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.dataset import Split
from engine.data.holdout import HoldOut, parse, split_off
from engine.errors import ConfigError

SMALL = [2, 5, 7, 8, 10, 17]


def of(labels: "list[int] | np.ndarray[tuple[int], np.dtype[np.uint8]]") -> Split:
    """A training set with these labels, each image filled with its index modulo 251."""
    given_labels = np.asarray(labels, np.uint8)
    images = np.broadcast_to(
        (np.arange(len(given_labels)) % 251).astype(np.uint8)[:, None, None], (len(labels), 28, 28)
    )
    return Split("train", images, given_labels)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("0", None),
        ("5000", HoldOut(count=5000)),
        (" 5000 : 3 ", HoldOut(count=5000, seed=3)),
        ("0.1", HoldOut(share=0.1)),
        (".25:7", HoldOut(share=0.25, seed=7)),
        ("10%", HoldOut(share=0.1)),
        ("5e-2", HoldOut(share=0.05)),
    ],
)
def test_what_can_be_typed(text: str, wanted: HoldOut | None) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("many", "such as 5000"),
        ("-5", "such as 5000"),
        ("5000:", "such as 5000"),
        ("5000:x", "such as 5000"),
        ("5000:-1", "such as 5000"),
        ("1.0", "less than 1"),
        ("0.0", "more than 0"),
        ("100%", "less than 1"),
        ("1.5", "less than 1"),
        ("10000000000", "1000000000"),
        ("1:4294967296", "4294967295"),
        ("nan", "such as 5000"),
        ("1e400", "less than 1"),
        ("５０００", "such as 5000"),
    ],
)
def test_what_can_not(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


@given(
    labels=st.lists(st.integers(0, 6), min_size=2, max_size=300),
    share=st.floats(0.01, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_class_gives_its_share_and_keeps_an_image(labels: list[int], share: float, seed: int) -> None:
    train, wanted = of(labels), HoldOut(share=share, seed=seed)
    count, classes = wanted.images(len(labels)), len(set(labels))
    if not 1 <= count <= len(labels) - classes:
        with pytest.raises(ConfigError, match="--val"):
            split_off(train, wanted)
        return
    found = split_off(train, wanted)
    assert len(found.val) == count
    assert (np.diff(found.indices) > 0).all(), "in the files' order, none twice"
    rest = np.setdiff1d(np.arange(len(labels)), found.indices)
    for part, at in ((found.val, found.indices), (found.train, rest)):
        assert (part.labels == train.labels[at]).all()
        assert (part.images == train.images[at]).all()
    for label in set(labels):
        there, drawn = labels.count(label), int((found.val.labels == label).sum())
        assert drawn < there
        assert abs(drawn - count * there / len(labels)) < classes
    assert split_off(train, wanted).sha256 == found.sha256


def test_the_shares_are_exact_where_they_can_be() -> None:
    found = split_off(of([0] * 60 + [1] * 30 + [2] * 10), HoldOut(count=10))
    assert np.bincount(found.val.labels).tolist() == [6, 3, 1]
    found = split_off(of([0] * 50 + [1] * 50), HoldOut(count=7))
    assert np.bincount(found.val.labels).tolist() == [4, 3], "what is left goes to the first of equal remainders"


def test_a_seed_draws_others_and_a_smaller_part_lies_in_a_larger_one() -> None:
    train = of(np.repeat(np.arange(10, dtype=np.uint8), 100))
    first, other = (set(split_off(train, HoldOut(count=200, seed=seed)).indices.tolist()) for seed in (0, 1))
    assert len(first & other) < 100
    assert set(split_off(train, HoldOut(count=50)).indices.tolist()) < first


def test_they_are_the_same_for_ever() -> None:
    """Figures of the first version: a run of it must have the same validation images with any NumPy."""
    train = of(np.repeat(np.arange(10, dtype=np.uint8), 6000))
    found = split_off(train, HoldOut(count=5000))
    assert found.sha256 == "7affe9b8f7fc9ed915ddf31564498ff368df477857104eec95bfa9ef4fb5fd41"
    small = split_off(of([0, 1] * 10), HoldOut(count=6, seed=3))
    assert small.indices.tolist() == SMALL
    assert small.sha256 == hashlib.sha256(np.array(SMALL, "<i8").tobytes()).hexdigest()


def test_neither_the_generators_nor_their_states_are_touched() -> None:
    np.random.seed(4)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    split_off(of([0, 1] * 50), HoldOut(count=10))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]


def test_what_is_typed_is_checked_without_numpy() -> None:
    script = "import sys, engine.data.holdout as h; h.parse('5000:1'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("5000", "5,000"), ("0.1", "10%"), ("10%", "10%"), ("1e-1:3", "10%:3"), ("0.07", "7%"), (".125", "12.5%"),
     ("500:12", "500:12")],
)  # fmt: skip
def test_the_same_amount_looks_the_same_however_it_was_typed(text: str, shown: str) -> None:
    wanted = parse(text)
    assert str(wanted) == shown
    assert parse(shown.replace(",", "")) == wanted
