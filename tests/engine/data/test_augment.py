"""Augmentation on the device: what each does to a batch, what can be typed, and what draws."""

import pytest
import torch

from engine.data import augment, augmentations
from engine.data.augment import Augment
from engine.data.augmentations import Augmentation
from engine.data.loader import make_batches
from tests.engine.conftest import split

CLASSES = tuple(map(str, range(10)))


def images(count: int = 64, size: int = 12) -> torch.Tensor:
    """Every pixel another number, none of them 0."""
    return torch.arange(1, count * size * size + 1, dtype=torch.float32).reshape(count, 1, size, size)


def test_what_is_typed_is_read_in_its_order() -> None:
    assert augmentations.parse(" FLIP ;shift( 2 ); flip(alternate);; cutout(8)") == (
        Augmentation("flip"),
        Augmentation("shift", 2),
        Augmentation("flip", word="alternate"),
        Augmentation("cutout", 8),
    )
    assert augmentations.spelled("flip();  shift(2)") == "flip; shift(2)"
    assert augmentations.parse("") == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("turn", "'turn' is unknown; choose from flip, shift, cutout"),
        ("RandomCrop(28)", "torchvision's transforms belong to --transform"),
        ("shift", r"shift takes a number of pixels, such as shift\(4\)"),
        ("shift(0)", "from 1 to 64"),
        ("shift(99999)", "from 1 to 64"),
        ("shift(-1)", "takes a number of pixels"),
        ("shift(٣)", "is not of the form"),
        ("flip(2)", r"write flip or flip\(alternate\)"),
        ("cutout(8", "is not of the form"),
        ("flip; " * 17, "it has 17 augmentations; at most 16"),
    ],
)
def test_what_can_not_be_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        augmentations.parse(text)


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_others() -> None:
    torch.manual_seed(0)
    X = images(400)
    made = augment.flip(X)
    mirrored = (made == X.flip(-1)).flatten(1).all(1)
    same = (made == X).flatten(1).all(1)
    assert torch.equal(mirrored, ~same)
    assert 150 < int(mirrored.sum()) < 250


def test_alternate_flips_mirror_each_image_in_one_of_two_epochs() -> None:
    X, index = images(50), torch.arange(50)
    step = Augment(augmentations.parse("flip(alternate)"))
    odd, even, again = (step(X, index, epoch=epoch, seed=3, samples=50) for epoch in (1, 2, 3))
    mirrored = (odd == X.flip(-1)).flatten(1).all(1)
    assert torch.equal((even == X).flatten(1).all(1), mirrored)
    assert torch.equal(odd, again)
    assert int(mirrored.sum()) == 25
    other = step(X, index, epoch=1, seed=4, samples=50)
    assert not torch.equal(odd, other)


@pytest.mark.parametrize("most", [1, 2, 5, 15])
def test_a_shift_moves_whole_images_and_fills_with_zeros(most: int) -> None:
    torch.manual_seed(0)
    X = images(200)
    places = set()
    for made, image in zip(augment.shift(X, most)[:, 0], X[:, 0], strict=True):
        kept = made.nonzero()
        if not len(kept):
            continue
        row, column = kept[0].tolist()
        at = (image == made[row, column]).nonzero()[0]
        down, right = row - int(at[0]), column - int(at[1])
        places.add((down, right))
        moved = torch.zeros_like(image)
        height, width = image.shape
        moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = image[
            max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
        ]
        assert torch.equal(made, moved)
    assert {place for pair in places for place in pair} <= set(range(-most, most + 1))
    assert len(places) > 4


def test_a_cutout_is_one_square_whose_centre_is_any_pixel() -> None:
    torch.manual_seed(0)
    made = augment.cutout(images(500), 4)
    sizes = set()
    for image in made[:, 0]:
        rows, columns = ((image == 0).any(axis).nonzero().flatten() for axis in (1, 0))
        assert int((image == 0).sum()) == len(rows) * len(columns)
        assert len(rows) == rows[-1] - rows[0] + 1
        sizes.add((len(rows), len(columns)))
    assert (4, 4) in sizes
    assert sizes <= {(rows, columns) for rows in range(2, 5) for columns in range(2, 5)}


def test_batches_are_augmented_by_the_global_generator_and_evaluation_is_not_touched() -> None:
    data = split("train", 64)
    step = Augment(augmentations.parse("flip; shift(2); cutout(5)"))
    plain = make_batches(data, CLASSES, batch_size=16, device="cpu", shuffle=True)
    changed = make_batches(data, CLASSES, batch_size=16, device="cpu", shuffle=True, augment=step)
    torch.manual_seed(5)
    first = [(X.clone(), y) for X, y in changed]
    torch.manual_seed(5)
    assert all(torch.equal(X, there) for (X, _), (there, _) in zip(changed, first, strict=True))
    assert not all(torch.equal(X, there) for (X, _), (there, _) in zip(plain, first, strict=True))
    assert all(torch.equal(y, there) for (_, y), (_, there) in zip(plain, first, strict=True))


def test_an_image_by_image_transform_comes_first_and_the_same_images_are_mirrored() -> None:
    from torchvision.transforms import ToTensor

    data = split("train", 40)
    step = Augment(augmentations.parse("flip(alternate)"))
    for shuffle in (False, True):
        resident = make_batches(data, CLASSES, batch_size=16, device="cpu", shuffle=shuffle, seed=2, augment=step)
        loaded = make_batches(
            data, CLASSES, batch_size=16, device="cpu", shuffle=shuffle, seed=2, augment=step, transform=ToTensor()
        )
        for batches in (resident, loaded):
            batches.set_epoch(4)
        assert all(torch.equal(X, there) for (X, _), (there, _) in zip(resident, loaded, strict=True))
