"""`fmnist-tui config`: each setting with where it is from, and what is wrong in the file."""

import json
import tomllib
from pathlib import Path

import pytest

from engine import home as homes
from tui.cli import main
from tui.config.declared import DECLARED
from tui.config.preferences import Preferences


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"  # as tests/conftest.py names it


def test_it_names_the_file_and_where_each_value_is_from(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text('theme = "nord"\ntile_size = 14\n[form]\nlr = 0.01\n')
    monkeypatch.setenv("TEXTUAL_THEME", "gruvbox")
    assert main.main(["config"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == [str(path)]
    assert ["theme", '"gruvbox"', "TEXTUAL_THEME,", "before", "line", "1", "of", "the", "file"] in lines
    assert ["start", '"data"', "default"] in lines
    assert ["tile_size", "14", "line", "2"] in lines
    assert ["form.lr", "0.01", "line", "4"] in lines


def test_what_is_wrong_is_told_and_the_exit_code_says_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text('start = "dta"\nsize = 3\n')
    assert main.main(["config"]) == 2
    out = capsys.readouterr().out
    assert "line 1: start = \"dta\" is not used; did you mean 'data'?" in out
    assert "line 2: there is no setting size" in out


def test_json_has_the_values_as_they_are(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("smoothing = 0.9\nsize = 3\n")
    assert main.main(["config", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(path)
    assert {"name": "smoothing", "value": 0.9, "from": "file", "line": 1} in told["settings"]
    assert [problem["line"] for problem in told["problems"]] == [2]


def test_the_option_counts_before_the_variable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["config", "--config", str(tmp_path / "other.toml")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/other.toml (not there yet)\n")


def test_the_example_has_every_setting_at_its_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["config", "--example"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tomllib.loads("\n".join(lines)) == {}
    given = [line.removeprefix("# ") for line in lines if " = " in line or line.startswith("# [")]
    example = tmp_path / "example.toml"
    example.write_text("\n".join(given))
    read = Preferences.read(example, {})
    assert not read.problems
    assert all(read.origin(one) == "file" and read.get(one) == one.default for one in DECLARED)


def test_the_file_is_in_the_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert homes.config_file() == tmp_path / "xdg" / "fmnist-tui" / "config.toml"


def test_without_any_home_there_is_no_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FMNIST_TUI_CONFIG")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    assert homes.config_file() is None
    assert main.main(["config"]) == 0
    assert capsys.readouterr().out.startswith("There is no place for a file: HOME is not set.")
