"""Runs and groups of runs side by side: the settings and environments that differ, and what they came to. No torch."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import RunError
from engine.home import RunFolder
from engine.mean_std import MeanStd, mean_std
from engine.progress import Progress, silent
from engine.runs import groups, listing, store
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.runs.state import RunState
from engine.training.settings import SETTINGS

DIFFERENT = "…"  # of a group: its runs have different values
SETTING = " setting"  # behind the name of a setting that is a result's name too
USED = " used"  # behind the name of what is a setting too: the device that `auto` came to
MOST = 1000  # that are compared at once
# What each has come to, in the order of the columns: its name in JSON, and whether more is better.
RESULTS: Mapping[str, bool] = {
    "best": True,
    "test": True,
    "last": True,
    "loss": False,
    "epochs": True,
    "seconds": False,
}


@dataclass(frozen=True)
class Compared:
    """A run, or a group as one."""

    id: str
    title: str
    runs: tuple[str, ...]  # the ids; of a run its own
    settings: Mapping[str, Any]  # as edited since; of a group DIFFERENT where its runs have different values
    environment: Mapping[str, Any]  # under what it was trained: device, versions, threads
    results: Mapping[str, MeanStd | None]  # of RESULTS; accuracies are fractions of 1
    per_class: tuple[float | None, ...]  # of the best epoch, a mean over the runs; empty: not known


@dataclass(frozen=True)
class Column:
    """A column of the comparison: what it is called, and which value of the rows stands in it."""

    name: str
    kind: Literal["run", "setting", "environment", "result"]
    key: str  # among those


@dataclass(frozen=True)
class Facts:
    """What is read of a run's folder to compare it, beside its summary."""

    environment: Mapping[str, Any]
    classes: tuple[str, ...]  # their names
    per_class: tuple[float | None, ...]  # the accuracies at its best epoch; empty: not known


@dataclass(frozen=True)
class Comparison:
    """What `compare` finds."""

    rows: tuple[Compared, ...]
    settings: tuple[str, ...]  # those that not all have alike, in the order of their declarations
    environment: tuple[str, ...]  # likewise
    classes: tuple[str, ...]  # the names of the classes, where all have the same

    @property
    def columns(self) -> tuple[Column, ...]:
        """The runs' names, what differs, and the results that some of them have."""
        results = [name for name in RESULTS if any(row.results[name] for row in self.rows)]
        return (
            Column("run", "run", "run"),
            *(_of_setting(name) for name in self.settings),
            *(_of_environment(name) for name in self.environment),
            *(Column(name, "result", name) for name in results),
        )

    def column(self, name: str) -> Column:
        """The column of that name; of any setting or result too. Raises RunError where there is none."""
        others = [*(Column(one, "result", one) for one in RESULTS), *map(_of_setting, SETTINGS)]
        found = next((one for one in (*self.columns, *others) if one.name == name), None)
        if found is None:
            known = ", ".join(dict.fromkeys(one.name for one in (*self.columns, *others[: len(RESULTS)])))
            raise RunError(f"--sort: there is no column {name!r}; choose from {known}")
        return found

    def values(self, column: Column) -> list[Any]:
        """What the rows have in a column; of a result the mean. None: nothing."""
        match column.kind:
            case "run":
                return [row.title for row in self.rows]
            case "setting":
                return [row.settings.get(column.key) for row in self.rows]
            case "environment":
                return [row.environment.get(column.key) for row in self.rows]
            case "result":
                return [None if (one := row.results[column.key]) is None else one.mean for row in self.rows]

    def sorted_by(self, name: str, *, reverse: bool = False) -> "Comparison":
        """The rows by a result, the best first, or by a setting; those without a value last. Raises RunError."""
        column = self.column(name)
        found = list(zip(self.values(column), self.rows, strict=True))
        falling = (column.kind == "result" and RESULTS[name]) is not reverse
        there = sorted(((value, row) for value, row in found if value is not None), key=_ordered, reverse=falling)
        rows = (*(row for _, row in there), *(row for value, row in found if value is None))
        return Comparison(tuple(rows), self.settings, self.environment, self.classes)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "rows": [
                {
                    "id": row.id,
                    "title": row.title,
                    "runs": list(row.runs),
                    "settings": dict(row.settings),
                    "environment": dict(row.environment),
                    "results": {name: None if one is None else vars(one) for name, one in row.results.items()},
                    "per_class": list(row.per_class),
                }
                for row in self.rows
            ],
            "differing": {"settings": list(self.settings), "environment": list(self.environment)},
            "classes": list(self.classes),
        }

    def as_csv(self) -> str:
        """A line for each row: the differing settings and environments, and the results as plain numbers."""
        spread = any(len(row.runs) > 1 for row in self.rows)
        columns = [column for name in RESULTS for column in ((name, f"{name}_std", f"{name}_n") if spread else (name,))]
        made = io.StringIO()
        writer = csv.writer(made, lineterminator="\n")
        differing = [one.name for one in self.columns if one.kind in ("setting", "environment")]
        writer.writerow(["run", "id", *differing, *columns])
        for row in self.rows:
            cells: list[Any] = [row.title, row.id, *(row.settings.get(name, "") for name in self.settings)]
            cells += [row.environment.get(name, "") for name in self.environment]
            for name in RESULTS:
                one = row.results[name]
                three = ("", "", "") if one is None else (one.mean, "" if one.std is None else one.std, one.count)
                cells += three if spread else three[:1]
            writer.writerow(cells)
        return made.getvalue()


