"""The lines around the images of *Data*, in words. No widgets."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.terminal_text import printable
from tui.data.browse import Browse
from tui.format import count, counted, percent

if TYPE_CHECKING:
    from engine.data.dataset import Dataset

DEMO = "demo data: no Fashion-MNIST was found. Press D to download it (30 MB)."
DEMO_ASKED = "demo data: drawn by the program, as asked (--dataset demo)."


@dataclass(frozen=True)
class Edges:
    """What stands in the border of the panel of images."""

    title: str
    right: str  # of the upper border
    below: str
    below_right: str


def edges(browse: Browse, first: int, capacity: int, *, beside: bool) -> Edges:
    """Which images are shown, by which predictions and selection; below, the chosen one, or where the images come from.

    `first`: the position of the page's first image; `capacity`: images per page; `beside`: the chosen image has a panel
    of its own.
    """
    data = browse.dataset or browse.preview
    if data is None or not browse.samples:
        return Edges(f"Images of {browse.split}", "", "", "")
    total = browse.total
    last = min(first + capacity, total) - 1
    page, pages = first // capacity + 1, max(1, -(-total // capacity))
    known, accuracy = browse.predictions.get(browse.split), browse.accuracy()
    title, model = f"Images of {browse.split}", ""
    if known is not None:
        model = known.title + (f": {percent(accuracy)} correct" if accuracy is not None else "")
    shown = f"{count(first)}–{count(last)} of {count(total)}" if total else "none"
    right = " · ".join(filter(None, (browse.words(), shown)))
    marks = len(browse.marks[browse.split])
    marked, turned = f"✓ {count(marks)} marked" if marks else "", f"page {count(page)} of {count(pages)}"
    if beside:
        return Edges(title, right, model or _place(data.where), " · ".join(filter(None, (marked, turned))))
    return Edges(f"{browse.split} · {model}" if model else title, right, image_line(browse), marked or turned)


def _place(where: str) -> str:
    person = os.path.expanduser("~")
    return where.replace(person, "~", 1) if len(person) > 1 else where


def image_line(browse: Browse) -> str:
    """The chosen image: its class, why it is in the list, its prediction, its pixels."""
    index = browse.index
    sample = browse.sample(index)
    if sample is None:
        return ""
    image, label = sample
    words = [f"image {index} {browse.classes[label]}"]
    if (reason := browse.reason(index)) is not None:
        words.append(reason)
    elif (prediction := browse.prediction(index)) is not None:
        predicted, probability = prediction
        words.append(f"predicted as {browse.classes[predicted]}, {percent(probability)}")
    else:
        words += [f"label {label}", f"pixels {image.min()}–{image.max()}", f"mean {image.mean():.1f}"]
    return " · ".join(words)


def empty_text(browse: Browse) -> str:
    """What is said where no image is shown; empty where one is."""
    if browse.dataset is None or browse.total:
        return ""
    if not browse.samples:
        return f"The {browse.split} split has no images."
    return "No image is shown by this. Press Esc to show all images."


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
