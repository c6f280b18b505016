"""A branch with what was trained before it. Imports no torch."""

from dataclasses import replace

from engine.home import RunFolder
from engine.runs import state_file
from engine.runs.state import RunState


def with_ancestors(folder: RunFolder) -> RunState:
    """The state of a run; of a branch, with its parents' curves before it. Raises UnreadableError."""
    state = state_file.read_all(folder).snapshot()
    if state.parent is None or state.parent.parent == folder.id:
        return state
    before, begun = with_ancestors(folder.other(state.parent.parent)), state.begun_at
    curve = tuple(point for point in before.curve if point.x <= begun) + state.curve
    earlier = {name: tuple(one for one in getattr(before, name) if one.x <= begun) for name in ("tests", "vals")}
    return replace(state, curve=curve, tests=earlier["tests"] + state.tests, vals=earlier["vals"] + state.vals)
