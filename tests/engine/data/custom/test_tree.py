"""The folders of a person's images: what is found is in the order of the names, each entry looked at once."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.custom import tree as trees
from engine.data.custom.tree import Tree

NAMES = st.text(st.sampled_from("ab.-~ \x01é0Z"), min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")


@given(
    st.lists(st.tuples(st.lists(NAMES, max_size=3), NAMES, st.sampled_from([".png", ".jpg", ".txt", ""])), max_size=12)
)
@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_images_come_one_name_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], str, str]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for folders, name, ending in files:
        place = root.joinpath(*folders)
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}{ending}").touch()
        except OSError:  # a file has that name
            continue
    expected = [
        path
        for path in root.rglob("*")
        if path.is_file()
        and path.suffix in (".png", ".jpg")
        and not any(trees.is_litter(part) for part in path.relative_to(root).parts)
    ]
    tree = Tree(root.parent)
    assert tree.images(root) == sorted(map(str, expected), key=lambda path: path.split(os.sep))
    assert tree.own_images(root) == sorted(str(path) for path in expected if path.parent == root)


def test_each_entry_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        place = tmp_path / f"class{number % 3}"
        place.mkdir(exist_ok=True)
        (place / f"{number}.png").touch()
    looks: Counter[str] = Counter()
    is_folder = trees._is_folder

    def counted(entry: Any) -> bool:
        looks[entry.path] += 1
        return is_folder(entry)

    monkeypatch.setattr(trees, "_is_folder", counted)
    tree = Tree(tmp_path)
    for _ in range(3):
        assert sum(len(tree.images(folder)) for folder in tree.folders(tmp_path)) == 300
        assert len(tree.own_images(tmp_path / "class0")) == 100
    assert len(looks) == 303
    assert set(looks.values()) == {1}


def test_a_link_that_leads_nowhere_is_told_and_an_image_s_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "notes.txt").touch()
    tree = Tree(tmp_path.parent)
    assert tree.images(tmp_path) == [str(tmp_path / "gone.png")]
    assert [line.split(": ")[1] for line in sorted(tree.unread())] == ["it is a link that leads nowhere"] * 2
    assert any("1 × .txt" in note for note in tree.notes())
