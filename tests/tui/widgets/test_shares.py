"""Parts of a whole as rectangles."""

import itertools

import pytest
from textual.app import App, ComposeResult

from tui.widgets.shares import CHOSEN, SIGN, Area, Shares, areas

PARTS = {
    "one": [("w", 7)],
    "like a network's": [("0.weight", 401_408), ("0.bias", 512), ("1.weight", 5120), ("1.bias", 10)],
    "alike": [(f"p{at}", 5) for at in range(12)],
    "some empty": [("a", 0), ("b", 3), ("c", 0), ("d", 1)],
    "very many": [(f"p{at}", at + 1) for at in range(3000)],
    "each half of the one before": [(f"p{at}", 2**at) for at in range(900)],
}


def cells(area: Area) -> set[tuple[int, int]]:
    return set(itertools.product(range(area.left, area.left + area.width), range(area.top, area.top + area.height)))


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize(("width", "height"), [(80, 30), (20, 30), (7, 3), (1, 1)])
def test_the_areas_fill_the_room_and_do_not_overlap(parts: list[tuple[str, int]], width: int, height: int) -> None:
    found = list(areas(parts, width, height))
    assert sum(area.width * area.height for area in found) == width * height
    assert len(set[tuple[int, int]]().union(*map(cells, found))) == width * height
    whole = sum(size for _, size in parts)
    assert all(area.share == dict(parts)[area.name] / whole > 0 for area in found)


def test_each_area_is_near_its_share() -> None:
    for area in areas([("a", 50), ("b", 30), ("c", 20)], 100, 40):
        assert area.width * area.height == pytest.approx(area.share * 100 * 40, rel=0.05)


class SharesApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Shares()


async def test_the_chosen_part_stands_out_without_colours_and_large_ones_have_their_names() -> None:
    app = SharesApp()
    async with app.run_test(size=(40, 10)) as pilot:
        shown = app.query_one(Shares)
        shown.show([("left", 3), ("right\x1b[2J", 1)], "left")
        await pilot.pause()
        lines = shown.text().splitlines()
        assert " left  75.0% " in lines[1]
        assert "\x1b" not in shown.text()
        assert set(lines[0]) == {CHOSEN, " ", SIGN}
        assert lines[0].index(" ") == 29
        shown.show([("left", 3), ("right", 1)], "right")
        assert shown.text().splitlines()[0].startswith(SIGN)
        shown.show([], "")
        assert not shown.text().strip()
