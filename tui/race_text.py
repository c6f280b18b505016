"""What is said of a race, on screens and on the command line."""

from collections.abc import Sequence

from engine.race import Race
from engine.runs.state import RunState
from tui import format as fmt


def place_words(race: Race, states: Sequence[RunState]) -> str:
    """Where the branches leave their run: `after epoch 3`, `at epoch 4, step 412`. `states`: theirs, as far as they
    have begun."""
    known = next((state.parent for state in states if state.parent is not None), None)
    return f"at epoch {race.epoch}, step {race.step}" if known is None else fmt.place_words(known)
