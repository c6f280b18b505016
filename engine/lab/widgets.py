"""Progress bars that are widgets of a browser, as text. Where ipywidgets is installed, `tqdm.auto` and `tqdm.notebook`
put out such a widget, and change it by messages of its own; the text beside it stays at 0 %."""

import html
import re
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
TARGET = "jupyter.widget"
BAR = 10  # cells, as tqdm's in text
KINDS = ("comm_open", "comm_msg", "comm_close")  # of messages
TEXTS = ("HTMLModel", "HTMLMathModel", "LabelModel")
BARS = ("FloatProgressModel", "IntProgressModel")
BOXES = {"HBoxModel": "", "VBoxModel": "\n", "BoxModel": ""}  # and what stands between their children
REFERENCE = "IPY_MODEL_"
KEPT = ("_model_name", "value", "min", "max", "children", "description")  # of a widget's state
DEEPEST = 8  # boxes in boxes

State = dict[str, Any]


class Widgets:
    """Those of one cell, by their ids, as its messages come."""

    def __init__(self) -> None:
        self._states: dict[str, State | None] = {}  # None: it was closed

    def take(self, kind: str, content: dict[str, Any]) -> bool:
        """One of KINDS. Whether it is of a widget, which may look otherwise now."""
        name, data = str(content.get("comm_id", "")), content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if kind == "comm_open" and content.get("target_name") == TARGET:
            self._states[name] = {}
        known = self._states.get(name)
        if known is None:
            return False
        if kind == "comm_close":
            self._states[name] = None
        elif isinstance(state, dict):
            known.update({key: state[key] for key in KEPT if key in state})
        return True

    def text(self, view: object) -> str | None:
        """What a displayed widget says, by what stands under VIEW. None: it is no progress bar, or not this cell's."""
        name = str(view.get("model_id", "")) if isinstance(view, dict) else ""
        if name not in self._states:
            return None
        return "" if self._states[name] is None else self._drawn(name, 0)

    def _drawn(self, name: str, depth: int) -> str | None:
        state = self._states.get(name)
        if state is None or depth > DEEPEST:
            return None
        model, label = state.get("_model_name"), str(state.get("description") or "")
        if model in TEXTS:
            return _words(f"{label} {state.get('value', '')}" if label else str(state.get("value", "")))
        if model in BARS:
            return f"{_words(label)}|{_bar(state)}|"
        children = state.get("children")
        if model not in BOXES or not isinstance(children, list | tuple):
            return None
        parts = [self._drawn(str(child).removeprefix(REFERENCE), depth + 1) for child in children]
        return BOXES[str(model)].join(part for part in parts if part is not None) if any(parts) else None


def _words(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", text)).replace("\u2007", " ").replace("\xa0", " ")


def _bar(state: State) -> str:
    try:
        low, high, value = (float(state.get(key, other)) for key, other in (("min", 0), ("max", 100), ("value", 0)))
        done = (value - low) / (high - low)
        filled = round(BAR * min(1.0, max(0.0, done)))
    except (TypeError, ValueError, ZeroDivisionError):
        filled = 0
    return "█" * filled + " " * (BAR - filled)
