"""A run in words: its settings and status (`Headline`), its numbers (`Numbers`), its newest warning (`Notice`)."""

from engine.checkpoints.manifest import Entry
from engine.runs.going_on import GoesOn, goes_on
from engine.runs.recipe_record import record_words
from engine.runs.state import RunState
from engine.training import events as ev
from engine.training import test_time
from tui import format as fmt
from tui.columns import fit
from tui.widgets.chart.readout import Readout
from tui.widgets.lines import Line, Lines

PAUSE_REASONS = {
    "asked": "",
    "step": "after one step",
    "non_finite_loss": "loss not finite",
    "cannot_write": "can't write",
}
UNREADABLE = "unreadable"  # a status beside those of the engine: the run's log can't be read, for the reason given
STOP_REASONS = {"asked": "", "non_finite_loss": "loss not finite"}


def status(state: RunState, alive: bool) -> tuple[str, str]:
    """A run's status, and its style: `("paused: loss not finite", "warning")`."""
    if state.status == UNREADABLE:
        return "can't be read", "bad"
    if not state.seq and not alive:
        return "has not begun", "dim"
    if not state.done and not alive:
        return "ended without finishing", "bad"
    if state.status == "paused":
        reason = PAUSE_REASONS.get(state.reason, state.reason)
        return (f"paused: {reason}" if reason else "paused"), "warning"
    if state.status == "stopped":
        reason = STOP_REASONS.get(state.reason, f"by {state.reason}")
        return (f"stopped: {reason}" if reason else "stopped"), "warning"
    if state.status == "failed":
        return f"failed: {state.reason}", "bad"
    if state.status == "finished" and state.reason:
        return f"stopped early after epoch {state.epoch}: {state.reason}", "good"
    return state.status, "good"


def model_name(model: str) -> str:
    """A model's name, or the class of `path/to/file.py:Class`."""
    return model.rpartition(":")[2]


def notice(state: RunState, alive: bool) -> tuple[str, str]:
    """What to know or do now, and its style; empty where there is nothing."""
    if state.status == UNREADABLE:
        return state.reason, "bad"
    if not state.seq and not alive:
        return "It has not begun: it waits in the queue, which Runs (3) shows, or was made with --prepare.", ""
    if not state.done and not alive:
        if goes_on(state) is GoesOn.FROM_NEWEST:
            return "Its process ended unexpectedly: space resumes from its newest checkpoint.", "bad"
        return f"It ended unexpectedly, its weights not finite: {_goes_on_from(state)}", "bad"
    if state.status == "failed":
        return state.reason, "bad"
    if state.status == "finished" and state.reason:
        return f"Stopped early: {state.reason}.", "good"
    if state.status == "paused" and state.reason == "non_finite_loss":
        if _can_go_back(state):
            return "NaN or infinite loss: x stops it, c then goes back, and on with another lr", "bad"
        return "NaN or infinite loss before any checkpoint: x stops it; N starts a new run", "bad"
    if state.status == "paused" and state.reason == "cannot_write":
        return "The disk can't be written: free some space on it, then press space to resume.", "bad"
    if state.done and goes_on(state) is not GoesOn.FROM_NEWEST:
        return f"Its weights are not finite: {_goes_on_from(state)}", "bad"
    if state.resumes and state.resumes[-1].differences and not state.done:
        return f"Resumed, not bit for bit the same: {'; '.join(state.resumes[-1].differences)}", "warning"
    if warnings := _warnings(state):
        newest = warnings[-1]
        more = f" ({len(warnings)} warnings)" if len(warnings) > 1 else ""
        place = f", epoch {newest.epoch} step {fmt.count(newest.step)}" if "epoch" not in newest.message else ""
        return f"Warning{place}: {newest.message}{more}", "warning"
    if state.skipped:
        lines = fmt.counted(state.skipped, "line")
        return f"{lines} of the run's log can't be read: damaged, or not as fmnist-tui writes them.", "warning"
    if words := record_words(state):
        return f"{words[:1].upper()}{words[1:]}", "good"
    return "", ""


def _warnings(state: RunState) -> list[ev.Warned]:
    """Those to show: what the device does not tell only where there are no others, and until the epoch is over."""
    lasting = [one for one in state.warnings if one.code != "no_readings"]
    return lasting or [one for one in state.warnings if one.epoch == state.epoch]


def _can_go_back(state: RunState) -> bool:
    """Whether a checkpoint is from before the loss was not finite; a branch begins with one."""
    return state.parent is not None or any(one.finite for one in state.checkpoints)


def _goes_on_from(state: RunState) -> str:
    """What to do with a run whose newest weights are not finite."""
    if goes_on(state) is GoesOn.NOT:
        return "no checkpoint is; N starts a new run."
    return "c goes back, and on with another lr."


class _RunLines(Lines):
    """Lines that are drawn from a run's state."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = RunState()
        self._alive = True

    def show(self, state: RunState, alive: bool) -> None:
        self._state, self._alive = state, alive
        self.repaint()


class Headline(_RunLines):
    """One line: status, name, model, optimizer and data; at the right, which of the live runs it is."""

    DEFAULT_CSS = "Headline { height: 1; width: 1fr; }"
    run_name = ""
    place = ""

    def identify(self, name: str, place: str) -> None:
        """`name`: the run's name or id; `place`: "run 1 of 2 training", or nothing."""
        if (name, place) != (self.run_name, self.place):
            self.run_name, self.place = name, place
            self.repaint()

    def paint(self, width: int, height: int) -> list[Line]:
        state, config = self._state, self._state.config
        word, style = status(state, self._alive)
        pieces: Line = [(fit(word, max(20, width - 40)), style)]
        if self.run_name:
            pieces.append((f"  {fit(self.run_name, 24)}", "strong"))
        if config:
            demo = bool(state.dataset.get("demo"))
            lr = fmt.rate(state.lr if state.lr == state.lr else float(config["lr"]))
            pieces.append((f" · {model_name(config['model'])} · {config['optimizer']} lr {lr} · ", ""))
            pieces.append((str(state.dataset.get("title", config["dataset"])), "warning" if demo else ""))
        place = self.place if width >= 100 else self.place.replace(" training", "")
        return [_with_right(pieces, place, width)]


