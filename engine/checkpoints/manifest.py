"""The list of a run's checkpoints, `checkpoints/manifest.json`: what each is, and its SHA-256. Imports no torch."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from engine import atomic, plain_file
from engine.errors import CheckpointError
from engine.home import RunFolder
from engine.terminal_text import printable
from engine.training.events import Count, Fraction, Seconds

# A name alone: a list may come from anybody, and must not lead out of its folder.
FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}$)[^/\\\x00]+$", min_length=1, max_length=255)]


@dataclass(frozen=True)
class Entry:
    """One checkpoint. `reason`: why it was written: "epoch" (its end), "time", "asked", "stop", or "branch" (the one
    that a branch starts from)."""

    file: FileName  # in the folder of the checkpoints
    epoch: Count
    step: Count  # the last step whose result is in it
    bytes: Count
    sha256: Annotated[str, Meta(max_length=64)]
    t: Seconds  # Unix seconds
    reason: Annotated[str, Meta(max_length=100)] = "epoch"
    accuracy: Fraction | None = None  # of the epoch that it ends: of the validation images, or else the test set
    rested_on: bool = False  # a resume began with it
    finite: bool = True  # weights, optimizer's state, newest losses; an older list does not say

    @property
    def place(self) -> tuple[int, int, bool]:
        """Sorts by how far the training was; one that ends an epoch after one at its last step."""
        return (self.epoch, self.step, self.reason in ("epoch", "branch"))

    @property
    def epochs_done(self) -> int:
        """Whole epochs with their test results. A checkpoint inside an epoch has its step in its file's name."""
        return self.epoch - ("-step-" in self.file)


class _Manifest(msgspec.Struct):
    checkpoints: list[Entry]


def read(run_folder: RunFolder) -> list[Entry]:
    """The run's checkpoints, oldest first; nothing where there is none yet. Raises CheckpointError where the list can't
    be read."""
    path = run_folder.manifest
    try:
        return msgspec.json.decode(plain_file.read(path), type=_Manifest).checkpoints
    except FileNotFoundError:
        return []
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"not as fmnist-tui writes it: {printable(str(error), 100)}"
    raise CheckpointError(f"the list of checkpoints {path} can't be read ({why})")


def write(run_folder: RunFolder, entries: Iterable[Entry]) -> None:
    """Raises OSError, with the old list whole."""
    content = {"v": 1, "checkpoints": [asdict(entry) for entry in entries]}
    atomic.write_text(run_folder.manifest, json.dumps(content, indent=1) + "\n")


def rest_on(run_folder: RunFolder, chosen: Entry) -> None:
    """Note that a resume began with `chosen`: it is never deleted. Raises OSError."""
    entries = [replace(entry, rested_on=entry.rested_on or entry.file == chosen.file) for entry in read(run_folder)]
    write(run_folder, entries)


def superfluous(entries: list[Entry], keep: str, pinned: Iterable[str]) -> list[Entry]:
    """What the policy lets go. Never the newest, the newest that is finite, the best, or one that a resume or a branch
    (`pinned`, files) rests on. `entries`: the one that was written last is the last.

    `keep` "all": of the rest, every epoch's end and those that were asked for stay, and what was written for time or at
    a stop goes. A number N: the newest N stay, of whatever kind. What is not finite and further on than the one written
    last goes: a resume has gone back to before it.
    """
    if not entries:
        return []
    void = {entry.file for entry in entries if not entry.finite and entry.place > entries[-1].place}
    by_place = sorted(entries, key=lambda entry: entry.place)
    in_order = [entry for entry in by_place if entry.file not in void]
    kept = {in_order[-1].file, *pinned, *(entry.file for entry in by_place if entry.rested_on)}
    kept |= {entry.file for entry in [entry for entry in in_order if entry.finite][-1:]}
    if (best_one := best(in_order)) is not None:
        kept.add(best_one.file)
    if keep == "all":
        kept |= {entry.file for entry in in_order if entry.reason in ("epoch", "asked", "branch")}
    else:
        kept |= {entry.file for entry in in_order[-int(keep) :]}
    return [entry for entry in by_place if entry.file not in kept]


def best(entries: Iterable[Entry]) -> Entry | None:
    """The one with the highest accuracy on the test set, of those that are finite where one is; None: none has any."""
    scored = [entry for entry in entries if entry.accuracy is not None]
    return max(scored, key=lambda entry: (entry.finite, entry.accuracy or 0.0), default=None)
