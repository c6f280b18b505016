"""What is said before runs are deleted, on the command line and in the app."""

from collections.abc import Iterable

from engine.runs.deletion import WAITING, Plan
from engine.runs.listing import RunSummary
from engine.terminal_text import printable
from tui import format as fmt

MOST_NAMED = 8  # runs that are named, in lines or in a sentence; more are counted


def about(plan: Plan) -> list[str]:
    """A line for each run, then what goes and what stays."""
    shown = plan.doomed[:MOST_NAMED] if len(plan.doomed) > MOST_NAMED + 1 else plan.doomed
    lines = [f"{named(one.run)}: {fmt.size(one.usage.bytes)}" for one in shown]
    if rest := plan.doomed[len(shown) :]:
        lines.append(f"and {fmt.counted(len(rest), 'run')} more: {fmt.size(sum(one.usage.bytes for one in rest))}")
    usage, branches = plan.usage, plan.branches
    if len(plan.doomed) > 1:
        lines.append(f"together {fmt.size(usage.bytes)}")
    if usage.bytes > usage.freed:
        lines.append(f"{fmt.size(usage.bytes - usage.freed)} of it are shared with other runs, and stay")
    if usage.problem:
        lines.append(f"not all could be counted: {printable(usage.problem)}")
    if branches:
        one, it = len(branches) == 1, "it" if len(plan.doomed) == 1 else "them"
        began = f"{fmt.count(len(branches))} branch{'' if one else 'es'} began with {it}: {names(branches)}"
        lines.append(f"{began}. {'It stays' if one else 'They stay'}, with {'its' if one else 'their'} checkpoint.")
    if trials := [one.run for one in plan.doomed if one.run.study]:
        studies = ", ".join(dict.fromkeys(printable(run.study) for run in trials))
        what = f"{fmt.counted(len(trials), 'trial')} of the study {studies}"
        lines.append(f"{what}: it keeps the results; a trial that has not ended counts as failed")
    return lines + refused(plan)


def refused(plan: Plan) -> list[str]:
    """Which runs stay, and why."""
    waiting = [run for run in plan.refused if run.state in WAITING]
    training = [run for run in plan.refused if run not in waiting]
    lines = list[str]()
    if training:
        it, them = ("it trains", "it") if len(training) == 1 else ("they train", "them")
        lines.append(f"not deleted, as {it}: {names(training)}. Stop {them} first.")
    if waiting:
        it, them = ("it waits", "it") if len(waiting) == 1 else ("they wait", "them")
        lines.append(f"not deleted, as {it} in the queue: {names(waiting)}. Cancel {them} there.")
    return lines


def counted(runs: Iterable[RunSummary]) -> str:
    """`the run fast`, `3 runs`."""
    every = list(runs)
    return f"the run {printable(every[0].title)}" if len(every) == 1 else fmt.counted(len(every), "run")


def names(runs: Iterable[RunSummary]) -> str:
    """`a, b and 3 more`."""
    every = [printable(run.title) for run in runs]
    shown = every[:MOST_NAMED]
    return ", ".join(shown) + (f" and {len(every) - len(shown)} more" if len(every) > len(shown) else "")


def named(run: RunSummary) -> str:
    """Its id, and its name, where it has one."""
    return printable(f"{run.id} {run.name}".strip())
