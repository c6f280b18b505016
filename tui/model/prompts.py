"""What *Model* and the screens from it ask for in a line of text: a prompt each, and what its text means."""

import ast
import math
from collections.abc import Sequence
from pathlib import Path

from engine import sources
from engine.errors import InspectionError
from engine.home import expanded
from engine.inspection.image_requests import ImagesRef
from engine.models.names import known
from engine.training import freezing
from engine.training.config import parse
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.source_prompt import source_prompt
from tui.format import count, counted


def sources_text() -> str:
    """What can be typed for a network."""
    return (
        f"A model: {known()}. Or a run's checkpoint: RUN@last (followed while it trains), RUN@best, RUN@3, or the path "
        "of its file. Or weights from any file: mlp=FILE."
    )


def network(home: Path, value: str) -> PromptScreen:
    """Which network to show; `sources.parse` reads the text."""
    return source_prompt(home, "Show which network?", about=sources_text(), value=value)


def compared_network(home: Path, value: str) -> PromptScreen:
    """Which network to compare with; `sources.parse` reads the text, unless it is empty: none."""

    def check(text: str) -> str:
        return sources.describe(home, sources.parse(text)) if text.strip() else "no comparison"

    about = "A checkpoint or model, as on Model: RUN@best, RUN@3, its file, mlp. Leave empty to compare with none."
    return PromptScreen(
        "Compare with which network?", about, check, value=value, suggester=PathSuggester(among_others=True)
    )


def freeze(names: Sequence[str], value: str) -> PromptScreen:
    """Which parameters to freeze, as in `TrainConfig.freeze`."""

    def check(text: str) -> str:
        parse("freeze", text)
        if unmatched := freezing.unmatched(text, names):
            raise InspectionError(f"no parameter matches {unmatched[0]}")
        return f"{len(freezing.frozen(text, names))} of {len(names)} parameters frozen"

    about = (
        "Names of parameters or modules, or patterns with *, separated by commas. The last match decides; ! unfreezes. "
        "All but the last layer: *, !linear_relu_stack.4. Leave empty to freeze nothing."
    )
    return PromptScreen("Freeze which parameters?", about, check, value=value)


def export(rows: int) -> PromptScreen:
    """The path of a new file for the table of parameters."""

    def check(text: str) -> str:
        path = expanded(text.strip()).absolute()
        if not text.strip() or path.exists():
            raise InspectionError("name a file that does not exist yet")
        return f"writes {counted(rows, 'row')} to {path}"

    about = "Writes the table of all parameters and buffers as CSV with a header line, or as text to a file *.txt."
    return PromptScreen("Export", about, check, value="~/parameters.csv")


def image_index(split: str, value: int) -> PromptScreen:
    """The index of an image in a split."""

    def check(text: str) -> str:
        if not text.strip().isdecimal():
            raise InspectionError("type the index of an image, such as 412")
        return f"{split} image {count(int(text))}"

    return PromptScreen("Go to an image", "Its index in the split.", check, value=str(value))


def output(shape: Sequence[int], value: Sequence[int]) -> PromptScreen:
    """Which output of a layer; `output_number` reads the text."""
    outputs = math.prod(shape)

    def check(text: str) -> str:
        return f"output {output_number(text, shape)} of {count(outputs)}"

    about = f"Its index in {list(shape)}, or its number from 0 to {outputs - 1} in the flattened output."
    return PromptScreen("Go to an output", about, check, value=str(list(value)))


def view(tensor: str, value: str) -> PromptScreen:
    """A view of a tensor, as `views.evaluate` takes it."""

    def check(text: str) -> str:
        if text.count("[") != text.count("]") or text.count("(") != text.count(")"):
            raise InspectionError("a bracket is missing")
        return f"{tensor}{text.strip()}"

    about = (
        "As in Python: [0, :, 3:9, ::2], [..., -1], [:, None]; .T .mT .transpose(0, 1) .reshape(28, 28) .flatten() "
        ".abs() .mean(dim=0), one after another; or, with t for the tensor: t @ t.T, t * 2, t[t > 0], "
        "torch.cat([t, t], dim=1). Leave empty for the whole tensor."
    )
    return PromptScreen("Slice or view of the tensor", about, check, value=value)


