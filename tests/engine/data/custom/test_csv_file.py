"""Tables of file names and labels, as programs and people write them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import DataError
from tests.support.images import of_class, opened, png, table

NAMES = [f"i{number}.png" for number in range(12)]
TWELVE = [f"class {number}" for number in range(12)]


def rows(label: str = "{}", name: str = "i{}.png", between: str = ",", count: int = 12) -> list[str]:
    return [f"{name.format(at)}{between}{label.format(at)}" for at in range(count)]


@pytest.mark.parametrize(
    "header",
    [
        "file,label", "filename,class_id", "Image,Id", "path,y", "id_code,diagnosis", "img_path,label_idx", "foo,bar",
        "image name,target class", "FILE,LABEL", '"filepath", "category_id"', "Bilddatei,Klasse",
    ],
)  # fmt: skip
def test_a_header_of_any_names_is_no_sample_and_numbers_stay_numbers(header: str, home: Path, tmp_path: Path) -> None:
    data = opened(table(tmp_path, "\n".join([header, *rows()]), NAMES), home)
    assert list(data.classes) == TWELVE
    assert of_class(data) == dict.fromkeys(TWELVE, 1)
    assert data.left_out == ()
    for split in data.splits.values():  # png() gave each image its number as its grey level
        assert split.images[:, 0, 0].tolist() == split.labels.tolist()


@pytest.mark.parametrize("label", ["{}", "{}.0", "{}.", "0{}", ' "{}"'])
def test_labels_that_are_numbers_in_other_forms_are_these_numbers(label: str, home: Path, tmp_path: Path) -> None:
    data = opened(table(tmp_path, "\n".join(rows(label)), NAMES), home)
    assert list(data.classes) == TWELVE


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(rows()),
        "\r\n".join(["file,label", *rows(), ""]),
        "\r".join(rows()),
        "\n".join(["file;label", *rows(between=";")]),
        "\n".join(["file\tlabel", *rows(between="\t")]),
        "\n".join(rows(between="|")),
        "\n".join(rows(between=" ")),
        "\n".join(rows(between=" , ")),
        "\n".join(rows('"{}"', '"i{}.png"', ", ")),
        "sep=;\n" + "\n".join(rows(between=";")),
        "\n".join([",file,label", *(f"{at},{row}" for at, row in enumerate(rows()))]),
        "\n".join(["Unnamed: 0,file,label", *(f"{at},{row}" for at, row in enumerate(rows()))]),
        "\n".join(f"{at},{row}" for at, row in enumerate(rows())),
        "\n".join(["label,file", *(f"{at},i{at}.png" for at in range(12))]),
        "\n".join(["filename,width,height,class,xmin,ymax", *(f"i{at}.png,28,28,{at},1,9" for at in range(12))]),
        "\n".join(["img,bbox,depth,kind", *(f'i{at}.png,"[1, 2, 3, 4]",8,{at}' for at in range(12))]),
        "\n".join(["file,label,", *(f"{row}," for row in rows())]),
        "\n".join(rows(name="images/i{}.png")),
        "\n".join(["file,label", *rows(name=r".\i{}.png")]),
        "\n".join(["id,label", *rows(name="i{}")]),
    ],
    ids=[
        "plain", "CRLF", "CR", "semicolon", "tab", "bar", "space", "spaces around", "quotes after a space", "sep=",
        "index of pandas", "unnamed index", "index without a header", "label first", "boxes", "quoted list",
        "a comma at the end", "the folder too", "backslashes", "without endings",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_dialects_are_read_as_the_same_samples(text: str, encoding: str, home: Path, tmp_path: Path) -> None:
    data = opened(table(tmp_path, text.encode(encoding), NAMES), home)
    assert list(data.classes) == TWELVE
    assert of_class(data) == dict.fromkeys(TWELVE, 1)
    for split in data.splits.values():
        assert split.images[:, 0, 0].tolist() == split.labels.tolist()


def test_a_semicolon_divides_names_that_hold_commas(home: Path, tmp_path: Path) -> None:
    names = [f"sea, {number}.png" for number in range(6)]
    data = opened(table(tmp_path, "\n".join(f"{name};{at % 2}" for at, name in enumerate(names)), names), home)
    assert of_class(data) == {"class 0": 3, "class 1": 3}


def test_names_and_numbers_together_are_names_in_the_order_of_the_numbers(home: Path, tmp_path: Path) -> None:
    labels = ["10", "9", "A", "2", "B", "A", "2", "9", "10", "B", "0", "0"]
    data = opened(table(tmp_path, "\n".join(f"i{at}.png,{label}" for at, label in enumerate(labels)), NAMES), home)
    assert data.classes == ("0", "2", "9", "10", "A", "B")
    signed = opened(
        table(tmp_path / "two", "\n".join(f"i{at}.png,{1 - 2 * (at % 2)}" for at in range(12)), NAMES), home
    )
    assert signed.classes == ("-1", "1")


def test_splits_by_their_words_and_what_is_not_used_is_counted(home: Path, tmp_path: Path) -> None:
    words = ["train", "valid", "test"]
    lines = [f"{at % 2},images/i{at}.png,{'cat' if at % 2 else 'dog'},{words[at % 3]}" for at in range(12)]
    text = "\n".join(["class id,filepaths,labels,data set", *lines])
    data = opened(table(tmp_path, text, NAMES), home)
    assert (len(data.train), len(data.test)) == (4, 4)
    assert "4 validation samples are not used: there are test samples" in data.notes
    two = opened(table(tmp_path / "two", text.replace("test", "Training"), NAMES), home)
    assert (len(two.train), len(two.test)) == (8, 4)
    assert "the 4 validation samples are the test set" in two.notes


def test_a_first_line_that_is_taken_for_an_unknown_header_is_named(home: Path, tmp_path: Path) -> None:
    data = opened(table(tmp_path, "\n".join(["scan,outcome", *rows()]), NAMES), home)
    assert data.notes == ("line 1 is the header: file names in 'scan', labels in 'outcome'",)
    missing = opened(table(tmp_path / "two", "\n".join(["gone.png,1", *rows()]), NAMES), home)
    assert missing.notes == ()
    assert missing.left_out == (f"{tmp_path / 'two' / 'images' / 'gone.png'}: there is no such file",)


def test_lines_that_are_no_samples_are_passed_over_by_number(home: Path, tmp_path: Path) -> None:
    text = [
        "# made on Monday",
        "# by hand",
        "file,label,width",
        *rows("{},28")[:6],
        "file,label,width",
        *rows("{},28")[6:],
    ]
    data = opened(table(tmp_path, "\n".join(text), NAMES), home)
    assert list(data.classes) == TWELVE
    assert data.notes == (
        "2 comments are passed over at the beginning",
        "1 line repeats the header",
        "columns that are not used: width",
    )


def test_litter_in_a_list_of_all_files_is_no_sample(home: Path, tmp_path: Path) -> None:
    litter = [".ipynb_checkpoints/i0-checkpoint.png", "./__MACOSX/._i1.png"]
    text = "\n".join(["file,label", *rows(name="./i{}.png"), *(f"{name},0" for name in litter)])
    data = opened(table(tmp_path, text, [*NAMES, *litter]), home)
    assert of_class(data) == dict.fromkeys(TWELVE, 1)
    assert data.notes == (f"2 lines passed over, of hidden or the system's files: {', '.join(litter)}",)


def test_a_header_that_counts_the_columns_is_one(home: Path, tmp_path: Path) -> None:
    assert list(opened(table(tmp_path / "a", "\n".join(["0,1", *rows()]), NAMES), home).classes) == TWELVE
    lines = ["0,1,2", *rows("{},train")[:9], *rows("{},test")[9:]]
    assert opened(table(tmp_path / "b", "\n".join(lines), NAMES), home).left_out == ()


def test_a_few_names_among_numbers_are_a_mistake_unless_they_are_listed(home: Path, tmp_path: Path) -> None:
    """They would make names of all labels, and shift the outputs."""
    for odd in ("six", "nan", "NULL"):
        name = table(tmp_path / odd, "\n".join(["file,label", *rows()[:6], f"i6.png,{odd}", *rows()[7:]]), NAMES)
        with pytest.raises(DataError, match=f"line 8: the label '{odd}' is not a number, as 11 others are"):
            opened(name, home)
    (tmp_path / "six" / "classes.txt").write_text("\n".join([*map(str, range(6)), "six", *map(str, range(7, 12))]))
    assert opened(f"csv:{tmp_path}/six/table.csv:{tmp_path}/six/images", home).classes[6] == "six"


@pytest.mark.parametrize("words", [("Training", "PublicTest"), ("train_set", "test-set"), ("TRAIN", "Valid")])
def test_splits_by_words_that_contain_them(words: tuple[str, str], home: Path, tmp_path: Path) -> None:
    lines = [f"i{at}.png,{at % 2},{words[at % 3 == 0]}" for at in range(12)]
    data = opened(table(tmp_path, "\n".join(["Image,Label,Usage", *lines]), NAMES), home)
    assert (len(data.train), len(data.test)) == (8, 4)


def test_control_characters_of_a_label_go_to_no_terminal(home: Path, tmp_path: Path) -> None:
    text = "\n".join(f"i{at}.png,{chr(27) + '[31mred' if at % 2 else 'blue'}" for at in range(12))
    assert opened(table(tmp_path, text, NAMES), home).classes == ("\\x1b[31mred", "blue")


def test_classes_without_a_sample_and_files_named_twice_are_said(home: Path, tmp_path: Path) -> None:
    data = opened(table(tmp_path, "\n".join([*rows("1"), "i0.png,3"]), NAMES), home)
    assert data.classes == ("class 0", "class 1", "class 2", "class 3")
    assert data.notes == (
        "1 line names a file that a line before names too, 1 of them with another label",
        "no sample of class 0, class 2: the network has an output for it all the same",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,cat,dog\n" + "\n".join(rows("0,1")), r"which of its columns \(cat, dog\) holds the labels"),
        ("\n".join(rows("1,28,28")), "it has 4 columns and no header; write one as its first line"),
        ("file,width\n" + "\n".join(rows("28")), r"none of its columns \(file, width\) holds labels"),
        ("\n".join(rows("10{}")), r"its labels go up to 1011; 0 to 255 are possible here"),
        ("\n".join(rows("99999999999{}")), r"its labels go up to 99999"),
        (b"i0.png,0\ni1\0.png,1\n", "line 2: it holds a NUL, so it is not text"),
        ("\n".join(rows()).encode("utf-16-le"), "line 1: it holds a NUL"),
        ("a" * 300 + ".png,0\n" + "\n".join(rows("{}", count=0)) + "b.png,1", "none of its 2 images can be read"),
        ("i0.png,0\n" + '"' + "x" * 200_000, "line 2: it is not CSV"),
        ("i0.png,0\n" + ",".join("a" * 501), "line 2: it has 501 columns; a table of image files has 500 at most"),
    ],
)  # fmt: skip
def test_what_can_not_be_told_is_refused_in_one_line(text: str | bytes, words: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words) as caught:
        opened(table(tmp_path, text, NAMES), home)
    assert "\n" not in str(caught.value)


def test_cells_of_any_length_and_content_are_named_in_one_line(home: Path, tmp_path: Path) -> None:
    for text in (
        'image,"a\nb","\u2028"\n' + "\n".join(rows("0,1")),
        "file,label\n" + "\n".join([*rows(), f'i0.png,"{"x" * 9000}\n{"y" * 9000}"']),
        "file,label\n" + "\n".join([*rows(), f"../{'z' * 9000}.png,1"]),
    ):
        with pytest.raises(DataError) as caught:
            opened(table(tmp_path, text, NAMES), home)
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_an_image_that_is_a_link_out_of_the_folder_is_read(home: Path, tmp_path: Path) -> None:
    name = table(tmp_path / "set", "\n".join(rows()), NAMES[2:])
    png(tmp_path / "store" / "0a", grey=0)
    (tmp_path / "set" / "images" / "i0.png").symlink_to(tmp_path / "store" / "0a")
    (tmp_path / "set" / "images" / "i1.png").symlink_to(tmp_path / "store" / "gone")
    data = opened(name, home)
    assert of_class(data) == {**dict.fromkeys(TWELVE, 1), "class 1": 0}
    assert data.left_out == (f"{tmp_path / 'set' / 'images' / 'i1.png'}: there is no such file",)


def test_two_images_of_one_name_without_its_ending_are_none(home: Path, tmp_path: Path) -> None:
    name = table(tmp_path, "\n".join(["id,label", *rows(name="i{}")]), NAMES)
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "images" / "i3.bmp")
    assert opened(name, home).left_out == (f"{tmp_path / 'images' / 'i3'}: there is no such file",)


@pytest.mark.parametrize("label", ["9" * 5000, "x" * 256])
def test_a_text_is_no_class(label: str, home: Path, tmp_path: Path) -> None:
    """A label of thousands of digits would stand in each of a run's evaluations."""
    cells = [f"{at % 2}" if label.isdecimal() else f"n{at % 2}" for at in range(11)]
    lines = [f"i{at}.png,{cell}" for at, cell in enumerate([*cells, label])]
    with pytest.raises(DataError, match=rf"has a name of {len(label):,} characters; at most 255 are possible"):
        opened(table(tmp_path, "\n".join(["file,label", *lines]), NAMES), home)
    (tmp_path / "classes.txt").write_text(f"{label}\nb")
    with pytest.raises(DataError, match=r"classes\.txt: the class .* has a name of"):
        opened(table(tmp_path, "\n".join(["file,label", *rows()]), NAMES), home)
    short = "\n".join(["file,label", *[f"i{at}.png,{'x' * 255 if at % 2 else 'y'}" for at in range(12)]])
    (tmp_path / "classes.txt").unlink()
    assert max(map(len, opened(table(tmp_path, short, NAMES), home).classes)) == 255
