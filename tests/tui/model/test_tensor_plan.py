"""How the room of a tensor's screen is shared: all within it, nothing over another, and no large part of it empty."""

from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Region

from tui.model.tensor_plan import NONE, Mode, Plan, of_a_vector, of_few, of_matrices

MODES = st.sampled_from(["values", "map", "pictures"])
ROOM = st.tuples(st.integers(30, 200), st.integers(8, 60))


def holds(plan: Plan, room: tuple[int, int]) -> None:
    shown = [part for part in (plan.numbers, plan.map, plan.pictures, plan.charts, plan.exact) if part != NONE]
    assert shown
    for at, part in enumerate(shown):
        assert Region(0, 0, *room).contains_region(part)
        assert not any(part.overlaps(other) for other in shown[at + 1 :])


@settings(deadline=None)
@given(MODES, ROOM, st.data())
def test_parts_are_in_the_room_and_not_over_each_other(mode: Mode, room: tuple[int, int], data: st.DataObject) -> None:
    numbers = data.draw(st.tuples(st.integers(1, room[0]), st.integers(2, room[1])))
    holds(of_a_vector(mode, room, numbers), room)
    holds(of_few(room, numbers, data.draw(st.integers(1, 2))), room)
    shape = data.draw(st.tuples(st.integers(1, 900), st.integers(1, 900)))
    width = data.draw(st.integers(0, room[0]))
    holds(of_matrices(mode, room, numbers, shape, pictured=data.draw(st.booleans()), map_width=width), room)


def largest_free(room: tuple[int, int], used: list[Region]) -> int:
    """Cells of the largest rectangle that none of the parts has."""
    heights, most = [0] * room[0], 0
    for y in range(room[1]):
        heights = [0 if any(part.contains(x, y) for part in used) else height + 1 for x, height in enumerate(heights)]
        for x, height in enumerate(heights):
            for end in range(x, room[0]):
                height = min(height, heights[end])
                if not height:
                    break
                most = max(most, height * (end - x + 1))
    return most


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 136), st.integers(2, 38))
def test_no_quarter_of_the_window_is_empty_beside_or_below_the_numbers(wide: int, high: int) -> None:
    room, numbers = (136, 38), (wide, high)
    for plan in (of_a_vector("values", room, numbers), of_matrices("values", room, numbers, (9, 9), pictured=False)):
        used = [Region(0, 0, wide, high), plan.map, plan.charts]
        assert largest_free(room, used) <= 140 * 45 / 4, (wide, high, plan)
