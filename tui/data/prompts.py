"""What *Data* asks for in a line of text: a prompt each, and what its text means."""

from engine.data import augmentations
from engine.data.selection import parse_classes
from engine.errors import ConfigError, DataError
from engine.home import expanded
from tui.data.browse import Browse
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.format import count, counted


def classes(browse: Browse) -> PromptScreen:
    """Which classes to show; `parse_classes` reads the text."""
    names = browse.classes

    def check(text: str) -> str:
        return ", ".join(names[label] for label in sorted(parse_classes(text, names))) or "all classes"

    listed = ", ".join(f"{label} {name}" for label, name in enumerate(names))
    value = ", ".join(names[label] for label in sorted(browse.selection.classes))
    about = f"Class names, parts of names, or numbers, separated by commas: {listed}"
    return PromptScreen("Show only some classes", about, check, value=value)


def index(browse: Browse) -> PromptScreen:
    """Which image to go to: a number."""
    samples = browse.samples

    def check(text: str) -> str:
        if not text.strip().isdecimal() or int(text) >= samples:
            raise DataError(f"type a number from 0 to {count(samples - 1)}")
        return f"image {int(text)}"

    return PromptScreen("Go to an image", "Its index in the split.", check)


def export(browse: Browse) -> PromptScreen:
    """Where to write the marked images, or those that are shown."""
    indices, which = to_export(browse)
    images = counted(len(indices), f"{which} image")

    def check(text: str) -> str:
        path = text.strip()
        if not path:
            raise DataError("name a folder that does not exist yet, or a file that ends in .txt")
        if path.endswith(".txt"):
            return f"this page as text in {expanded(path).absolute()}"
        return f"{counted(len(indices), 'PNG file')} and annotations.csv in {expanded(path).absolute()}"

    about = (
        f"Write {images} of {browse.split} as PNG files, with an annotations.csv (file,label) that the tutorial's "
        "custom data set reads. Or name a file that ends in .txt to write this page as text."
    )
    return PromptScreen("Export", about, check, value=f"~/{browse.split}-samples", suggester=PathSuggester())


def batch_size(browse: Browse, value: int, most: int) -> PromptScreen:
    """How many images are in a batch, at most `most`."""

    def check(text: str) -> str:
        if not text.strip().isdecimal() or not 1 <= int(text) <= most:
            raise DataError(f"type a number of images from 1 to {count(most)}")
        images = int(text)
        return f"{counted(images, 'image')} per batch, {count(-(-browse.samples // images))} batches per epoch"

    about = "How many images are in a batch. The next run trains with it."
    return PromptScreen("Batch size", about, check, value=str(value))


def augmentation(value: str) -> PromptScreen:
    """The random changes to whole batches; `augmentations.parse` reads the text."""

    def check(text: str) -> str:
        try:
            return augmentations.spelled(text) or "no augmentation"
        except ValueError as error:
            raise ConfigError("augment", str(error)) from error

    about = (
        "Random changes to each training batch, on the device, separated by semicolons. "
        f"{augmentations.known()}. The next run trains with them. For example: {augmentations.EXAMPLE}"
    )
    return PromptScreen("Augmentation", about, check, value=value)


def to_export(browse: Browse) -> tuple[list[int], str]:
    """The samples that are exported, and what they are: marked, or else shown."""
    marked = sorted(browse.marks[browse.split])
    return (marked, "marked") if marked else (browse.shown_indices(), "shown")
