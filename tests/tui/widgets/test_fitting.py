"""What does not fit is cut where no number loses a digit."""

import pytest
from rich.cells import cell_len

from tui.format import counts
from tui.widgets.lines import fit_facts, fit_parts, fit_title, wrapped_facts, wrapped_path
from tui.widgets.rows import Column, Row, snug, whole_numbers


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "out Linear(in_features=12, out_features=10, bias=True)"),
        (50, "out Linear(in_features=12, out_features=10, …"),
        (28, "out Linear(in_features=12, …"),
        (27, "out Linear(in_features=12,…"),
        (26, "out Linear(in_features=12…"),
        (8, "out Lin…"),
    ],
)
def test_a_call_is_cut_between_its_arguments(width: int, shown: str) -> None:
    assert fit_parts("out Linear(in_features=12, out_features=10, bias=True)", width) == shown
    assert len(shown) <= width


def test_an_argument_with_commas_of_its_own_stays_whole() -> None:
    assert fit_parts("0 Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1))", 33) == "0 Conv2d(3, 64, …"
    assert (
        fit_parts("0 Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1))", 37) == "0 Conv2d(3, 64, kernel_size=(3, 3), …"
    )


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("branch of a at epoch 2, step 100 · started 2026-01-01", 60, None),
        ("branch of a at epoch 2, step 100 · started 2026-01-01", 50, "branch of a at epoch 2, step 100 · …"),
        ("branch of a at epoch 2, step 100 · started 2026-01-01", 40, "branch of a at epoch 2, step 100 · star…"),
        ("branch of a at epoch 2, step 100 · started 2026-01-01", 31, "branch of a at epoch 2, …"),
        ("torchvision:vgg16, without values, 1,000 classes", 45, "torchvision:vgg16, without values, 1,000 cla…"),
        ("torchvision:vgg16, without values, 1,000 classes", 37, "torchvision:vgg16, without values, …"),
        ("138,357,544", 8, "138,357…"),
    ],
)
def test_facts_are_whole_or_not_there(text: str, width: int, shown: str | None) -> None:
    assert fit_facts(text, width) == (shown or text)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("t [5, 3] torch.float32 · 60 B · strides (3, 1)", 60, ["t [5, 3] torch.float32 · 60 B · strides (3, 1)"]),
        ("t [5, 3] torch.float32 · 60 B · strides (3, 1)", 32, ["t [5, 3] torch.float32 · 60 B", "  strides (3, 1)"]),
        ("t [5, 3] torch.float32 · 60 B", 16, ["t [5, 3]", "  torch.float32", "  60 B"]),
        ("  n ███ [5] strides (1,)", 17, ["  n ███ [5]", "    strides (1,)"]),
        ("가나다 라마 · 바사", 11, ["가나다 라마", "  바사"]),
        ("m: " + "x" * 20, 12, ["m:", "  " + "x" * 10, "  " + "x" * 10]),
        ("", 10, [""]),
    ],
)
def test_facts_go_on_in_the_next_line_and_nothing_is_lost(text: str, width: int, lines: list[str]) -> None:
    assert wrapped_facts(text, width) == lines


@pytest.mark.parametrize("width", range(2, 30))
def test_facts_are_no_wider_than_their_room(width: int) -> None:
    text = "  t [5, 3] torch.float32 · 60 B · 한국어 · averyverylongword"
    assert max(map(cell_len, wrapped_facts(text, width))) <= width


@pytest.mark.parametrize(
    ("path", "width", "lines"),
    [
        ("/home/me/notes.py", 20, ["/home/me/notes.py"]),
        ("/home/me/notes.py", 16, ["/home/me/", "notes.py"]),
        ("/home/me/2_data and more.py", 18, ["/home/me/", "2_data and more.py"]),
        ("/a/experiment-of-monday-1.py", 14, ["/a/", "experi…ay-1.py"]),
        ("/한국어/문서/장.py", 11, ["/한국어/", "문서/장.py"]),
        ("relative.py", 30, ["relative.py"]),
        ("", 10, [""]),
    ],
)
def test_a_path_is_broken_at_slashes_and_a_name_keeps_its_end(path: str, width: int, lines: list[str]) -> None:
    assert wrapped_path(path, width) == lines


def test_counts_are_whole_where_all_of_them_fit() -> None:
    assert counts([138_357_544, 1_792, 0], 12) == ["138,357,544", "1,792", ""]
    assert counts([1_138_357_544, 1_792, 0], 12) == ["1.14 G", "1.79 k", ""]


def test_a_column_of_numbers_is_as_wide_as_they_are() -> None:
    columns = (Column("name", -4), Column("mean", 6, right=True), Column("zeros", 9, right=True))
    made = whole_numbers(columns, [Row("a", ("a-long-name", "-0.000175", "0%"))])
    assert [column.width for column in made] == [-4, 9, 5]


def test_columns_are_no_wider_than_what_is_in_them() -> None:
    columns = (Column("name", -8), Column("shape", 13), Column("in", 6), Column("mean", 4, right=True))
    rows = [Row("a", ("a-long-name", "2×2", "far too long", "-0.000175")), Row("b", ("b", "512×784", "", ""))]
    assert [column.width for column in snug(columns, rows)] == [-8, 7, 6, 9]
    assert [column.width for column in snug(columns, [])] == [-8, 5, 2, 4]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("20261128-142828-7b37 · epoch 10", 40, None),
        ("20261128-142828-7b37 · epoch 10", 24, "202611…8-7b37 · epoch 10"),
        ("20261128-142828-7b37 · epoch 10", 12, None),
        ("train image 12 of 60,000", 20, None),
    ],
)
def test_a_title_keeps_the_facts_behind_its_name(text: str, width: int, shown: str | None) -> None:
    made = fit_title(text, width)
    assert cell_len(made) <= width
    facts = text.split(" · ")[1:]
    room = width - sum(3 + len(fact) for fact in facts)
    if facts and room >= 8:
        assert made.endswith(" · " + " · ".join(facts))
    else:
        assert made == fit_facts(text, width)
    if shown is not None:
        assert made == shown


def test_the_mark_of_the_order_has_room_beside_a_title() -> None:
    columns = (Column("name", 20), Column("age", 9, right=True), Column("size", 9, right=True))
    rows = [Row("a", ("fast", "1 h", "5 MiB"))]
    assert [column.width for column in snug(columns, rows)] == [4, 3, 5]
    assert [column.width for column in snug(columns, rows, "age")] == [4, 4, 5]
    assert [column.width for column in snug(columns, rows, "name")] == [5, 3, 5]
