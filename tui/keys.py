"""The keys: one table of acts. The same act has the same key on every screen, and a key has one meaning.

A screen binds an act by its name (`bind`); the id of the binding is `screen.act`, so that a keymap can change one
screen's key (`runs.sort`) or that of all screens. docs/keys.md is made of this table. Dialogs have letters of their
own, which stand beside their choices.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual.actions import parse
from textual.binding import Binding, BindingType
from textual.dom import DOMNode

# Where a key has a meaning of its own: in a table or a page of images, in a chart, in a document of the lab, in a form.
ROWS, CHART, CELLS, FORM = "rows", "chart", "cells", "form"


@dataclass(frozen=True)
class Act:
    """What a key does, wherever it does it."""

    keys: str  # by Textual's names, apart by commas
    meaning: str
    display: str = ""  # how the key is shown, where Textual's name is not that
    only_in: str = ""  # ROWS, CHART, CELLS or FORM: what has the focus gives the letter another meaning


@runtime_checkable
class ExplainsKeys(Protocol):
    """A screen or a widget with keys that can't act at all times."""

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why the action can't be done now, in a few words such as "the run has ended"; "" where it can."""
        ...


def reason_against(node: DOMNode, binding: Binding) -> str:
    """Why a binding that `node` holds does nothing now, "not now" where nobody says; "" where it acts."""
    namespace, action, parameters = parse(binding.action)
    holder = node.app if namespace == "app" else node
    if holder.check_action(action, parameters):
        return ""
    return (holder.why_not(action, parameters) if isinstance(holder, ExplainsKeys) else "") or "not now"


