"""What the key Compare of *Runs* means: what is marked, and what stands at the cursor."""

from collections.abc import Sequence

from engine.runs.compared_runs import Compared, together
from engine.runs.comparison import MOST
from engine.runs.groups import Group
from engine.runs.listing import RunSummary

FEW = "mark two or more with m, or go to a branch or a group"


def to_compare(marked: Sequence[str], here: Sequence[RunSummary], runs: Sequence[RunSummary]) -> list[Compared]:
    """What is marked; a single one of it with the run or the group at the cursor. Without marks a run with the one that
    it branched off from, which comes first; and of a group alone its runs. `here`: the runs at the cursor; `runs`: all.
    Fewer than two: nothing can be compared."""
    ids = [run.id for run in here]
    chosen = together(marked, runs)
    if len(chosen) == 1 and not set(ids) <= set(marked):
        chosen = together([*marked, *ids], runs)
    if not chosen and len(here) == 1 and here[0].parent:
        chosen = together([here[0].parent, *ids], runs)
    chosen = chosen or together(ids, runs)
    if len(chosen) == 1 and isinstance(group := chosen[0], Group):
        return list[Compared](group.runs)
    return chosen


def why_not(chosen: Sequence[Compared]) -> str:
    """Why these can't be compared; "" where they can."""
    if len(chosen) < 2:
        return FEW
    return f"at most {MOST:,} are compared; {len(chosen):,} are marked" if len(chosen) > MOST else ""
