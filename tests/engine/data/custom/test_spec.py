"""How a custom data set is named: paths that look like something else, and what is refused."""

from pathlib import Path

import pytest

from engine.data.custom.spec import parse
from engine.errors import DataError
from engine.training.config import absolute_dataset
from tests.support.images import of_class, opened, tree


@pytest.mark.parametrize("folder", ["data@2024", "data@0.3", "mail@7:1", "v@1"])
def test_a_folder_whose_name_ends_like_a_share_is_that_folder(folder: str, home: Path, tmp_path: Path) -> None:
    name = tree(tmp_path / folder, ["a", "b"])
    data = opened(name, home)
    assert of_class(data) == {"a": 5, "b": 5}
    assert data.name == f"{name}@0.2"
    assert opened(data.name, home).checksum == data.checksum
    assert len(opened(f"{name}@0.5", home).test) == 5
    assert parse(str(parse(f"{name}@0.5:3"))) == parse(f"{name}@0.5:3")


def test_a_share_that_is_none_is_refused_with_the_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data@2024 is not there, and @2024 is not a share.*between 0 and 1, such as @0\.2"
    ):
        parse(f"folder:{tmp_path}/data@2024")


def test_of_a_folder_and_a_share_that_both_fit_neither_is_guessed(home: Path, tmp_path: Path) -> None:
    tree(tmp_path / "d", ["a", "b"], 10)
    tree(tmp_path / "d@0.5", ["x", "y"], 10)
    with pytest.raises(
        DataError, match=r"d and .*d@0\.5 both exist: write folder:.*d/@0\.5 .*, or folder:.*d@0\.5@0\.2"
    ):
        opened(f"folder:{tmp_path}/d@0.5", home)
    assert opened(f"folder:{tmp_path}/d/@0.5", home).classes == ("a", "b")
    assert opened(f"folder:{tmp_path}/d@0.5@0.2", home).classes == ("x", "y")


@pytest.mark.parametrize(
    ("text", "path", "beside"),
    [
        ("a.csv:images", "a.csv", "images"),
        ("a:b/a.csv:a:b/images", "a:b/a.csv", "a:b/images"),
        ("a:b/a.csv", "a:b/a.csv", None),
        ("a.csv", "a.csv", None),
        ("gone.csv:some:where", "gone.csv:some", "where"),
    ],
)
def test_a_colon_inside_a_path_that_exists_does_not_divide_it(
    text: str, path: str, beside: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("a.csv", "a:b/a.csv"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text("x")
    for folder in ("images", "a:b/images"):
        Path(folder).mkdir()
    found = parse(f"csv:{text}@0.1:7")
    assert found.path == tmp_path / path
    assert found.beside == (tmp_path / beside if beside else None)
    assert (found.share, found.seed) == (0.1, 7)
    assert parse(absolute_dataset(f"csv:{text}@0.1:7")) == found


@pytest.mark.parametrize("name", ["csv:", "csv::images", "csv:a.csv:", "folder:", "idx:", "zip:a"])
def test_what_is_not_of_these_forms_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="is not of the form"):
        parse(name)


def test_a_link_that_leads_to_itself_and_an_unknown_home_are_one_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for kind in ("folder", "idx"):
        with pytest.raises(DataError, match="loop is not a folder"):
            opened(f"{kind}:{tmp_path / 'loop'}", home)
    with pytest.raises(DataError, match=r"loop can't be read \(Too many levels"):
        opened(f"csv:{tmp_path / 'loop'}", home)
    with pytest.raises(DataError, match="~nosuchuser/data has no home folder here"):
        opened("folder:~nosuchuser/data", home)