class Numbers(_RunLines):
    """Two lines: where the training is, and what it runs on."""

    DEFAULT_CSS = "Numbers { height: 2; width: 1fr; }"

    def paint(self, width: int, height: int) -> list[Line]:
        state = self._state
        trains = state.status == "training" and self._alive
        first = [("loss", f"{fmt.loss(state.loss):<6}"), ("lr", fmt.rate(state.lr))]
        if trains and state.samples_per_s:
            first.append(("", f"{state.samples_per_s:,.0f} samples/s"))
        first.append(("elapsed", fmt.duration(state.training_s)))
        if width >= 100:  # below, the bar above says it
            first.insert(0, ("step", fmt.count(state.step)))
        if state.best is not None:
            which = "best val" if state.validates else "best"
            first.append((which, _result(state.best)))
        if state.validates and state.tested is not None:
            first.append(("test", _result(state.tested)))
        readings = state.readings if trains else None
        second = [("", state.device_name or state.device or "device not known yet")]
        if state.device and state.device not in state.device_name.lower():
            second.insert(0, ("", state.device))
        if readings is not None:
            second += _of_device(readings, state.device)
        if state.parameters:
            second.append(("", f"{fmt.count(state.parameters)} parameters"))
        return [_facts(first, width), _facts(second, width)]


def _of_device(readings: ev.Readings, device: str) -> list[tuple[str, str]]:
    """What is known of the device now; of a GPU also what others take of it."""
    facts, total = list[tuple[str, str]](), readings.memory_total
    of = f" of {fmt.size(total)}" if total else ""
    shared = readings.memory_used is not None  # the whole card's is known beside the run's
    if readings.memory is not None:
        facts.append(("memory", f"{fmt.size(readings.memory)}{'' if shared else of}"))
    if readings.memory_used is not None:
        facts.append(("card", f"{fmt.size(readings.memory_used)}{of}"))
    if readings.load is not None:
        whose = "machine" if device == "cpu" else "GPU"  # other processes' work is in it
        facts.append((f"{whose} load", f"{100 * readings.load:.0f}%"))
    if readings.others:
        takes = f", {fmt.size(readings.others_memory)}" if readings.others_memory is not None else ""
        plural = "" if readings.others == 1 else "es"
        facts.append(("", f"{fmt.count(readings.others)} other process{plural}{takes}"))
    if readings.watts is not None:
        of = f" of {readings.watts_limit:.0f}" if readings.watts_limit is not None else ""
        facts.append(("", f"{readings.watts:.0f}{of} W"))
    if readings.temperature is not None:
        facts.append(("", f"{readings.temperature:.0f} °C"))
    return facts


class Notice(_RunLines):
    """One line with what to know now, or with what stands at the charts' cursor; `-empty` while there is nothing."""

    DEFAULT_CSS = "Notice { height: 1; width: 1fr; }"
    chosen: Entry | None = None
    at: Readout | None = None

    def choose(self, entry: Entry | None, at: Readout | None) -> None:
        """Describe what stands at the charts' cursor, and the checkpoint that it means."""
        self.chosen, self.at = entry, at

    def show(self, state: RunState, alive: bool) -> None:
        self.set_class(self.at is None and not notice(state, alive)[0], "-empty")
        super().show(state, alive)

    def paint(self, width: int, height: int) -> list[Line]:
        if self.at is None:
            words, style = notice(self._state, self._alive)
            return [[(fit(words, width), style)]]
        return [_facts(_at_cursor(self.at, self.chosen), width)]


def _at_cursor(at: Readout, chosen: Entry | None) -> list[tuple[str, str]]:
    """What stands at the cursor, in the order of what is looked for first."""
    place = at.place
    values = {one.name: one.words for one in at.also if one.words != fmt.NOTHING}
    facts = [("epoch", f"{place.epoch:.2f}"), ("step", fmt.count(round(place.step)))]
    if chosen is not None:
        facts.append(("b:", f"branch off {fmt.checkpoint_words(chosen)}, {fmt.size(chosen.bytes)}"))
    if "lr" in values:
        facts.append(("lr", values.pop("lr")))
    facts.append(("after", fmt.duration(place.time)))
    return [*facts, *values.items()]


def _facts(facts: list[tuple[str, str]], width: int) -> Line:
    """`label value · label value`, as many whole ones as fit."""
    line: Line = []
    room = width
    for label, value in facts:
        between = " · " if line else ""
        needed = len(between) + len(label) + bool(label) + len(value)
        if needed > room:
            continue
        line += [(between, "dim"), (f"{label} " if label else "", "dim"), (value, "")]
        room -= needed
    return line


def _with_right(pieces: Line, right: str, width: int) -> Line:
    """The pieces, and `right` at the end of the line where there is room."""
    right = f"  {right}" if right else ""
    room, line = width - len(right), []
    for text, style in pieces:
        cut = fit(text, room)
        line.append((cut, style))
        room -= len(cut)
    return [*line, (" " * room, ""), (right, "dim")]


def _result(found: ev.Evaluated) -> str:
    """`93.1% flip TTA (epoch 4)`."""
    return " ".join(filter(None, [fmt.percent(found.accuracy), test_time.words(found.tta), f"(epoch {found.epoch})"]))
