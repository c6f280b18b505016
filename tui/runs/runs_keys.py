"""Why a key of *Runs* can't act now."""

from engine.runs.groups import Group
from engine.runs.listing import LIVE, RunSummary
from engine.terminal_text import printable
from tui.runs.queue_actions import WAITING

_OF_A_RUN = ("open", "pause", "edit", "stop", "branch", "on_model")  # actions that need a run that can be read
_ENDS = {"finished": "is finished", "stopped": "is stopped", "failed": "has failed", "prepared": "has not begun"}


def why_not(action: str, run: RunSummary | None, *, group: Group | None, any_run: bool, filtered: bool) -> str:
    """Why the action can't be done, in a few words; "" where it can. `run`, `group`: the one under the cursor;
    `any_run`: whether there is one at all. `filtered`: or marked."""
    if group is not None and action in _OF_A_RUN:
        return "" if action == "open" else "a group is chosen: enter shows its runs"
    if run is None and group is None and action in (*_OF_A_RUN, "sort", "reverse", "columns"):
        return "no run is chosen" if any_run else "there is no run"
    if run is not None and run.problem and action in _OF_A_RUN:
        return f"the run can't be read: {printable(run.problem)}"
    if action == "queue" and (run is None or run.state not in WAITING):
        return "only a run that waits in the queue has a place there"
    if run is not None and action == "stop" and run.state not in (*LIVE, *WAITING):
        return f"the run {_ENDS.get(run.state, 'has ended')}"
    if run is not None and action in ("branch", "on_model") and not run.checkpoints:
        return "the run has no checkpoint yet"
    if action == "unfilter" and not filtered:
        return "no filter is set, and no run is marked"
    return ""
