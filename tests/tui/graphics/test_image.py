import numpy as np
import pytest

from tui.graphics.image import RAMP, cell_style, half_block_lines, resized

IMAGE = np.arange(28 * 28, dtype=np.uint32).reshape(28, 28).astype(np.uint8)


@pytest.mark.parametrize(
    ("colors", "environ", "encoding", "style"),
    [
        ("truecolor", {}, "UTF-8", "blocks"),
        ("256", {}, "utf8", "blocks"),
        ("standard", {}, "UTF-8", "ascii"),
        (None, {}, "UTF-8", "ascii"),
        ("truecolor", {"NO_COLOR": "1"}, "UTF-8", "ascii"),
        ("truecolor", {"NO_COLOR": ""}, "UTF-8", "blocks"),  # empty is as good as absent (no-color.org)
        ("truecolor", {}, "ISO-8859-1", "ascii"),
    ],
)
def test_pictures_are_drawn_with_what_the_terminal_has(
    colors: str | None, environ: dict[str, str], encoding: str, style: str
) -> None:
    assert cell_style(colors, environ, encoding) == style


def test_a_half_block_is_two_pixels_one_above_the_other() -> None:
    lines = half_block_lines(IMAGE, "blocks")
    assert len(lines) == 14
    for y, line in enumerate(lines):
        cells = [(segment.style, character) for segment in line for character in segment.text]
        assert len(cells) == 28
        for x, (style, character) in enumerate(cells):
            assert character == "▀"
            assert style is not None
            assert style.color is not None
            assert style.bgcolor is not None
            assert style.color.triplet == (IMAGE[2 * y, x],) * 3
            assert style.bgcolor.triplet == (IMAGE[2 * y + 1, x],) * 3


def test_characters_go_from_dark_to_bright() -> None:
    ramp = np.repeat(np.linspace(0, 255, 28).astype(np.uint8)[None], 28, axis=0)
    (line, *_) = half_block_lines(ramp, "ascii")
    text = "".join(segment.text for segment in line)
    assert (text[0], text[-1]) == (RAMP[0], RAMP[-1])
    assert [RAMP.index(character) for character in text] == sorted(RAMP.index(character) for character in text)
    assert all(segment.style is not None for segment in line)  # or Textual's NO_COLOR filter fails


def test_a_resized_picture_keeps_its_mean_and_its_colours_apart() -> None:
    half = resized(IMAGE, 14)
    means = IMAGE.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    assert half.tolist() == np.floor(means + 0.5).astype(int).tolist()
    for side in (10, 18, 42):
        assert resized(IMAGE, side).mean() == pytest.approx(IMAGE.mean(), abs=1)
    assert (resized(IMAGE, 56) == IMAGE.repeat(2, axis=0).repeat(2, axis=1)).all()
    red = np.zeros((28, 28, 3), np.uint8)
    red[..., 0] = 200
    assert resized(red, 18).tolist() == [[[200, 0, 0]] * 18] * 18


def test_a_resized_picture_keeps_its_shape_with_black_beside_it() -> None:
    tall = resized(np.full((40, 20), 90, np.uint8), 20)
    assert (tall[:, 5:15] == 90).all()
    assert not tall[:, :5].any()
    assert not tall[:, 15:].any()
