"""What the program remembers: one declaration each, in the order in which `fmnist-tui config` lists them.

From these derive how config.toml is read and what is said to be wrong in it, what `Preferences.get` and `keep` take,
`fmnist-tui config`, and docs/config.md. A new one is a declaration here, and the code that obeys it. `[form]` is
declared by the settings of a run (`engine.training.settings`), `[keys]` by the bindings.
"""

from collections.abc import Collection
from typing import Any

from engine.errors import ConfigError
from engine.lab import durations
from engine.lab.durations import IDLE_S
from engine.runs import notify_ways
from tui.config.preference import (
    Preference,
    first_of,
    integer_or_auto,
    names_of,
    number,
    one_of,
    same,
    switch,
)

SCREENS = ("data", "train", "runs", "model", "checkpoints", "lab")
IMAGE_STYLES = ("auto", "kitty", "sixel", "blocks", "ascii")
TILES = (4, 112)  # the narrowest and the widest thumbnail, in cells
KEYS = "keys"  # the table of the file with other keys
RECIPES = "recipes"  # the table of the file with a person's own recipes
FORM = "form"  # the table of the file with what the form for a new run begins with


def _themes() -> Collection[str]:
    from tui.themes import names

    return names()


def _columns_of_runs() -> Collection[str]:
    from tui.run_columns import columns

    return columns()


def _columns_of_modules() -> Collection[str]:
    from tui.table_columns import MODULES

    return MODULES


def _columns_of_parameters() -> Collection[str]:
    from tui.table_columns import PARAMETERS

    return PARAMETERS


def _columns_of_checkpoints() -> Collection[str]:
    from tui.table_columns import CHECKPOINTS

    return CHECKPOINTS


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be the title of a column")
    return value


THEME = Preference(
    name="theme",
    default="auto",
    read=one_of(_themes),
    write=same,
    help="The colours. `auto`: `fmnist-dark`, or `fmnist-16` on a terminal of 16 colours. The palette (`ctrl+p`, "
    "*Theme*) lists the themes, and what is chosen there is kept. Where `TEXTUAL_THEME` is set, it counts before the "
    "file.",
    values="auto, or the name of a theme",
    environment="TEXTUAL_THEME",
    read_environment=first_of(one_of(_themes)),
)
START = Preference(
    name="start",
    default="data",
    read=one_of(lambda: SCREENS),
    write=same,
    help="The screen that `fmnist-tui` opens with.",
    values=", ".join(SCREENS),
)
IMAGES = Preference(
    name="images",
    default="auto",
    read=one_of(lambda: IMAGE_STYLES),
    write=same,
    help="How images are drawn: `kitty` and `sixel` as true pixels, by these two protocols; `blocks` as coloured half "
    "blocks, `ascii` as characters. `auto`: the first of them that the terminal can show; it is asked once. `--images` "
    "counts before it.",
    values=", ".join(IMAGE_STYLES),
)
TILE_SIZE = Preference[int | None](
    name="tile_size",
    default=None,
    read=integer_or_auto(*TILES),
    write=lambda value: "auto" if value is None else value,
    help="The width of a thumbnail on *Data*, in cells. `auto`: what fills the page. `+` and `-` there change it, and "
    "it is kept.",
    values=f"auto, or {TILES[0]} to {TILES[1]}",
)
SMOOTHING = Preference(
    name="smoothing",
    default=0.0,
    read=number(0, 1),
    write=lambda value: value,
    help="How much charts smooth a curve: the weight of what came before, in an exponential mean. 0: not at all.",
    values="0 to less than 1, such as 0.6",
)
SORT_RUNS = Preference(
    name="sort.runs",
    default="",
    read=_text,
    write=same,
    help="What *Runs* is sorted by: the title of a column, with `-` before it the largest first. Empty: the newest run "
    "first. `s` and `S` there change it, and it is kept.",
    values="such as loss or -best",
)
SORT_CHECKPOINTS = Preference(
    name="sort.checkpoints",
    default="",
    read=_text,
    write=same,
    help="The same for *Checkpoints*. Empty: by run.",
    values="such as -accuracy",
)
COLUMNS_RUNS = Preference[tuple[str, ...]](
    name="columns.runs",
    default=(),
    read=names_of(_columns_of_runs),
    write=lambda value: value,
    help="The columns of *Runs*, by their titles, in their order. Empty: those that differ among the runs and fit. `|` "
    "there chooses them, and they are kept.",
    values='such as `["state", "run", "lr", "best"]`',
)
COLUMNS_MODULES = Preference[tuple[str, ...]](
    name="columns.modules",
    default=(),
    read=names_of(_columns_of_modules),
    write=lambda value: value,
    help="The same for the modules of *Model*. Empty: all of them.",
    values='such as `["module", "out", "parameters"]`',
)
COLUMNS_PARAMETERS = Preference[tuple[str, ...]](
    name="columns.parameters",
    default=(),
    read=names_of(_columns_of_parameters),
    write=lambda value: value,
    help="The same for the parameters of *Model*. Empty: those that the network has something for.",
    values='such as `["name", "norm", "change"]`',
)
COLUMNS_CHECKPOINTS = Preference[tuple[str, ...]](
    name="columns.checkpoints",
    default=(),
    read=names_of(_columns_of_checkpoints),
    write=lambda value: value,
    help="The same for *Checkpoints*. Empty: all of them.",
    values='such as `["accuracy", "file", "age"]`',
)

