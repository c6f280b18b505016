"""What a run that ended can be gone on from, as its events say. Imports no torch."""

from enum import Enum

from engine.runs.state import RunState


class GoesOn(Enum):
    """From its newest checkpoint; from an earlier one, since later ones are not finite; or from none, since no
    checkpoint is."""

    FROM_NEWEST = "newest"
    FROM_EARLIER = "earlier"
    NOT = "not"


def goes_on(state: RunState) -> GoesOn:
    """A run without a checkpoint begins anew, and a branch with its parent's: both count as the newest."""
    if not state.checkpoints or state.checkpoints[-1].finite:
        return GoesOn.FROM_NEWEST
    earlier = state.parent is not None or any(one.finite for one in state.checkpoints)
    return GoesOn.FROM_EARLIER if earlier else GoesOn.NOT
