"""What a run's log tells of the run so far, for the host that goes on with it. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints.manifest import Entry
from engine.runs.log import FILE
from engine.training import events as ev

_WANTED = (b'"kind": "edited"', b'"kind": "checkpoint_saved"', b'"kind": "finished"', b'"kind": "resumed"')


@dataclass(frozen=True)
class History:
    """`edits`: in the order of their places, those void by a later edit left out."""

    seq: int  # of the newest event
    edits: tuple[ev.Edited, ...]
    checkpoints: tuple[ev.CheckpointSaved, ...]
    finished: bool  # all epochs were done, and nothing was begun after that

    def entries(self) -> list[Entry]:
        """The checkpoints as a manifest would list them: for a run whose manifest is lost."""
        listed = {}
        for saved in self.checkpoints:
            name = Path(saved.file).name
            listed[name] = Entry(name, saved.epoch, saved.step, saved.bytes, saved.sha256, saved.t, saved.reason)
        return list(listed.values())


def read(run_folder: Path) -> History:
    """Read the whole log once; a line that is cut off or of an unknown kind is skipped."""
    seq, finished = 0, False
    edits: list[ev.Edited] = []
    checkpoints: list[ev.CheckpointSaved] = []
    newest = b""
    try:
        with open(run_folder / FILE, "rb") as file:
            for line in file:
                if line.endswith(b"}\n"):
                    newest = line
                if not any(kind in line for kind in _WANTED):
                    continue
                match ev.decode(line):
                    case ev.Edited() as edit:
                        if not edit.replayed:
                            edits = [old for old in edits if old.setting != edit.setting or _place(old) <= _place(edit)]
                            edits.append(edit)
                    case ev.CheckpointSaved() as saved:
                        checkpoints.append(saved)
                    case ev.Finished():
                        finished = True
                    case ev.Resumed():
                        finished = False
    except FileNotFoundError:
        pass
    if newest and (last := ev.decode_seq(newest)):
        seq = last
    return History(seq, tuple(edits), tuple(checkpoints), finished)


def _place(edit: ev.Edited) -> tuple[int, int]:
    return (edit.epoch, edit.step)
