"""What the program remembers: the file, the variable before it, the defaults after it, and what is wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tui.config import file as config_file
from tui.config.declared import DECLARED, IMAGES, SMOOTHING, SORT_RUNS, START, THEME, TILE_SIZE
from tui.config.preference import Preference
from tui.config.preferences import Preferences


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str, **environ: str) -> Preferences:
    path.write_text(text)
    return Preferences.read(path, environ)


def said(preferences: Preferences) -> list[str]:
    return [problem.words("config.toml") for problem in preferences.problems]


def test_without_a_file_the_defaults_hold(path: Path) -> None:
    preferences = Preferences.read(path, {})
    assert [preferences.get(one) for one in DECLARED] == [one.default for one in DECLARED]
    assert not preferences.problems
    assert not path.exists()


def test_the_file_counts_before_the_default(path: Path) -> None:
    preferences = read(path, 'theme = "nord"\nstart = "runs"\nimages = "ascii"\ntile_size = 14\nsmoothing = 0.6\n')
    assert preferences.get(THEME) == "nord"
    assert preferences.get(START) == "runs"
    assert preferences.get(IMAGES) == "ascii"
    assert preferences.get(TILE_SIZE) == 14
    assert preferences.get(SMOOTHING) == 0.6
    assert not preferences.problems


def test_the_variable_counts_before_the_file(path: Path) -> None:
    preferences = read(path, 'theme = "nord"\n', TEXTUAL_THEME="nothing,gruvbox")
    assert (preferences.get(THEME), preferences.origin(THEME)) == ("gruvbox", "environment")
    preferences = read(path, 'theme = "nord"\n', TEXTUAL_THEME="nothing")
    assert (preferences.get(THEME), preferences.origin(THEME)) == ("nord", "file")
    assert said(preferences) == [
        "TEXTUAL_THEME: nothing is not used; there is no such one; `fmnist-tui config` lists them"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('theme = "nrod"', "theme = \"nrod\" is not used; did you mean 'nord'?"),
        ("start = 3", "start = 3 is not used; it must be one of data, train, runs, model, checkpoints, lab"),
        ("tile_size = 1", 'tile_size = 1 is not used; it must be "auto" or an integer from 4 to 112'),
        ("tile_size = true", 'tile_size = true is not used; it must be "auto" or an integer from 4 to 112'),
        ('smoothing = "x"', 'smoothing = "x" is not used; it must be a number from 0 to less than 1'),
        ("smoothing = nan", "smoothing = nan is not used; it must be a number from 0 to less than 1"),
        ("smoothing = 1", "smoothing = 1 is not used; it must be at least 0 and less than 1"),
        ("tilesize = 14", "there is no setting tilesize; did you mean tile_size?"),
        ("form = 3", "form = 3 is not used; it must be a table, [form]"),
        ("[zzz]\na = 1", "there is no setting zzz; remove it; `fmnist-tui config` lists the settings"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_do(path: Path, text: str, line: str) -> None:
    preferences = read(path, f"\n{text}\n")
    assert said(preferences) == [f"config.toml, line 2: {line}"]
    assert [preferences.get(one) for one in DECLARED] == [one.default for one in DECLARED]


def test_a_long_value_is_cut_in_what_is_told(path: Path) -> None:
    (line,) = said(read(path, f'start = "{"x" * 500}"'))
    assert "…" in line
    assert len(line) < 160


def test_what_tables_are_sorted_by_stands_in_a_table_of_the_file(path: Path) -> None:
    assert not read(path, "").get(SORT_RUNS)
    assert said(read(path, "[sort]\nrun = ''")) == [
        "config.toml, line 2: there is no setting sort.run; did you mean sort.runs?"
    ]
    assert said(read(path, "[sort]\nruns = 3"))[0].startswith("config.toml, line 2: sort.runs = 3 is not used; ")
    assert said(read(path, "sort = 3"))[0].startswith("config.toml, line 1: there is no setting sort; ")
    preferences = read(path, "# mine\n[sort] # here\nruns = 'loss'\n")
    assert preferences.get(SORT_RUNS) == "loss"
    preferences.keep(SORT_RUNS, "-best")
    preferences.close()
    assert path.read_text() == '# mine\n[sort] # here\nruns = "-best"\n'


def test_the_form_takes_what_a_run_takes(path: Path) -> None:
    preferences = read(path, '[form]\nlr = 1\nepochs = 3\noptimizer = "adam"\nshuffle = "yes"\nkeep = 5\n')
    assert not preferences.problems
    assert preferences.form == {"lr": 1.0, "epochs": 3, "optimizer": "adam", "shuffle": True, "keep": "5"}


def test_what_is_wrong_in_the_form_is_told(path: Path) -> None:
    preferences = read(path, '[form]\nlr = "fast"\nepoch = 3\nepochs = 2.5\nmodel = "mpl"\n')
    assert preferences.form == {}
    told = said(preferences)
    assert told[0] == "config.toml, line 2: form.lr = \"fast\" is not used; 'fast' is not a number, such as 1e-3"
    assert told[1] == "config.toml, line 3: there is no setting form.epoch; did you mean form.epochs?"
    assert told[2] == "config.toml, line 4: form.epochs = 2.5 is not used; 2.5 is not an integer"
    assert told[3].startswith('config.toml, line 5: form.model = "mpl" is not used; ')


def test_what_is_kept_is_there_the_next_time(path: Path) -> None:
    preferences = Preferences.read(path, {})
    preferences.keep(THEME, "nord")
    preferences.keep(TILE_SIZE, 28)
    preferences.keep(TILE_SIZE, 14)
    preferences.close()
    again = Preferences.read(path, {})
    assert (again.get(THEME), again.get(TILE_SIZE), again.origin(THEME)) == ("nord", 14, "file")
    again.keep(TILE_SIZE, None)
    again.close()
    assert tomllib.loads(path.read_text()) == {"theme": "nord", "tile_size": "auto"}


def test_choices_made_together_are_written_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(config_file, "change", lambda path, changes: written.append(dict(changes)))
    preferences = Preferences.read(path, {})
    for width in range(10, 20):
        preferences.keep(TILE_SIZE, width)
    preferences.close()
    assert written == [{"tile_size": 19}]


def test_nothing_is_written_where_nothing_changed(path: Path) -> None:
    preferences = read(path, 'theme = "nord"')
    before = path.stat().st_ino
    preferences.keep(THEME, "nord")
    preferences.close()
    assert path.stat().st_ino == before


def test_without_a_file_what_is_kept_holds_until_the_end() -> None:
    preferences = Preferences()
    preferences.keep(TILE_SIZE, 14)
    preferences.close()
    assert preferences.get(TILE_SIZE) == 14


def test_what_can_not_be_written_is_told_once(path: Path) -> None:
    path.mkdir()
    preferences, told = Preferences.read(path, {}), list[str]()
    preferences.on_failure = told.append
    preferences.keep(TILE_SIZE, 14)
    preferences.close()
    preferences.keep(TILE_SIZE, 15)
    preferences.close()
    assert len(told) == 1
    assert told[0].startswith("what you choose is not kept: ")
    assert preferences.failed_last == told[0]  # for the shell: the app may be gone
    assert preferences.get(TILE_SIZE) == 15


@pytest.mark.parametrize("preference", DECLARED, ids=lambda one: one.name)
def test_a_default_can_be_written_and_read_back(preference: Preference[Any]) -> None:
    text = f"value = {preference.toml(preference.default)}"
    assert preference.read(tomllib.loads(text)["value"]) == preference.default


def test_own_recipes_are_settings_of_a_run_by_name(path: Path) -> None:
    preferences = read(path, '[recipes.mine]\nmodel = "cnn"\noptimizer = "adam"\nlr = 1\n\n[recipes.b]\nepochs = 3\n')
    assert not preferences.problems
    assert preferences.recipes == {"mine": {"model": "cnn", "optimizer": "adam", "lr": 1.0}, "b": {"epochs": 3}}


def test_what_is_wrong_in_a_recipe_is_told_and_the_others_stay(path: Path) -> None:
    preferences = read(
        path,
        '[recipes.fast]\nlr = 1\n[recipes.ok]\nlr = 2\nmomentun = 0.9\n[recipes."a b"]\n[recipes.no]\n'
        'optimizer = "adam"\n'
        "momentum = 0.5\n[recipes.again]\nrecipe = 'fast'\n",
    )
    assert preferences.recipes == {"ok": {"lr": 2.0}}
    told = said(preferences)
    assert told[0].startswith("config.toml, line 1: recipes.fast")
    assert "already" in told[0]
    assert told[1] == "config.toml, line 5: there is no setting recipes.ok.momentun; did you mean recipes.ok.momentum?"
    assert "is no name of a recipe" in told[2]
    assert "adam has no momentum setting" in told[3]
    assert "a recipe can't have a recipe" in told[4]
    assert len(read(path, "recipes = 3\n").problems) == len(read(path, "[recipes]\nmine = 3\n").problems) == 1
