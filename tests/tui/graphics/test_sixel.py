"""Sixels, painted as a terminal paints them."""

import numpy as np
import pytest

from tests.support.pixels import LEFT, sixel_pixels
from tui.graphics import sixel


@pytest.mark.parametrize("shape", [(1, 1), (6, 6), (7, 5), (28, 28), (13, 40)])
@pytest.mark.parametrize("scale", [1, 2, 5])
def test_every_pixel_has_its_colour(shape: tuple[int, int], scale: int) -> None:
    generator = np.random.default_rng(shape[0] * 100 + scale)
    palette = (generator.integers(0, 101, (9, 3)) * 2.55).round().astype(np.uint8)  # as exact as percent are
    indices = generator.integers(0, 9, shape).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
    painted = sixel_pixels(sixel.sequence(indices, palette))
    assert painted.shape == (*indices.shape, 3)
    assert abs(painted.astype(int) - palette[indices]).max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_what_is_not_painted_stays_as_it_is(share: float) -> None:
    generator = np.random.default_rng(int(10 * share))
    palette = np.array([(0, 0, 0), (255, 255, 255), (255, 0, 0)], np.uint8)
    indices = generator.integers(0, 3, (20, 31)).astype(np.uint8).repeat(3, axis=1)
    mask = (generator.random((20, 31)) < share).repeat(3, axis=1)
    painted = sixel_pixels(sixel.sequence(indices, palette, mask))
    assert (painted[mask] == palette[indices][mask]).all()
    assert (painted[~mask] == LEFT).all()


def test_an_area_of_one_colour_is_a_few_characters() -> None:
    flat = np.zeros((60, 200), np.uint8)
    assert len(sixel.sequence(flat, np.zeros((1, 3), np.uint8))) < 150


def test_a_colour_of_256_levels_is_rounded_to_percent() -> None:
    levels = np.arange(256, dtype=np.uint8)
    painted = sixel_pixels(sixel.sequence(levels[None], levels[:, None].repeat(3, axis=1)))
    assert abs(painted[0, :, 0].astype(int) - levels).max() <= 2


def test_it_is_painted_in_its_place_and_the_cursor_comes_back() -> None:
    assert sixel.at(4, 0, "…") == "\x1b7\x1b[5;1H…\x1b8"
