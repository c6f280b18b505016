"""What is known of a run, in lines of text beside the list of runs."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from textual.content import Content

from engine.checkpoints.manifest import Entry
from engine.runs import checkpoint_refs
from engine.runs.listing import RunSummary
from engine.runs.state import RunState
from engine.terminal_text import printable, without_tabs
from engine.training import events as ev
from engine.training.settings import SETTINGS
from tui import format as fmt

MOST_CHECKPOINTS = 6  # that are listed
MOST_NOTE_LINES, MOST_NOTE = 6, 500  # of a note that are shown; characters of a line
LEFT_OUT = ("model",)  # settings that the list beside it has anyway


def origin(run: RunSummary, runs: Iterable[RunSummary]) -> str:
    """Which run it branched off from, and where; or the file that it began with; "" where it began by itself."""
    if not run.parent:
        return printable(f"from {Path(run.began_with).name}") if run.began_with else ""
    name = next((other.title for other in runs if other.id == run.parent), f"{run.parent} (deleted)")
    return f"branch of {name} at epoch {run.parent_epoch}, step {run.parent_step}"


def began(run: RunSummary) -> str:
    """`started 2026-01-01 10:10`."""
    return f"started {time.strftime('%Y-%m-%d %H:%M', time.localtime(run.started))}"


def changed_settings(run: RunSummary) -> list[tuple[str, str]]:
    """The settings that are not at their defaults: what each is called, and its value."""
    return [
        (setting.title, setting.shown(run.settings[name]))
        for name, setting in SETTINGS.items()
        if name not in LEFT_OUT and name in run.settings and run.settings[name] != setting.default
    ]


def results(run: RunSummary, state: RunState) -> str:
    """The best result and the last; with validation images, what the best reached on the test set."""
    if state.best is None:
        return "no validation results yet" if state.validates else "no test results yet"
    best, last = state.best, state.results[-1]
    if state.validates:
        words = f"validation: best {_accuracy(best)} (epoch {best.epoch})"
        words += f" · last {_accuracy(last)}" if last is not best else ""
        of_epoch = f" (epoch {state.tested.epoch})" if state.tested and state.tested.epoch != best.epoch else ""
        return f"{words} · test {_accuracy(state.tested)}{of_epoch}" if state.tested else words
    words = f"best {_accuracy(best)} (epoch {best.epoch})"
    if last is not best:
        words += f" · last {_accuracy(last)}"
    return f"{words} · test loss {fmt.loss(last.loss)}"


def _accuracy(found: ev.Evaluated) -> str:
    return fmt.accuracy(found.accuracy, tta=bool(found.tta))


def about(
    run: RunSummary, state: RunState, runs: Iterable[RunSummary], checkpoints: Sequence[Entry] | str | None
) -> Content:
    """`checkpoints`: the run's, in the order of the training; a text where they can't be read; None: not known yet."""
    lines = [Content(results(run, state))]
    facts = [f"{fmt.count(state.parameters)} parameters" if state.parameters else "", state.device_name]
    if state.samples_per_s:
        facts.append(f"{state.samples_per_s:,.0f} samples/s")
    if words := " · ".join(filter(None, facts)):
        lines.append(Content(words))
    if run.state == "failed" and state.reason:
        lines.append(Content.styled(state.reason, "$text-error"))
    if of := origin(run, runs):
        lines.append(Content(of))
    lines += said(run)
    changed = changed_settings(run)
    lines += [Content(""), Content.styled("Settings that differ from the defaults" if changed else
                                          "Every setting is at its default", "$text-muted")]  # fmt: skip
    width = max((len(title) for title, _ in changed), default=0)
    lines += [Content.assemble((f"{title:<{width}}  ", "$text-muted"), value) for title, value in changed]
    lines += [Content(""), *_checkpoints(checkpoints)]
    return Content("\n").join(lines)


def said(run: RunSummary) -> list[Content]:
    """What people say of it: its tags and its note; and why that can't be read."""
    lines = list[Content]()
    if run.tags:
        lines.append(Content.assemble(("tags  ", "$text-muted"), printable(" ".join(run.tags))))
    note = run.note.split("\n") if run.note else []
    lines += [Content(printable(without_tabs(line), MOST_NOTE)) for line in note[:MOST_NOTE_LINES]]
    if len(note) > MOST_NOTE_LINES:
        lines.append(Content.styled(f"… and {fmt.counted(len(note) - MOST_NOTE_LINES, 'line')} more", "$text-muted"))
    if run.meta_problem:
        lines.append(Content.styled(f"meta.json can't be read: {printable(run.meta_problem)}", "$text-error"))
    return lines


def _checkpoints(found: Sequence[Entry] | str | None) -> list[Content]:
    if found is None:
        return [Content.styled("Checkpoints …", "$text-muted")]
    if isinstance(found, str):
        return [Content.styled(found, "$text-error")]
    if not found:
        return [Content.styled("No checkpoint yet", "$text-muted")]
    size = fmt.size(sum(entry.bytes for entry in found))
    lines = [Content.styled(f"{fmt.counted(len(found), 'checkpoint')}, {size}", "$text-muted")]
    shown = list(reversed(found))[:MOST_CHECKPOINTS]
    places = [checkpoint_refs.words(replace(entry, finite=True)) for entry in shown]
    results = [fmt.percent(entry.accuracy) if entry.accuracy is not None else "" for entry in shown]
    results = [
        result if entry.finite else checkpoint_refs.NOT_FINITE for entry, result in zip(shown, results, strict=True)
    ]
    width, wide = max(map(len, places)), max(6, *map(len, results))
    for entry, place, result in zip(shown, places, results, strict=True):
        lines.append(Content(f"{place:<{width}}  {result:>{wide}}  {fmt.size(entry.bytes):>8}"))
    if len(found) > len(shown):
        lines.append(Content.styled(f"… and {len(found) - len(shown)} more", "$text-muted"))
    return lines
