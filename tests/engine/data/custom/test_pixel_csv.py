"""Tables of labels and pixels, as Kaggle has MNIST and its family."""

from pathlib import Path

import numpy as np
import pytest

from engine.data.custom import pixel_csv
from engine.data.open_dataset import peek
from engine.errors import DataError
from tests.support.images import of_class, opened

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 784), dtype=np.uint8)
HEADER = ["label", *(f"pixel{number}" for number in range(1, 785))]


def lines(pixels: np.ndarray = PIXELS, between: str = ",", label: str = "{}") -> list[str]:
    return [
        between.join([*([label.format(at % 10)] if label else []), *map(str, row)])
        for at, row in enumerate(pixels.tolist())
    ]


def written(path: Path, text: list[str], encoding: str = "utf-8") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(text).encode(encoding))
    return f"csv:{path}"


def every_row(data: object) -> None:
    splits = [data.train, data.test]  # type: ignore[attr-defined]
    rows = {
        bytes(image.ravel()): int(label) for one in splits for image, label in zip(one.images, one.labels, strict=True)
    }
    assert rows == {bytes(row): at % 10 for at, row in enumerate(PIXELS)}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ([",".join(HEADER), *lines()], "utf-8"),
        (lines(), "utf-8"),
        ([";".join(HEADER), *lines(between=";"), ""], "utf-8-sig"),
        (["\t".join(HEADER), *lines(between="\t")], "utf-16"),
        ([",".join(["", *HEADER]), *(f"{at},{line}" for at, line in enumerate(lines()))], "utf-8"),
        ([",".join(["label", *map(str, range(784))]), *lines()], "utf-8"),
        ([",".join([*HEADER[1:], "class"]), *(",".join(line.partition(",")[::-2]) for line in lines())], "utf-8"),
        ([",".join(["label", *(f"{at // 28 + 1}x{at % 28 + 1}" for at in range(784))]), *lines()], "utf-8"),
        ([",".join(HEADER), *lines(PIXELS / 255)], "utf-8"),
        ([",".join(HEADER), *lines(label="{}.0")], "utf-8"),
    ],
    ids=[
        "Kaggle", "no header", "semicolon, BOM", "tab, UTF-16", "pandas", "numbers for names", "label last", "1x1",
        "0 to 1", "float labels",
    ],
)  # fmt: skip
def test_a_table_of_pixels_is_the_same_images_in_any_form(
    text: list[str], encoding: str, home: Path, tmp_path: Path
) -> None:
    name = written(tmp_path / "p.csv", text, encoding)
    data = opened(name, home)
    assert (len(data.train), len(data.test)) == (24, 6)
    assert data.classes == tuple(f"class {number}" for number in range(10))
    every_row(data)
    assert opened(name, home).checksum == data.checksum  # from the cache
    assert np.array_equal(peek(name, None, home, "train", 4).images, data.train.images[:4])


def test_the_lines_that_are_read_are_counted_also_for_the_first_images(home: Path, tmp_path: Path) -> None:
    name = written(tmp_path / "p.csv", lines(np.zeros((2500, 64), np.uint8)))
    reports: list[tuple[int, int]] = []
    peek(name, None, home, progress=lambda *at: reports.append(at))
    assert [done for done, _ in reports] == [1000, 2000, 2500]
    assert all(abs(total - 2500) < 250 for _, total in reports)
    opened(name, home)
    assert len(reports) == 3  # from the cache


def test_values_from_0_to_1_are_scaled_and_that_is_said(home: Path, tmp_path: Path) -> None:
    data = opened(written(tmp_path / "p.csv", [",".join(HEADER), *lines(PIXELS / 255)]), home)
    assert data.title == "p.csv (csv), values 0–1 scaled to 0–255"


def test_a_second_file_is_the_test_set(home: Path, tmp_path: Path) -> None:
    first = written(tmp_path / "train.csv", [",".join(HEADER), *lines(PIXELS[:20])])
    written(tmp_path / "test.csv", lines(PIXELS[20:]))
    data = opened(f"{first}:{tmp_path / 'test.csv'}", home)
    assert np.array_equal(data.train.images.reshape(20, 784), PIXELS[:20])
    assert np.array_equal(data.test.images.reshape(10, 784), PIXELS[20:])
    assert opened(f"{first}:{tmp_path / 'test.csv'}", home).checksum == data.checksum


def test_images_of_other_sizes_are_resized(home: Path, tmp_path: Path) -> None:
    pixels = np.full((12, 64), 200)
    data = opened(written(tmp_path / "digits.csv", lines(pixels)), home)
    assert data.title == "digits.csv (csv), resized from 8 × 8 to 28 × 28"
    assert set(data.train.images.ravel()) == {200}


def test_labels_may_be_names(home: Path, tmp_path: Path) -> None:
    rows = [("cat," if at % 2 else "dog,") + row for at, row in enumerate(lines(label=""))]
    text = [",".join(HEADER), *rows]
    assert of_class(opened(written(tmp_path / "p.csv", text), home)) == {"cat": 15, "dog": 15}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ([",".join(HEADER), *lines()[:5], "1,2,3"], "p.csv, line 7: it has 3 columns, others have 785"),
        ([*lines()[:2], lines()[2].replace(",", ",x", 1)], "line 3: a pixel is not a number"),
        ([*lines()[:2], "," + lines(label="")[2]], "line 3: it has no label"),
        ([",".join(HEADER[1:]), *lines(label="")], "none of its 784 columns is called label"),
        ([line + ",0" for line in lines()], "has 785 columns beside the label, which do not form a square"),
        ([*lines()[:5], lines()[5].rpartition(",")[0] + ",nan"], "a pixel that is not a finite number"),
        (["file,label", "a.png,0"], "is not a table of labels and a column per pixel; for one of file names"),
        (["3," + ",".join(["0"] * 784)] * 4, "all of its 4 samples are of one class"),
        ([], "is not a table of labels and a column per pixel"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_refused_in_one_line(text: list[str], words: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words) as caught:
        opened(written(tmp_path / "p.csv", text), home)
    assert "\n" not in str(caught.value)


def test_a_table_of_pixels_beside_a_folder_is_named_for_what_it_is(home: Path, tmp_path: Path) -> None:
    name = written(tmp_path / "p.csv", lines())
    with pytest.raises(DataError, match=r"holds labels and 784 pixels a line, no file names; name csv:.*p\.csv alone"):
        opened(f"{name}:{tmp_path}", home)


@pytest.mark.parametrize("at", [0, 1, 15])
def test_a_line_without_an_end_is_refused_with_its_number(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(pixel_csv, "MOST_LINE", 20_000)
    text = [",".join(HEADER), *lines()]
    assert len(opened(written(tmp_path / "as it is.csv", text), home).train)
    text[at] = "1," * 10_000
    with pytest.raises(DataError, match=rf"line {at + 1}: it has more than 20,000 characters"):
        opened(written(tmp_path / "a.csv", text), home)
