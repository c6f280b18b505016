"""A group of runs in words: the cells of its row, and what stands in the panel about it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from textual.content import Content

from engine.mean_std import MeanStd
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.training.settings import SETTINGS
from tui import format as fmt
from tui.runs.facts import model_name

# Which state a group is said to be in: the first of these that one of its runs is in.
STATES = (
    "training", "paused", "failed", "ended", "unreadable", "queued", "held", "prepared", "stopped", "finished",
)  # fmt: skip
DIFFERENT = "…"  # where its runs have different values


def state_of(group: Group) -> str:
    """One state for all."""
    there = {run.state for run in group.runs}
    return next((state for state in STATES if state in there), "")


def state_words(group: Group) -> str:
    """`2 training, 3 finished`."""
    counts = Counter(run.state for run in group.runs)
    return ", ".join(f"{fmt.count(counts[state])} {state}" for state in STATES if counts[state])


def group_cells(group: Group, depth: int, now: float, *, unfolded: bool) -> dict[str, str]:
    """The cells of its row but for those of settings, by the titles of the columns. `depth`: how far in it stands."""
    runs = group.runs
    loss = group.loss
    return {
        "state": state_of(group),
        "run": "  " * depth + f"{'−' if unfolded else '+'} {group.title} ({fmt.count(len(runs))})",
        "model": _same([model_name(run.model) for run in runs]),
        "epochs": f"{fmt.count(group.ended)}/{fmt.count(max(group.size, len(runs)))} ended",
        "best": _result(group, [run.best_accuracy for run in runs], group.best),
        "test": _result(group, [run.test_accuracy for run in runs], group.test),
        "loss": fmt.NOTHING if loss is None or group.study else fmt.loss(loss.mean),
        "time": fmt.span(sum(run.seconds for run in runs)) if any(run.epoch for run in runs) else fmt.NOTHING,
        "data": _same(["demo data" if run.demo else run.dataset for run in runs]),
        "tags": " ".join(sorted(set.intersection(*(set(run.tags) for run in runs)))),  # that all of them have
        "note": _same([run.note.partition("\n")[0] for run in runs]) if any(run.note for run in runs) else "",
        "age": fmt.age(now - max(run.started for run in runs)),
        "curve": "",
    }


def about(group: Group) -> Content:
    """What the panel beside the list says of it: its results, and those of its runs."""
    if group.study:
        return _about_study(group)
    tested = any(run.settings.get("val") for run in group.runs)
    results = {"best": group.best, "last": group.accuracy} | ({"test": group.test} if tested else {})
    tta = " TTA" * any(run.tta for run in group.runs)
    lines = [Content(f"{name} {fmt.mean_percent(found, counted=True)}{tta}") for name, found in results.items()]
    if group.loss is not None:
        std = f" ± {fmt.loss(group.loss.std)}" if group.loss.std is not None else ""
        lines.append(Content(f"training loss {fmt.loss(group.loss.mean)}{std}"))
    lines += [Content(state_words(group)), Content("")]
    missing = group.size - len(group.runs)
    if missing > 0:
        words = f"{fmt.counted(missing, 'run')} of it {'is' if missing == 1 else 'are'} not here"
        lines.append(Content.styled(words, "$text-warning"))
    lines.append(Content.styled("± is the standard deviation of a sample (n − 1), (n) the runs", "$text-muted"))
    lines.append(Content(""))
    lines += [Content(_member(run)) for run in group.runs]
    return Content("\n").join(lines)


def _about_study(group: Group) -> Content:
    """The same of a study's trials."""
    lines = [Content(f"best {_result(group, [run.best_accuracy for run in group.runs], None)}")]
    lines += [Content(state_words(group)), Content("")]
    lines += [Content(_member(run)) for run in group.runs]
    return Content("\n").join(lines)


def _member(run: RunSummary) -> str:
    place = f"{run.epoch}/{run.epochs}"
    best = fmt.accuracy(run.best_accuracy, tta=run.tta)
    which = f"seed {run.settings.get('seed')!s:<6}" if run.trial is None else f"trial {run.trial:<5}"
    return f"{which} {run.state:<9} {place:>7}  best {best:>6}"


def _result(group: Group, values: Sequence[float | None], mean: MeanStd | None) -> str:
    """The mean of runs that differ in their seeds; of a study's, whose settings differ, the best one."""
    if not group.study:
        return fmt.mean_percent(mean, counted=True) + " TTA" * (mean is not None and any(run.tta for run in group.runs))
    known = [value for value in values if value is not None]
    return f"{fmt.percent(max(known))} ({len(known)})" if known else fmt.NOTHING


def setting_of(group: Group, name: str) -> Any:
    """The value that all its runs have, however it was typed; DIFFERENT: they have several. Its seeds are all named."""
    if name == "seed":
        return group.seeds
    values = {run.settings.get(name) for run in group.runs}
    texts = SETTINGS[name].column_texts(value for value in values if value is not None)
    return DIFFERENT if len({texts.get(value) for value in values}) > 1 else values.pop()


def _same(texts: Sequence[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else DIFFERENT
