"""config.toml: whatever stands in its place is told and stops nothing; a change leaves the rest as it is."""

import os
import threading
import tomllib
from pathlib import Path

import pytest

from tests.support.permissions import permissions_hold
from tui.config import file as config_file
from tui.config.file import NotKeptError, Problem

WRITTEN = """\
# mine
theme = "nord"   # calm

[columns]  # of tables
'runs' = ["state",   "model"]

[mine]
anything = 1979-05-27
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_file_that_is_not_there_is_no_problem(path: Path) -> None:
    contents = config_file.read(path)
    assert (contents.exists, contents.problem, contents.values) == (False, None, {})


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b'theme = "nord"\n[form\n', 2, "it is not TOML"),
        (b'theme = "a"\ntheme = "b"', 2, "cannot overwrite a value"),
        (b'theme = "nord"\nstart = "d\0ata"\n', 2, "a NUL byte"),
        (b'theme = "nord"\n# caf\xe9\n', 2, "it is not UTF-8"),
        (b"x = " + b"[" * 5000, None, "nested too deep"),
        (b"x = " + b"9" * 5000, None, "thousands of digits"),
        (b"#" * 10_000_000, None, "it is larger than 100 kB"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(path: Path, data: bytes, line: int | None, said: str) -> None:
    path.write_bytes(data)
    contents = config_file.read(path)
    problem = contents.problem
    assert contents.exists
    assert problem is not None
    assert said in problem.what
    assert "the defaults hold" in problem.what.lower()
    assert problem.line == line


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir()
    problem = config_file.read(path).problem
    assert problem == Problem("it can't be read (it is a folder); the defaults hold")


def test_a_pipe_in_its_place_does_not_hold_up_the_start(path: Path) -> None:
    os.mkfifo(path)
    problem = config_file.read(path).problem
    assert problem == Problem("it can't be read (it is not a file); the defaults hold")


def test_a_file_without_permission_is_told(path: Path) -> None:
    path.write_text("")
    path.chmod(0)
    with permissions_hold():
        problem = config_file.read(path).problem
    assert problem == Problem("it can't be read (Permission denied); the defaults hold")


def test_what_is_told_commands_no_terminal() -> None:
    assert "\x1b" not in Problem("\x1b[31m").words("a\x1b]0;b")


@pytest.mark.parametrize(
    ("names", "line"),
    [(("theme",), 2), (("columns",), 4), (("columns", "runs"), 5), (("mine", "anything"), 8), (("start",), None)],
)
def test_the_line_of_a_value_is_found(path: Path, names: tuple[str, ...], line: int | None) -> None:
    path.write_text(WRITTEN)
    assert config_file.read(path).line_of(*names) == line


def test_the_line_of_a_dotted_name_is_found(path: Path) -> None:
    path.write_text("\n form . 'lr' = 1")
    assert config_file.read(path).line_of("form", "lr") == 2


def test_a_change_leaves_comments_order_and_unknown_names(path: Path) -> None:
    path.write_text(WRITTEN)
    config_file.change(path, {"theme": "dracula", "columns.runs": ("state",), "tile_size": 14})
    text = path.read_text()
    assert text == WRITTEN.replace('"nord"', '"dracula"').replace('"state",   "model"', '"state"').replace(
        "# calm\n", "# calm\ntile_size = 14\n"
    )


def test_a_change_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.toml"
    config_file.change(path, {"theme": "nord", "columns.runs": ("model",)})
    assert tomllib.loads(path.read_text()) == {"theme": "nord", "columns": {"runs": ["model"]}}
    assert path.read_text().startswith("# Settings of fmnist-tui")
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]


def test_a_value_that_stands_there_already_writes_nothing(path: Path) -> None:
    path.write_text(WRITTEN)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    config_file.change(path, {"theme": "nord"})
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_link_stays_a_link_and_the_mode_stays(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(WRITTEN)
    real.chmod(0o640)
    path.symlink_to(real)
    config_file.change(path, {"theme": "dracula"})
    assert path.is_symlink()
    assert 'theme = "dracula"' in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_broken_file_is_never_overwritten(path: Path) -> None:
    path.write_text("theme = \n")
    with pytest.raises(NotKeptError, match=r"is not kept.*line 1: it is not TOML"):
        config_file.change(path, {"theme": "nord"})
    assert path.read_text() == "theme = \n"


def test_a_value_in_the_place_of_a_table_is_not_overwritten(path: Path) -> None:
    path.write_text("columns = 3\n")
    with pytest.raises(NotKeptError, match=r"can't be changed; write columns.runs there"):
        config_file.change(path, {"columns.runs": ("state",)})
    assert path.read_text() == "columns = 3\n"


def test_a_folder_without_permission_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o500)
    with permissions_hold(), pytest.raises(NotKeptError, match=r"can't be written \(Permission denied\)"):
        config_file.change(folder / "config.toml", {"theme": "nord"})
    assert not list(folder.iterdir())


def test_apps_at_once_keep_each_others_changes(path: Path) -> None:
    def change(number: int) -> None:
        for round_ in range(3):
            config_file.change(path, {f"app{number}": round_})

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tomllib.loads(path.read_text()) == {f"app{number}": 2 for number in range(4)}
