"""A run as a model card in Markdown: what it was trained on and how, and what came of it. No torch."""

from collections.abc import Mapping
from typing import Any

from engine.errors import RunError
from engine.evaluation.metrics import macro, wilson
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import state_file, store
from engine.runs.curve import even
from engine.runs.state import RunState
from engine.terminal_text import printable
from engine.training import events as ev
from engine.training import test_time
from engine.training.settings import SETTINGS

ROWS = 10  # of the training loss


def card(folder: RunFolder, progress: Progress = silent) -> str:
    """The card. `progress`: in bytes of the log. Raises RunError where no result is there yet, UnreadableError."""
    request, state = store.read_run(folder), state_file.read_all(folder, progress).snapshot()
    if not state.results:
        raise RunError(f"{folder.id} has no result yet: a model card says what came of a run")
    title = str(request.get("name") or "") or folder.id
    sections = [_about(folder, title, state), _data(state), _settings(state), _environment(request, state)]
    sections += [_results(state), _by_class(state), _curves(state)]
    return "\n".join(section for section in sections if section)


def _about(folder: RunFolder, title: str, state: RunState) -> str:
    status = state.status + (f" ({state.reason})" if state.reason else "")
    lines = [
        f"# {_cell(title)}\n",
        f"- Run: {_cell(folder.id)}, {_cell(status)} in epoch {state.epoch}, {state.training_s:.1f} s of training",
        f"- Model: {_cell(state.config.get('model', '?'))}, {state.parameters:,} parameters",
    ]
    if state.parent is not None:
        lines.append(f"- It starts from: {_cell(state.parent.parent or state.parent.checkpoint)}")
    return "\n".join(lines) + "\n"


def _data(state: RunState) -> str:
    data = state.dataset
    lines = [f"## Data\n\n- {_cell(data.get('title', '?'))}; SHA-256 {_cell(data.get('checksum') or 'not on record')}"]
    lines.append(f"- Trained on {data.get('train', 0):,} images; tested on {data.get('test', 0):,}")
    if state.validates:
        lines.append(f"- Held out of the training set for validation: {data['val']:,} images")
    if data.get("demo"):
        lines.append("- **These are drawn images, not Fashion-MNIST: the figures say nothing about it.**")
    return "\n".join(lines) + "\n"


def _settings(state: RunState) -> str:
    differing = {
        name: value for name, value in state.config.items() if name in SETTINGS and value != SETTINGS[name].default
    }
    rows = [
        f"| {_cell(name)} | {_cell(value)} | {_cell(SETTINGS[name].default)} |" for name, value in differing.items()
    ]
    table = "\n".join(["| setting | value | default |", "|---|---|---|", *rows]) if rows else "All are the defaults."
    edits = "".join(
        f"- {_cell(one.setting)} {one.before:g} → {one.after:g} after epoch {one.epoch}, step {one.step}\n"
        for one in state.edits
    )
    return f"## Settings that differ from the defaults\n\n{table}\n" + (
        f"\nChanged while it trained:\n\n{edits}" if edits else ""
    )


def _environment(request: Mapping[str, Any], state: RunState) -> str:
    known: dict[str, Any] = {"device": state.device_name, "threads": state.threads}
    known |= request.get("versions") or {}
    known |= {name: value for name, value in (request.get("environment") or {}).items() if name not in known}
    lines = [
        f"- {_cell(name)}: {_cell(value)}" for name, value in known.items() if isinstance(value, str | int | float)
    ]
    lines += [
        f"- resumed with differences: {_cell('; '.join(one.differences))}" for one in state.resumes if one.differences
    ]
    return "## Environment\n\n" + "\n".join(lines) + "\n"


def _results(state: RunState) -> str:
    rows = [("last epoch", "validation" if state.validates else "test", state.results[-1])]
    if state.validates:
        assert state.best is not None
        rows.insert(0, ("best epoch", "validation", state.best))
        rows += [("tested", "test", test) for test in state.tests[-2:]]
    elif state.best is not None:
        rows.append(("best epoch", "test", state.best))
    lines = [
        f"| {what} | {one.epoch} | {which} | {_accuracy(one)} | {_percent(macro(one.confusion).f1)} | {one.loss:.4f} |"
        for what, which, one in rows
    ]
    if not state.validates:
        honest = (
            "The best epoch was chosen on the test set, so its figure is too good; that of the last epoch was chosen "
            "by nothing, unless settings were."
        )
    elif state.tests:
        honest = (
            "The best epoch was chosen on the validation images, so their figure is too good; the test set chose "
            "nothing."
        )
    else:
        honest = (
            "The validation images chose the best epoch, so their figure is too good. The test set was not evaluated."
        )
    head = "| what | epoch | images | accuracy (95 % interval) | macro F1 | loss |\n|---|---|---|---|---|---|\n"
    return (
        f"## Results\n\n{head}"
        + "\n".join(lines)
        + f"\n\n{honest} Intervals are Wilson's; they know of one run only.\n"
    )


def _by_class(state: RunState) -> str:
    one = state.tested or state.results[-1]
    names = state.dataset.get("classes") or []
    if len(names) != len(one.confusion):
        return ""
    lines = []
    for at, (name, row) in enumerate(zip(names, one.confusion, strict=True)):
        lines.append(f"| {_cell(name)} | {sum(row):,} | {_share(row[at], sum(row))} |")
    head = "| class | images | recognised (95 % interval) |\n|---|---|---|\n"
    return f"## By class, {one.split} images, epoch {one.epoch}\n\n{head}" + "\n".join(lines) + "\n"


def _curves(state: RunState) -> str:
    losses = even([(point.x, point.mean) for point in state.curve], ROWS)
    text = ""
    if losses:
        text = "Training loss, means of even stretches: " + ", ".join(f"{loss:.4f}" for loss in losses) + "\n\n"
    which = "validation" if state.validates else "test"
    rows = "".join(f"| {one.epoch} | {one.loss:.4f} | {100 * one.accuracy:.2f} % |\n" for one in state.results)
    return f"## Curves\n\n{text}| epoch | {which} loss | {which} accuracy |\n|---|---|---|\n{rows}"


def _accuracy(one: ev.Evaluated) -> str:
    right = sum(row[at] for at, row in enumerate(one.confusion) if at < len(row))
    how = ", ".join(filter(None, [one.weights, test_time.words(one.tta)]))
    return _share(right, sum(map(sum, one.confusion))) + (f", {how}" if how else "")


def _share(right: int, of: int) -> str:
    if not of:
        return "–"
    low, high = wilson(right, of)
    return f"{100 * right / of:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _cell(value: Any) -> str:
    """Text as a cell of a table may hold it."""
    whole = isinstance(value, float) and value.is_integer()  # an edit's: 128.0 images in a batch
    text = printable(f"{value:g}" if whole else str(value)) or "–"
    for mark in "\\|`*_<[":
        text = text.replace(mark, f"\\{mark}")
    return text
