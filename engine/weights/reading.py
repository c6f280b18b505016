"""Any file of weights, read by the format that recognises it. Nothing in it is executed."""

import zipfile
from pathlib import Path

from engine import garbage
from engine.errors import CheckpointError
from engine.home import expanded
from engine.terminal_text import printable
from engine.weights import magic, opcodes
from engine.weights.budget import Budget
from engine.weights.contents import Contents
from engine.weights.formats import pickles, registry
from engine.weights.formats.registry import Candidate
from engine.weights.pickle_stream import PickleError
from engine.weights.safe_open import DAMAGED, Bounded, FileStamp, opened

MOST_FOLDERS = 200  # that are looked into for a hint


def read(path: Path, budget: Budget | None = None) -> Contents:
    """What is in a file, or in a folder of them: shards, or a distributed checkpoint. `budget`: what reading it may
    cost, with what else is read of it; None: it is not part of anything. Raises CheckpointError with one
    line where it can't be read, or is of no known format."""
    path = expanded(path)
    shown, budget = printable(str(path)), budget or Budget()
    try:
        budget.check()  # what comes before it may have used all
        candidate = _candidate(path)
        if (found := registry.recognise(candidate)) is not None:
            with garbage.not_collected():
                return found.read(path, budget)
        if path.is_dir():
            inside = _folders_with_weights(path)
            hint = f"there are some in {', '.join(inside)}: name one of these" if inside else "name a file in it"
            raise CheckpointError(f"a folder without weights ({registry.names(several=True)}); {hint}")
        if not candidate.head:
            raise CheckpointError("it is empty")
        if _imports(path, budget):
            return pickles.read_plain(path, budget)
        raise CheckpointError(f"it is {magic.what(candidate.head, path.suffix)}")
    except PickleError as error:
        raise PickleError(f"{shown}: {error.why}", error.globals) from error
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(shown) else f"{shown}: {text}") from error
    except zipfile.BadZipFile as error:
        reason = printable(str(error), 100)
        raise CheckpointError(f"{shown}: a damaged or truncated zip file ({reason})") from error
    except OSError as error:
        raise CheckpointError(f"{shown}: {error.strerror or error}") from error
    except DAMAGED as error:  # zipfile and struct have many ways to say so
        what = printable(" ".join(str(error).split()), 100)
        raise CheckpointError(f"{shown}: damaged, or from another program ({what or type(error).__name__})") from error


def _folders_with_weights(folder: Path) -> list[str]:
    """Those in the folder, as a pipeline of diffusers' has them, or in the snapshots of Hugging Face's cache: the first
    few."""
    top = folder / "snapshots" if (folder / "snapshots").is_dir() else folder
    inside = sorted(one for one, _ in zip(top.iterdir(), range(MOST_FOLDERS), strict=False) if one.is_dir())
    return [printable(str(one.relative_to(folder)), 100) for one in inside if _has_weights(one)][:8]


def _has_weights(folder: Path) -> bool:
    try:
        return registry.recognise(Candidate(folder)) is not None
    except OSError:
        return False


def _candidate(path: Path) -> Candidate:
    if path.is_dir():
        return Candidate(path)
    with opened(path) as file:
        return Candidate(path, file.read(registry.HEAD), FileStamp.of_open(file).size)


def _imports(path: Path, budget: Budget) -> bool:
    """Whether a file that looks like nothing else is a pickle that imports something: one needs no opcode that says so,
    and may begin with any. A text may look like one, but what that would import has no names of Python's."""
    with opened(path) as file:
        found = opcodes.globals_of(Bounded(file, path.stat().st_size), budget)
    budget.check()  # one that was not read to its end is no text: those end at the first line
    return any(all(part.isidentifier() for part in f"{one.module}.{one.name}".split(".")) for one in found)
