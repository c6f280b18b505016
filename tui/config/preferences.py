"""`Preferences`: what the program remembers, as screens read and change it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from engine.errors import ConfigError, EngineError
from tui.config import file as config_file
from tui.config.declared import BY_NAME, DECLARED, FORM, KEYS, RECIPES
from tui.config.file import Contents, Problem
from tui.config.preference import Preference, TomlValue, toml_text

T = TypeVar("T")
Origin = Literal["default", "file", "environment"]
TOGETHER_S = 0.2  # choices within this time are written together
LAST_WRITE_S = 3.0  # that the end waits for the last of them


@dataclass(frozen=True)
class Resolved:
    """A value, and where it is from."""

    value: Any
    origin: Origin


class Preferences:
    """Read once. What is kept holds at once and is written by a thread; without a file it is kept for this time."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the file; it is not read. See `read`."""
        self.path = path
        self.contents = Contents()
        self.problems: list[Problem] = []  # what is wrong in the file and the environment
        self.failed_last = ""  # why the last choice, made as the app ended, could not be written
        self.on_failure: Callable[[str], object] = lambda line: None  # told by the thread, once
        self._resolved = {one.name: Resolved(one.default, "default") for one in DECLARED}
        self._form: dict[str, Any] = {}
        self.recipes: dict[str, dict[str, Any]] = {}  # the person's own: their settings, by name
        self._lock = threading.Condition()
        self._pending: dict[str, TomlValue] = {}
        self._writer: threading.Thread | None = None
        self._closing = self._failed = False

    @classmethod
    def read(cls, path: Path | None, environ: Mapping[str, str]) -> "Preferences":
        """From the file, and the variables that count before it. Raises nothing: see `problems`."""
        made = cls(path)
        if path is not None:
            made.contents = config_file.read(path)
            made._take(made.contents)
        for one in DECLARED:
            if one.read_environment is not None and (given := environ.get(one.environment)):
                try:
                    made._resolved[one.name] = Resolved(one.read_environment(given), "environment")
                except ValueError as error:
                    made.problems.append(Problem(f"{given} is not used; {error}", variable=one.environment))
        return made

    def get(self, preference: Preference[T]) -> T:
        value: T = self._resolved[preference.name].value
        return value

    def origin(self, preference: Preference[Any]) -> Origin:
        return self._resolved[preference.name].origin

    @property
    def form(self) -> Mapping[str, Any]:
        """What the form for a new run begins with, other than the defaults: by the settings' names in TrainConfig."""
        return self._form

    @property
    def has_keys(self) -> bool:
        """Whether the file asks for other keys: `tui.config.keymap` says which."""
        return bool(self.contents.values.get(KEYS))

    def keep(self, preference: Preference[T], value: T) -> None:
        """It holds from now on, and in the next app. Takes no time: it is written later, by a thread."""
        if value == self.get(preference):
            return
        self._resolved[preference.name] = Resolved(value, "file")
        if self.path is None or self._failed:
            return
        with self._lock:
            self._pending[preference.name] = preference.write(value)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="preferences", daemon=True)
                self._writer.start()

    def close(self) -> None:
        """Write what is not yet written. Nothing is kept after this."""
        with self._lock:
            self._closing, writer = True, self._writer
            self._lock.notify_all()
        if writer is not None:
            writer.join(LAST_WRITE_S)

    def _write(self) -> None:
        """The thread: until nothing is left to write."""
        assert self.path is not None
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closing, TOGETHER_S)
                changes, self._pending = self._pending, {}
                if not changes:
                    self._writer = None
                    return
            try:
                config_file.change(self.path, changes)
            except EngineError as error:
                if not self._failed:
                    self._failed = True
                    self.failed_last = str(error) if self._closing else ""
                    self.on_failure(str(error))

    def _take(self, contents: Contents) -> None:
        """The values of the file; what is wrong with one is told, and its default holds."""
        if contents.problem is not None:
            self.problems.append(contents.problem)
        tables = {name.split(".")[0] for name in BY_NAME if "." in name}
        for name, value in contents.values.items():
            if name == KEYS:
                continue  # by tui.config.keymap, which knows the screens
            if name == FORM:
                self._form = self._settings(value, FORM)
            elif name == RECIPES:
                self._take_recipes(value)
            elif name in tables and isinstance(value, dict):
                for inner, one in value.items():
                    self._take_one((name, inner), one)
            else:
                self._take_one((name,), value)

    def _take_one(self, names: tuple[str, ...], value: object) -> None:
        dotted = ".".join(names)
        if (preference := BY_NAME.get(dotted)) is None:
            self.problems.append(_unknown(dotted, [*BY_NAME, FORM, RECIPES, KEYS], self.contents.line_of(*names)))
            return
        try:
            self._resolved[dotted] = Resolved(preference.read(value), "file")
        except ValueError as error:
            self.problems.append(_refused(dotted, value, str(error), self.contents.line_of(*names)))

    def _take_recipes(self, table: object) -> None:
        from engine.training.config import TrainConfig
        from engine.training.recipes import BUILT_IN, check_name

        if not isinstance(table, dict):
            line = self.contents.line_of(RECIPES)
            self.problems.append(_refused(RECIPES, table, f"it must be a table, [{RECIPES}.NAME]", line))
            return
        for name, settings in table.items():
            line = self.contents.line_of(RECIPES, name)
            try:
                check_name(name)
                if name in BUILT_IN:
                    raise ValueError("there is a recipe of that name already; choose another one")
                if isinstance(settings, dict) and "recipe" in settings:
                    raise ValueError("a recipe can't have a recipe")
                found = self._settings(settings, f"{RECIPES}.{name}")
                TrainConfig(**found)
                self.recipes[name] = found
            except (ValueError, ConfigError) as error:
                self.problems.append(_refused(f"{RECIPES}.{name}", str(name), str(error), line))

    def _settings(self, table: object, at: str) -> dict[str, Any]:
        """The settings of a run in a table; what is wrong with one is told. `at`: the table's name."""
        from tui.config import form

        names, found = at.split("."), dict[str, Any]()
        if not isinstance(table, dict):
            self.problems.append(_refused(at, table, f"it must be a table, [{at}]", self.contents.line_of(*names)))
            return found
        for name, value in table.items():
            line = self.contents.line_of(*names, name)
            if name not in form.names():
                self.problems.append(_unknown(f"{at}.{name}", [f"{at}.{one}" for one in form.names()], line))
                continue
            try:
                found[name] = form.read(name, value)
            except ValueError as error:
                self.problems.append(_refused(f"{at}.{name}", value, str(error), line))
        return found


def problem_lines(problems: Sequence[Problem], path: Path | None, most: int = 3) -> str:
    """What is wrong, for the app's start: the first lines of it, and where the rest can be read. Empty: nothing."""
    if not problems:
        return ""
    lines = [problem.words(path.name if path else "") for problem in problems[:most]]
    more = len(problems) - len(lines)
    return "\n".join([*lines, f"{f'{more} more; ' if more else ''}fmnist-tui config shows all"])


def _unknown(name: str, known: list[str], line: int | None) -> Problem:
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else "remove it; `fmnist-tui config` lists the settings"
    return Problem(f"there is no setting {name}; {hint}", line)


def _refused(name: str, value: object, why: str, line: int | None) -> Problem:
    shown = toml_text(value)
    shown = f"{shown[:39]}…" if len(shown) > 40 else shown
    return Problem(f"{name} = {shown} is not used; {why}", line)