def vector(classes: int) -> PromptScreen:
    """The vector of a vector–Jacobian product; `vector_of` reads the text."""

    def check(text: str) -> str:
        vector_of(text, classes)
        return "pred.backward(v), with this v for each image"

    about = (
        f"backward() from the logits instead of a loss: type {classes} numbers, one per class, or the number of one "
        "class (1 there, 0 elsewhere). .grad receives vᵀ times the Jacobian, summed over the images."
    )
    return PromptScreen("Vector v", about, check, value="0")


def element(parameter: str, shape: Sequence[int], value: Sequence[int]) -> PromptScreen:
    """The index of one number of a parameter; `element_index` reads the text."""

    def check(text: str) -> str:
        return f"{parameter}{list(element_index(text, shape))}"

    about = f"Its index in {list(shape)}. Its value before and after each step, and its gradient, are shown."
    return PromptScreen(f"Watch which value of {parameter}?", about, check, value=str(list(value)))


def images(value: ImagesRef) -> PromptScreen:
    """Which images make the batch; `images_of` reads the text."""

    def check(text: str) -> str:
        found = images_of(text)
        return f"{counted(found.count, f'{found.split} image')} from index {found.index}"

    about = "train or test, the index of the first image, and how many: train 0 64."
    return PromptScreen("Batch of which images?", about, check, value=f"{value.split} {value.index} {value.count}")


def element_index(text: str, shape: Sequence[int]) -> tuple[int, ...]:
    """An index as typed, `3, 17` or `[3, -1]`, of one number. Raises InspectionError."""
    try:
        found = ast.literal_eval(f"[{text.strip().removeprefix('[').removesuffix(']')}]")
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, list) or any(not isinstance(at, int) or isinstance(at, bool) for at in found):
        raise InspectionError("type whole numbers, such as [3, 17]")
    if len(found) != len(shape):
        raise InspectionError(f"type {counted(len(shape), 'number')}, one for each dimension of {list(shape)}")
    for at, size in zip(found, shape, strict=True):
        if not -size <= at < size:
            raise InspectionError(f"{at} is out of range: the dimension has {size}")
    return tuple(at % size for at, size in zip(found, shape, strict=True))


def output_number(text: str, shape: Sequence[int]) -> int:
    """The number in the flattened output: as typed, or of an index such as `[21, 25, 12]`. Raises InspectionError."""
    if text.strip().isdecimal():
        if int(text) >= math.prod(shape):
            raise InspectionError(f"type a number from 0 to {math.prod(shape) - 1}, or an index in {list(shape)}")
        return int(text)
    number = 0
    for at, size in zip(element_index(text, shape), shape, strict=True):
        number = number * size + at
    return number


def images_of(text: str) -> ImagesRef:
    """`train 0 64` as typed. Raises InspectionError."""
    parts = text.split()
    if len(parts) != 3 or parts[0] not in ("train", "test") or not all(part.isdecimal() for part in parts[1:]):
        raise InspectionError("type train or test, an index, and the number of images, such as train 0 64")
    if not 1 <= int(parts[2]) <= 1024:
        raise InspectionError("type from 1 to 1024 images")
    return ImagesRef(parts[0], int(parts[1]), int(parts[2]))


def vector_of(text: str, classes: int) -> tuple[float, ...]:
    """A vector as typed: one number per class, or the number of the class that is 1. Raises InspectionError."""
    try:
        numbers = [float(part) for part in text.replace(",", " ").strip("[] ").split()]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and classes > 1 and numbers[0].is_integer() and 0 <= numbers[0] < classes:
        return tuple(float(at == numbers[0]) for at in range(classes))
    if len(numbers) != classes:
        raise InspectionError(f"type {classes} numbers, or the number of one class, from 0 to {classes - 1}")
    return tuple(numbers)
