"""What a file of weights lists while its pickle is still read: the tensors that were met by then, by their names."""

from collections.abc import Callable
from typing import Any

from engine.weights import pickle_contents
from engine.weights.budget import Budget
from engine.weights.contents import Contents
from engine.weights.pickle_machine import MARK
from engine.weights.records import Dict, Elements
from engine.weights.requests import FileListing, FileRequest

FIRST = 20  # looks at the stack, one every few hundred opcodes, after which a first listing is told
DEEPEST = 60  # containers in one another that are gone into


class ListingSoFar:
    """Takes the stack of a pickle's machine now and then, and tells a listing of what is on it: at the 20th look, the
    80th, the 320th, …, until it has as many tensors as a listing may have. A file that is read at once has none."""

    def __init__(self, request: FileRequest, tell: Callable[[FileListing], None]) -> None:
        self._request, self._tell = request, tell
        self._looks, self._next = 0, FIRST

    def __call__(self, stack: list[Any]) -> None:
        self._looks += 1
        if self._looks != self._next:
            return
        self._next *= 4
        listing = listing_of(stack, self._request)
        if listing.tensors:
            self._tell(listing)
        if len(listing.tensors) >= self._request.most:
            self._next = 0


def listing_of(stack: list[Any], request: FileRequest) -> FileListing:
    """What is listed of the containers on the stack. What it would import is not judged: more may come."""
    most = request.most
    # By a filter tensors are left out, so more are looked at; of what comes later nothing is known anyway.
    looked_at = 20 * most if request.filter else most
    budget = Budget(
        tensors=looked_at, parts=20 * looked_at, looks=100 * looked_at
    )  # a look takes little of the reading
    contents = Contents(request.file, "", 0, budget=budget)
    pickle_contents.name_tensors(contents, root_of(stack, looked_at))
    tensors = tuple([one for one in contents.tensors if request.filter in one.name][:most])
    return FileListing(
        format="", bytes=0, notes=(), safety="", elements=sum(one.tensor.count for one in contents.tensors),
        tensors=tensors, values={}, imports=(), modules=(), shared=(), problems=(),
        counts={"tensors": len(tensors), **dict.fromkeys(("values", "imports", "modules", "shared", "problems"), 0)},
        complete=False,
    )  # fmt: skip


def root_of(stack: list[Any], most: int) -> Any:
    """The container at the bottom of the stack, of which the one that is filled now is a part; of each the first `most`
    parts that were put in. What stands on the stack and is in no container yet may become anything, such as a part of a
    tuple, so it is left out. None where there is no container."""
    marks = [at for at, one in enumerate(stack) if one is MARK]
    if len(marks) > DEEPEST or 0 in marks:
        return None
    # A container stands before the mark of its parts, of which the last may be a container with a mark of its own.
    inner: Dict | Elements | None = None
    end = len(stack)
    for at in reversed(marks):
        inner = _with(stack[at - 1], stack[at + 1 : end], inner, most)
        end = at - 1
    below = stack[:end]
    while below:  # those with a single part have no mark
        container, *parts = below[-2:] if len(below) % 2 == 0 else below[-1:]
        inner = _with(container, parts, inner, most)
        below = below[: -1 - len(parts)]
    return inner


def _with(container: Any, parts: list[Any], inner: "Dict | Elements | None", most: int) -> "Dict | Elements | None":
    """A container with the one that is filled now, whose key is the last of `parts`, where that is sure. None where it
    is none, but what something is to be called with."""
    match container:
        case Dict(items=items, kind=kind):
            sure = inner is not None and len(parts) % 2 == 1 and isinstance(parts[-1], (str, int))
            if len(parts) > 1 and isinstance(parts[-2], (Dict, Elements)) and not parts[-2].items:
                sure = False  # that one is empty, or its single part stands after it
            return Dict([*items[:most], *([(parts[-1], inner)] if sure else [])], kind)
        case Elements(kind=kind, items=items):
            return Elements(kind, items[:most])
    return None
