"""`studies/NAME/study.json` in the home folder: what a study looks for, and how this home works on it. Imports neither
torch nor Optuna.

What every machine that works on the study must know is its `Definition`; it lies in the study's storage too. The rest
is this home's own. Everybody changes the file by `change`, one at a time.
"""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine import atomic, file_lock, plain_file, private
from engine.errors import ConfigError, RunError
from engine.home import Home, StudyFolder
from engine.studies import space
from engine.studies.space import Space
from engine.studies.study_name import ACTIONS, NAME
from engine.terminal_text import printable
from engine.training.config import TrainConfig
from engine.training.events import SettingValue
from engine.training.stop_condition import RESULTS
from engine.training.typed_settings import mistyped

VERSION = 1
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("none", "median", "hyperband")
MOST_TRIALS = 10_000
MOST_PARALLEL = 64
MOST_BYTES = 4 << 20
Short = Annotated[str, Meta(max_length=1000)]
Text = Annotated[str, Meta(max_length=100_000)]


class Definition(msgspec.Struct, frozen=True):
    """What a study looks for, and how."""

    space: dict[Short, Text]  # as it is typed, by the settings' names
    config: dict[Short, SettingValue]  # what all trials have alike, beside the space
    metric: Literal["val_accuracy", "val_loss", "test_accuracy", "test_loss", "train_loss"]
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["none", "median", "hyperband"] = "none"
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0  # of the sampler
    # Seconds between two signs of life of who works on a trial; one that is silent for GRACE times as long has lost it.
    heartbeat_s: Annotated[int, Meta(ge=1, le=3600)] = 30

    @property
    def maximizes(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric.endswith("accuracy")

    def read(self) -> tuple[Space, TrainConfig]:
        """The space, and the settings that all trials have alike. Raises RunError where they are none."""
        try:
            if wrong := mistyped(self.config):
                raise ConfigError(wrong, f"its setting {wrong!r} is of another type")
            found = space.parse(self.space, TrainConfig.from_dict(self.config))
            check_metric(self.metric, found[1])
        except ConfigError as error:
            raise RunError(f"the study is not as fmnist-tui writes it: {printable(str(error), 200)}") from None
        return found


class Record(msgspec.Struct, frozen=True):
    """study.json."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}$")]  # the same on every machine
    name: Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
    worker: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,64}$")]  # this home, among those that work on the study
    definition: Definition
    v: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    storage: Text = ""  # a database's URL; empty: the journal in its folder
    data_dir: Text | None = None
    parallel: Annotated[int, Meta(ge=1, le=MOST_PARALLEL)] = 1  # trials at once, here
    # What this home's worker is to do: go on; begin no more trials; stop those that train too.
    wanted: Literal["go", "finish", "stop"] = "go"
    created: Annotated[float, Meta(ge=0, le=1e11)] = 0.0  # Unix seconds


def check_name(name: str) -> None:
    """Raises ConfigError for what no study can be called."""
    if not NAME.fullmatch(name):
        what = "letters, digits, '.', '_' and '-', at most 64 of them, the first a letter or a digit"
        raise ConfigError("name", f"{printable(name)!r} can't be a study's name: {what}")
    if name in ACTIONS:
        raise ConfigError("name", f"{name!r} is an action of sweep; give the study another name")


def check_metric(metric: str, config: TrainConfig) -> None:
    """Raises ConfigError where the trials would not have the result after each epoch."""
    if metric not in RESULTS:
        raise ConfigError("metric", f"--metric: {metric!r} is no result of an epoch; choose from {', '.join(RESULTS)}")
    if metric.startswith("val_") and not config.validates:
        what = f"--metric: there is no {metric} without validation images; add val=0.1, say"
        raise ConfigError("metric", f"{what}, or choose test_{metric.removeprefix('val_')}")
    if metric.startswith("test_") and config.validates and not config.test_every_epoch:
        what = f"--metric: with val= there is no {metric} before the end"
        raise ConfigError("metric", f"{what}; choose val_{metric.removeprefix('test_')}")


def read(folder: StudyFolder) -> Record:
    """study.json. Raises RunError where there is none, or it can't be read."""
    try:
        found = msgspec.json.decode(plain_file.read(folder.study_json, MOST_BYTES), type=Record)
        if found.name != folder.id:
            raise RunError(f"{folder.study_json} is of another study, {found.name}; move it there")
        return found
    except FileNotFoundError:
        raise RunError(
            f"no study {printable(folder.id)!r} in {folder.path.parent}; see them with: fmnist-tui sweep list"
        ) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"not as fmnist-tui writes it: {printable(str(error), 100)}"
    raise RunError(f"the study {folder.study_json} can't be read ({why})")


def write_new(folder: StudyFolder, record: Record) -> None:
    """Make the study's folder (mode 0700). Raises RunError where there is one, or it can't be made."""
    try:
        private.folder(folder.path.parent)
        folder.path.mkdir(mode=0o700)
    except FileExistsError:
        raise RunError(f"there is a study {folder.id!r} already; see: fmnist-tui sweep show {folder.id}") from None
    except OSError as error:
        raise RunError(f"cannot write to {folder.path.parent} ({error.strerror})") from None
    _write(folder, record)


def change(folder: StudyFolder, how: Callable[[Record], Record]) -> Record:
    """Change study.json while nobody else does, and return what it is now. Raises RunError, with it as it was."""
    try:
        with file_lock.held(folder.change_lock):
            before = read(folder)
            after = how(before)
            if after != before:
                _write(folder, after)
            return after
    except OSError as error:
        raise RunError(f"the study {folder.study_json} can't be written ({error.strerror})") from None


def _write(folder: StudyFolder, record: Record) -> None:
    try:
        atomic.write_text(folder.study_json, msgspec.json.format(msgspec.json.encode(record)).decode() + "\n")
    except OSError as error:
        raise RunError(f"the study {folder.study_json} can't be written ({error.strerror})") from None


def folders(home: Path) -> list[StudyFolder]:
    """The studies of a home, by name."""
    studies = Home(home).studies
    names = list[str]()
    with contextlib.suppress(OSError):
        names = sorted(os.listdir(studies))
    return [Home(home).study(name) for name in names if NAME.fullmatch(name)]


def shown_storage(url: str) -> str:
    """A database's URL without its password."""
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", printable(url))