PRELOAD = Preference(
    name="preload",
    default=True,
    read=switch,
    write=lambda value: value,
    help="Whether PyTorch is loaded in the background, at low priority, once the first screen stands: *Model* and "
    "predictions then need not wait for it. It takes some 300 MB of memory. Where `FMNIST_TUI_PRELOAD` is set, it "
    "counts before the file.",
    values="true or false",
    environment="FMNIST_TUI_PRELOAD",
    read_environment=switch,
)


def _ways(value: object) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("it must be a text or a list of texts: bell, osc9, or a command")
    try:
        return notify_ways.checked(found)
    except ConfigError as error:
        raise ValueError(str(error)) from None


NOTIFY = Preference[tuple[str, ...]](
    name="notify",
    default=(),
    read=_ways,
    write=lambda value: value,
    help="How you are told of the end of a new run, of a failure, and of a NaN: `bell`, `osc9` (a desktop notification "
    "by the terminal), or a command; several in a list. `--notify` counts before it.",
    values='such as `"bell"` or `["osc9", "mail -s $FMNIST_TUI_STATE ada"]`',
)

LAB_IDLE = Preference(
    name="lab.idle",
    default=IDLE_S,
    read=durations.seconds,
    write=durations.typed,
    help="How long a lab's kernel may have nothing to do before it ends: a number with s, m, h or d. `--idle` counts "
    "before it.",
    values='such as `"30m"` or `"2d"`',
)

LAB_LANGUAGES = ("en", "ko")
LAB_LANGUAGE = Preference(
    name="lab.language",
    default="auto",
    read=one_of(lambda: ("auto", *LAB_LANGUAGES)),
    write=same,
    help="The language of the course, and of what the lab says in a document that does not tell its own. `auto`: "
    "Korean in a Korean locale, else English. `--lang` counts before it.",
    values="auto, en, ko",
)

DECLARED: tuple[Preference[Any], ...] = (
    THEME,
    START,
    IMAGES,
    TILE_SIZE,
    SMOOTHING,
    PRELOAD,
    NOTIFY,
    SORT_RUNS,
    SORT_CHECKPOINTS,
    COLUMNS_RUNS,
    COLUMNS_MODULES,
    COLUMNS_PARAMETERS,
    COLUMNS_CHECKPOINTS,
    LAB_IDLE,
    LAB_LANGUAGE,
)
BY_NAME = {one.name: one for one in DECLARED}
