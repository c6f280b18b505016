"""Groups: runs that differ in their seed alone, and what they come to together. Imports no torch."""

import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, RunError
from engine.home import RunFolder
from engine.mean_std import MeanStd, mean_std
from engine.runs import client, meta, store
from engine.runs.listing import ENDED, RunSummary
from engine.training.config import TrainConfig

MOST_SEEDS = 1000
MOST_TYPED = 4000  # characters; Python's integers of more than 4,300 digits are no longer read
MOST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Group:
    """Runs that were made together."""

    id: str
    name: str  # empty: it has none
    size: int  # runs that were asked for; some may be gone
    runs: tuple[RunSummary, ...]  # in the order of their seeds

    @property
    def study(self) -> str:
        """The name of the study that its runs are the trials of; empty: they differ in their seeds."""
        return self.runs[0].study if self.runs else ""

    @property
    def title(self) -> str:
        """What it is called on screens."""
        if self.study:
            return f"study {self.study}"
        return self.name or f"seeds {', '.join(str(run.settings.get('seed')) for run in self.runs[:5])}"

    @property
    def seeds(self) -> str:
        """`0–4`, or `1, 4, 9`."""
        known = [seed for run in self.runs if isinstance(seed := run.settings.get("seed"), int)]
        if len(known) > 1 and known == list(range(known[0], known[0] + len(known))):
            return f"{known[0]}–{known[-1]}"
        return ", ".join(map(str, known))

    @property
    def best(self) -> MeanStd | None:
        """Of the runs' best accuracies, of those that have one."""
        return mean_std([run.best_accuracy for run in self.runs])

    @property
    def accuracy(self) -> MeanStd | None:
        """Of the accuracies after the runs' last epochs."""
        return mean_std([run.accuracy for run in self.runs])

    @property
    def test(self) -> MeanStd | None:
        """Of the test accuracies that count: see `RunState.tested`."""
        return mean_std([run.test_accuracy for run in self.runs])

    @property
    def loss(self) -> MeanStd | None:
        """Of the newest training losses; those that are not finite are left out, and so is the count of them."""
        return mean_std([run.loss for run in self.runs])

    @property
    def ended(self) -> int:
        """How many have ended."""
        return sum(run.state in (*ENDED, "ended") for run in self.runs)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        results = {name: getattr(self, name) for name in ("best", "accuracy", "test", "loss")}
        return {
            "id": self.id,
            "name": self.name,
            "study": self.study,
            "size": self.size,
            "runs": [run.id for run in self.runs],
            "seeds": [run.settings.get("seed") for run in self.runs],
            "ended": self.ended,
            **{name: None if one is None else vars(one) for name, one in results.items()},
        }


def groups(runs: Sequence[RunSummary]) -> list[Group]:
    """The groups among the runs, in the order of their first runs in the list."""
    members: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.group:
            members.setdefault(run.group, []).append(run)
    return [
        Group(
            group,
            next((run.group_name for run in found if run.group_name), ""),
            max(run.group_size for run in found),
            tuple(sorted(found, key=_place)),
        )
        for group, found in members.items()
    ]


def named(known: Sequence[Group], text: str) -> list[Group]:
    """Those that `text` may mean: its whole name, its study's, or the beginning of its id."""
    found = [group for group in known if text and text in (group.name, group.study)]
    return found or [group for group in known if text and group.id.startswith(text)]


def rename(group: Group, name: str) -> None:
    """Give a group another name; empty: none. Its runs that are called by it and their seeds are called by the new one.
    Raises RunError: the runs of a study have its name, or a meta.json can't be written."""
    if group.study:
        raise RunError(f"the runs are trials of the study {group.study}, which keeps its name")
    for run in group.runs:
        before, after = _member_name(group.name, run), _member_name(name, run)
        meta.change(run.folder, group=name, name=after if run.name == before else None)


def _member_name(name: str, run: RunSummary) -> str:
    return f"{name} seed {run.settings.get('seed')}".strip()


def parse_seeds(text: str, first: int) -> tuple[int, ...]:
    """`5`: five seeds from `first` on; `3..7`: from 3 to 7, both included; `1,4,9`: these. Raises ConfigError."""
    text = text.strip()
    count, seeds = 0, tuple[int, ...]()
    if len(text) > MOST_TYPED:
        raise ConfigError("seeds", f"--seeds: too long: {len(text)} characters")
    if found := re.fullmatch(r"([0-9]+)\s*\.\.\s*([0-9]+)", text):
        low, high = map(int, found.groups())
        if high < low:
            raise ConfigError("seeds", f"--seeds: {text!r} ends before it begins")
        count = high - low + 1
        seeds = tuple(range(low, high + 1)) if count <= MOST_SEEDS else ()
    elif re.fullmatch(r"[0-9]+", text):
        count = int(text)
        seeds = tuple(range(first, first + count)) if count <= MOST_SEEDS else ()
    elif re.fullmatch(r"[0-9]+(\s*,\s*[0-9]+)+", text):
        seeds = tuple(int(part) for part in text.split(","))
        count = len(seeds)
    else:
        what = "is neither a number of seeds (5), nor a range (3..7), nor a list (1,4,9)"
        raise ConfigError("seeds", f"--seeds: {text!r} {what}")
    if not 1 <= count <= MOST_SEEDS:
        raise ConfigError("seeds", f"--seeds: {count} seeds are out of range; from 1 to {MOST_SEEDS} are possible")
    if max(seeds) > MOST_SEED:
        raise ConfigError("seeds", f"--seeds: {max(seeds)} is out of range; a seed is at most {MOST_SEED}")
    if len(set(seeds)) < len(seeds):
        raise ConfigError("seeds", f"--seeds: {text!r} names a seed twice")
    return seeds


def make(
    home: Path,
    config: TrainConfig,
    seeds: Sequence[int],
    *,
    name: str = "",
    data_dir: Path | None = None,
    processes: int = 1,
) -> list[RunFolder]:
    """Make a run for each seed, and begin none of them; one alone belongs to no group. Raises EngineError, with none
    made."""
    group = {"id": secrets.token_hex(4), "name": name, "size": len(seeds)} if len(seeds) > 1 else None
    made: list[RunFolder] = []
    try:
        for seed in seeds:
            request = client.request(
                replace(config, seed=seed), name=f"{name} seed {seed}".strip() if group else name, data_dir=data_dir,
                processes=processes, group=group,
            )  # fmt: skip
            made.append(store.create(home, request | {"prepared": True}))
    except BaseException:
        discard(made)
        raise
    return made


def discard(folders: Sequence[RunFolder]) -> None:
    """Delete the folders of runs that have not begun."""
    for folder in folders:
        if not folder.events.exists():
            shutil.rmtree(folder.path, ignore_errors=True)


def _place(run: RunSummary) -> tuple[int, int, str]:
    """What the runs of a group are sorted by."""
    seed = run.settings.get("seed")
    return (run.trial or 0, seed if isinstance(seed, int) else 0, run.id)
