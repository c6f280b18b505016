"""What a run's log holds of the run so far, for the host that resumes it. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints.manifest import Entry
from engine.home import RunFolder
from engine.runs import log
from engine.training import events as ev

MOST_STEPS = 1 << 62  # of an epoch


@dataclass(frozen=True)
class History:
    """`edits`: in the order of their places, those void by a later edit, and those undone, left out."""

    seq: int  # of the newest event
    edits: tuple[ev.Edited, ...]
    undone: tuple[ev.Edited, ...]  # the run failed before a step was made with them: they are not made again
    checkpoints: tuple[ev.CheckpointSaved, ...]
    finished: bool  # all that was to be done was done, and nothing was begun after that
    early: str = ""  # why it finished before its last epoch; empty: it did not

    def entries(self) -> list[Entry]:
        """The checkpoints as a manifest would list them: for a run whose manifest is lost."""
        listed = {}
        for saved in self.checkpoints:
            name = Path(saved.file).name
            listed[name] = Entry(
                name, saved.epoch, saved.step, saved.bytes, saved.sha256, saved.t, saved.reason, finite=saved.finite
            )
        return list(listed.values())


def read(run_folder: RunFolder) -> History:
    """Read the whole log once."""
    wanted = (ev.Edited, ev.CheckpointSaved, ev.Finished, ev.Resumed, ev.Failed, ev.EpochFinished)
    part = log.read(run_folder, kinds=wanted, latest=(ev.Progress,))
    finished, early = False, ""
    edits: list[ev.Edited] = []
    untried: list[ev.Edited] = []  # no step was made with them yet
    undone: list[ev.Edited] = []
    checkpoints: list[ev.CheckpointSaved] = []
    for event in part.events:
        match event:
            case ev.Edited():
                if not event.replayed:
                    edits = [old for old in edits if old.setting != event.setting or _place(old) <= _place(event)]
                    edits.append(event)
                    untried.append(event)
            case ev.Progress() | ev.EpochFinished():
                place = (event.epoch, getattr(event, "step", MOST_STEPS))
                untried = [edit for edit in untried if not (edit.from_epoch <= event.epoch and _place(edit) < place)]
            case ev.Failed():
                undone += untried
                edits = [edit for edit in edits if edit not in untried]
                untried = []
            case ev.CheckpointSaved():
                checkpoints.append(event)
            case ev.Finished():
                finished, early = True, event.early
            case ev.Resumed():
                finished, early = False, ""
                untried = []
    return History(part.seq, tuple(edits), tuple(undone), tuple(checkpoints), finished, early)


def _place(edit: ev.Edited) -> tuple[int, int]:
    return (edit.epoch, edit.step)
