"""Sixels, painted as a terminal paints them."""

import numpy as np
import pytest

from tests.support.pixels import sixel_pixels
from tui.graphics import sixel


@pytest.mark.parametrize("shape", [(1, 1), (6, 6), (7, 5), (28, 28), (13, 40)])
@pytest.mark.parametrize("scale", [1, 2, 5])
def test_every_pixel_has_its_colour(shape: tuple[int, int], scale: int) -> None:
    generator = np.random.default_rng(shape[0] * 100 + scale)
    palette = (generator.integers(0, 101, (9, 3)) * 2.55).round().astype(np.uint8)  # as exact as percent are
    indices = generator.integers(0, 9, shape).astype(np.uint8)
    painted = sixel_pixels(sixel.sequence(indices, palette, scale=scale))
    wanted = palette[indices].repeat(scale, axis=0).repeat(scale, axis=1)
    assert painted.shape == wanted.shape
    assert abs(painted.astype(int) - wanted).max() <= 1


def test_an_area_of_one_colour_is_a_few_characters() -> None:
    flat = np.zeros((60, 200), np.uint8)
    assert len(sixel.sequence(flat, np.zeros((1, 3), np.uint8))) < 150


def test_a_colour_of_256_levels_is_rounded_to_percent() -> None:
    levels = np.arange(256, dtype=np.uint8)
    painted = sixel_pixels(sixel.sequence(levels[None], levels[:, None].repeat(3, axis=1)))
    assert abs(painted[0, :, 0].astype(int) - levels).max() <= 2


def test_it_is_painted_in_its_place_and_the_cursor_comes_back() -> None:
    assert sixel.at(4, 0, "…") == "\x1b7\x1b[5;1H…\x1b8"