def find(home: Path, texts: Sequence[str], progress: Progress = silent) -> list[RunSummary | Group]:
    """Each text's run, as `store.find` has it, or its group: by its whole name, its study's, or the beginning of its
    id. Raises RunError where one is neither. `progress`: in bytes of the log that is read."""
    known: list[Group] | None = None
    found: list[RunSummary | Group] = []
    for text in texts:
        try:
            found.append(listing.summary(store.find(home, text), progress))
            continue
        except RunError as error:
            problem = error
        known = groups.groups(listing.list_runs(home, progress)) if known is None else known
        matching = groups.named(known, text)
        if len(matching) != 1:
            raise problem
        found += matching
    if len(found) > MOST:
        raise RunError(f"compare takes at most {MOST} runs and groups; {len(found)} were given")
    return list({one.id: one for one in found}.values())


def _of_setting(name: str) -> Column:
    return Column(name + SETTING if name in RESULTS else name, "setting", name)


def _of_environment(name: str) -> Column:
    return Column(name + USED if name in SETTINGS else name, "environment", name)


def members(one: RunSummary | Group) -> Sequence[RunSummary]:
    """The runs of a group, or the run."""
    return one.runs if isinstance(one, Group) else (one,)


def facts(folder: RunFolder, state: RunState) -> Facts:
    """Of a run, by its state as it was read. Raises RunError where the folder can't be read."""
    best = state.best
    return Facts(
        _environment(folder),
        tuple(str(name) for name in state.dataset.get("classes", ())),
        tuple(best.per_class) if best is not None else (),
    )


def read_facts(folder: RunFolder, progress: Progress = silent) -> Facts:
    """Of a run whose state is to be read for it. `progress`: in bytes of its log. Raises RunError where the folder
    can't be read."""
    return facts(folder, listing.quick_state(folder, progress))


def compare(chosen: Sequence[RunSummary | Group], facts_of: Callable[[RunFolder], Facts] = read_facts) -> Comparison:
    """Put them side by side, in that order. `facts_of`: for who has read them before. Raises RunError where a folder
    can't be read."""
    rows, classes = [], list[tuple[str, ...]]()
    for one in chosen:
        known = [facts_of(run.folder) for run in members(one)]
        classes += [found.classes for found in known]
        rows.append(_row(one, known))
    settings = tuple(name for name in SETTINGS if _differs([row.settings.get(name) for row in rows]))
    names = list(dict.fromkeys(name for row in rows for name in row.environment))
    environment = tuple(name for name in names if _differs([row.environment.get(name) for row in rows]))
    same = classes and all(one == classes[0] for one in classes)
    return Comparison(tuple(rows), settings, environment, classes[0] if same else ())


def _row(one: RunSummary | Group, known: Sequence[Facts]) -> Compared:
    runs = members(one)
    environments = [found.environment for found in known]
    names = dict.fromkeys(name for environment in environments for name in environment)
    values: dict[str, list[float | None]] = {
        "best": [run.best_accuracy for run in runs],
        "test": [run.test_accuracy for run in runs],
        "last": [run.accuracy for run in runs],
        "loss": [run.loss for run in runs],
        "epochs": [float(run.epoch) for run in runs],
        "seconds": [run.seconds for run in runs],
    }
    return Compared(
        id=one.id,
        title=one.title,
        runs=tuple(run.id for run in runs),
        settings={name: _alike([run.settings.get(name) for run in runs]) for name in SETTINGS}
        | ({"seed": one.seeds} if isinstance(one, Group) else {}),
        environment={name: _alike([environment.get(name, "") for environment in environments]) for name in names},
        results={name: mean_std(values[name]) for name in RESULTS},
        per_class=_per_class([found.per_class for found in known if found.per_class]),
    )


def _environment(folder: RunFolder) -> dict[str, Any]:
    """Under what a run was trained last, as its run.json says."""
    request = store.read_run(folder)
    known = request.get("environment") or {}
    found = {"device": request.get("device_name") or known.get("device") or ""}
    found |= request.get("versions") or {}
    found |= {name: known[name] for name in ("numpy", "threads", "processes", "instructions") if name in known}
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _per_class(found: Sequence[tuple[float | None, ...]]) -> tuple[float | None, ...]:
    """The accuracy of each class, the mean over the runs; empty where they don't fit."""
    if not found or len({len(one) for one in found}) > 1:
        return ()
    means = [mean_std(list(column)) for column in zip(*found, strict=True)]
    return tuple(None if one is None else one.mean for one in means)


def _alike(values: Sequence[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else DIFFERENT


def _differs(values: Sequence[Any]) -> bool:
    return any(str(value) != str(values[0]) for value in values) or DIFFERENT in values


def _ordered(pair: tuple[Any, Compared]) -> tuple[bool, float, str]:
    value = pair[0]
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value).casefold())