ACTS: dict[str, Act] = {
    # Moving
    "up": Act("up,k", "Up"),
    "down": Act("down,j", "Down"),
    "left": Act("left,h", "Left"),
    "right": Act("right,l", "Right"),
    "page_up": Act("pageup", "Page up", "PgUp"),
    "page_down": Act("pagedown", "Page down", "PgDn"),
    "first": Act("home,g", "First"),
    "last": Act("end,G", "Last"),
    "next": Act("n", "Next"),
    "previous": Act("p", "Previous"),
    "next_epoch": Act("greater_than_sign", "Next epoch", ">"),
    "open": Act("enter", "Open"),
    "back": Act("escape", "Back"),
    "next_panel": Act("tab", "Next panel"),
    "previous_panel": Act("shift+tab", "Previous panel"),
    "view": Act("v", "Next view of this screen"),
    # Finding
    "filter": Act("slash", "Filter, search, or slice", "/"),
    "go_to": Act("i", "Go to an index, or to these images"),
    "sort": Act("s", "Sort", only_in=ROWS),
    "reverse": Act("S", "Reverse the order"),
    "columns": Act("vertical_line", "Choose the columns", "|"),
    "mark": Act("m", "Mark, or choose", only_in=ROWS),
    "order": Act("comma", "Name, note, tags, pin, hide, delete", ","),
    "rename": Act("f2", "Rename", "F2"),
    "note": Act("quotation_mark", "Note", '"'),
    "tags": Act("at", "Tags", "@"),
    "pin": Act("exclamation_mark", "Pin, or unpin", "!"),
    "hide": Act("underscore", "Hide, or show again", "_"),
    "hidden": Act("tilde", "What is hidden, too", "~"),
    "delete": Act("delete", "Delete", "Del"),
    "only_marked": Act("apostrophe", "Only what is marked", "'"),
    # Charts
    "smoothing": Act("s", "Smoothing", only_in=CHART),
    "series": Act("m", "Which series", only_in=CHART),
    "zoom_in": Act("z", "Zoom in"),
    "zoom_out": Act("Z", "Zoom out"),
    "reset": Act("0", "All of it: no zoom, no edits"),
    "axes": Act("X", "Other axes: epoch, step or time; transpose"),
    "log_scale": Act("L", "Log scale", only_in=CHART),
    "saved_before": Act("left_square_bracket", "The checkpoint before", "["),
    "saved_after": Act("right_square_bracket", "The checkpoint after", "]"),
    # Doing
    "go": Act("space", "Go on or pause, do the next step, paint"),
    "one_step": Act("full_stop", "One training step", "."),
    "more": Act("plus,equals_sign", "More: larger, faster, brighter", "+"),
    "less": Act("minus", "Less: smaller, slower, darker", "-"),
    "change": Act("c", "Change settings"),
    "start": Act("s", "Start the run", only_in=FORM),
    "find_lr": Act("F", "Find a learning rate", only_in=FORM),
    "find_lr_there": Act("F", "Find a learning rate from this checkpoint", only_in=CHART),
    "stop": Act("x", "Stop"),
    "again": Act("r", "Again: reload, retry, draw anew"),
    "undo": Act("u", "Undo"),
    "new_run": Act("N", "New run"),
    "branch": Act("b", "Branch: a new run that starts from this"),
    "race": Act("ampersand", "Race: branches with other settings, side by side", "&"),
    "write": Act("w", "Write a file: a checkpoint, or weights"),
    "export": Act("e", "Export"),
    "copy": Act("y", "Copy to your clipboard"),
    "earlier": Act("K,shift+up", "Earlier in the queue", only_in=ROWS),
    "later": Act("J,shift+down", "Later in the queue", only_in=ROWS),
    "labels": Act("Y", "Labels y"),
    "evaluate": Act("E", "Evaluate"),
    "verify": Act("V", "Verify: checksums, or a gradient"),
    "compute": Act("number_sign", "Compute: a sum, an average, a time", "#"),
    "compare": Act("d", "Compare with another (difference)"),
    "freeze": Act("f", "Freeze, or unfreeze"),
    "freeze_some": Act("asterisk", "Freeze by pattern", "*"),
    "largest": Act("circumflex_accent", "The largest", "^"),
    # Looking
    "appearance": Act("a", "Appearance of pictures"),
    "invert": Act("I", "Invert the pixels"),
    "contrast": Act("C", "Contrast"),
    "shift_left": Act("H,shift+left", "Shift the image left"),
    "shift_down": Act("J,shift+down", "Shift the image down"),
    "shift_up": Act("K,shift+up", "Shift the image up"),
    "shift_right": Act("L,shift+right", "Shift the image right", only_in=ROWS),
    "unit": Act("U", "Unit of the pixels: 0–255 or 0–1"),
    # Cells of a document
    "run": Act("r", "Run the cell, and go on", only_in=CELLS),
    "run_here": Act("f5,ctrl+r", "Run the cell", "F5"),
    "run_above": Act("R", "Run all cells up to this one", only_in=CELLS),
    "insert_above": Act("a", "Insert a cell above", only_in=CELLS),
    "insert_below": Act("b", "Insert a cell below", only_in=CELLS),
    "cut": Act("x", "Cut the cell", only_in=CELLS),
    "paste": Act("p", "Paste it below", only_in=CELLS),
    "cell_up": Act("K,shift+up", "Move the cell up", only_in=CELLS),
    "cell_down": Act("J,shift+down", "Move the cell down", only_in=CELLS),
    "code_cell": Act("c", "Make it code", only_in=CELLS),
    "text_cell": Act("m", "Make it text (Markdown)", only_in=CELLS),
    "failure": Act("e", "To the line that failed", only_in=CELLS),
    "interrupt": Act("i", "Interrupt", only_in=CELLS),
    "restart": Act("0", "Restart the kernel", only_in=CELLS),
    # Going elsewhere
    "as_cell": Act("percent_sign", "Into the Lab, as a cell", "%"),
    "other": Act("o", "Open another: network, file, loader, channel"),
    "forward": Act("F", "Forward pass"),
    "autograd": Act("A", "Autograd"),
    "on_model": Act("M", "On Model"),
    "split": Act("t", "Train or test split"),
    "overview": Act("O", "Overview"),
    "quality": Act("Q", "Quality"),
    "wrong": Act("W", "Wrong predictions"),
    "partner": Act("P", "Its near-duplicate"),
    "random": Act("R", "Random 3×3"),
    "transforms": Act("T", "Transforms"),
    "batches": Act("B", "Batches"),
    "augment": Act("semicolon", "Augmentation", ";"),
    "download": Act("D", "Download"),
}


def bind(
    screen: str,
    act: str,
    description: str = "",
    tooltip: str = "",
    *,
    action: str = "",
    show: bool = True,
    display: str = "",
) -> Binding:
    """The binding of an act on a screen. `description`: what it is called there, with the act's meaning as the default;
    `action`: Textual's action, with the act's name as the default; `show`: in the line at the bottom."""
    known = ACTS[act]
    return Binding(
        known.keys,
        action or act,
        description or known.meaning,
        show=show,
        key_display=display or known.display or None,
        id=f"{screen}.{act}",
        tooltip=tooltip,
    )


def move_keys(
    screen: str, *, down: str = "Down", up: str = "Up", sideways: tuple[str, str] | None = None
) -> list[BindingType]:
    """The keys that move a cursor through rows: `move`, `page`, `end`, each with 1 or -1. `sideways`: what left and
    right are called, which `slide`."""
    keys: list[BindingType] = [
        bind(screen, "down", down, action="move(1)", show=False),
        bind(screen, "up", up, action="move(-1)", show=False),
        bind(screen, "page_down", action="page(1)", show=False),
        bind(screen, "page_up", action="page(-1)", show=False),
        bind(screen, "first", action="end(-1)", show=False),
        bind(screen, "last", action="end(1)", show=False),
    ]
    if sideways is not None:
        keys.append(bind(screen, "right", sideways[1], "where not all fit", action="slide(1)", show=False))
        keys.append(bind(screen, "left", sideways[0], "where not all fit", action="slide(-1)", show=False))
    return keys
