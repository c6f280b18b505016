"""The lines around the images of *Data*, in words. No widgets."""

import os
from typing import TYPE_CHECKING

from textual.content import Content

from engine.terminal_text import printable
from tui.data.browse import Browse
from tui.format import count, counted, percent

if TYPE_CHECKING:
    from engine.data.dataset import Dataset

DEMO = "demo data: no Fashion-MNIST was found. Press D to download it (30 MB)."
DEMO_ASKED = "demo data: drawn by the program, as asked (--dataset demo)."


def page_line(browse: Browse, first: int, capacity: int, width: int) -> str:
    """Which images are shown, by which predictions and selection, and where they come from if there is room.

    `first`: the position of the page's first image; `capacity`: images per page; `width`: cells of the line.
    """
    data = browse.dataset or browse.preview
    if data is None or not browse.samples:
        return "reading the data …"
    total = browse.total
    last = min(first + capacity, total) - 1
    page, pages = first // capacity + 1, max(1, -(-total // capacity))
    shown = f"{count(first)}–{count(last)} of {count(total)}" if total else "none"
    text = f"{browse.split}: images {shown}, page {count(page)}/{count(pages)}"
    known, accuracy = browse.predictions.get(browse.split), browse.accuracy()
    if known is not None:
        text += f" · {known.title}" + (f": {percent(accuracy)} correct" if accuracy is not None else "")
    if words := browse.words():
        return f"{text} · {words} (Esc: all)"
    if known is not None:
        return text
    person = os.path.expanduser("~")
    where = data.where.replace(person, "~", 1) if len(person) > 1 else data.where
    room = width - len(text) - 6
    if room > 12:
        text += f"  ({where if len(where) <= room else '…' + where[1 - room :]})"
    return text


def image_line(browse: Browse) -> Content:
    """The chosen image: its class, why it is in the list, its prediction, its pixels."""
    index = browse.index
    sample = browse.sample(index)
    if sample is None:
        return Content("no image to show: Esc shows all images" if browse.samples and browse.dataset else "")
    image, label = sample
    marks = len(browse.marks[browse.split])
    words = f"  label {label}  pixels {image.min()}–{image.max()}, mean {image.mean():.1f}"
    words += f"  ✓ {count(marks)} marked" if marks else ""
    if (reason := browse.reason(index)) is not None:
        words = f"  {reason}{words}"
    elif (prediction := browse.prediction(index)) is not None:
        predicted, probability = prediction
        words = f"  predicted as {browse.classes[predicted]}, probability {probability:.4f}{words}"
    return Content.assemble((f"image {index} {browse.classes[label]}", "bold"), words)


def found_text(dataset: "Dataset") -> str:
    """What could not be read or was passed over in opening custom data; empty where nothing was."""
    left_out, notes = dataset.left_out, dataset.notes
    lines = [f"{counted(len(left_out), 'file')} can't be read, left out:", *left_out[:3]] if left_out else []
    lines += [*notes[:4], *([f"and {count(len(notes) - 4)} more notes: fmnist-tui data"] if len(notes) > 4 else [])]
    return "\n".join(map(printable, lines))


def problem_text(problem: str, dataset: str) -> str:
    """What is shown in place of the images."""
    download = "" if ":" in dataset else ", or D to download Fashion-MNIST (30 MB)"
    return f"{problem}\n\nPress r to try again{download}."
