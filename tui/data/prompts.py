"""What *Data* asks for in a line of text: a prompt each, and what its text means."""

from pathlib import Path

from engine.data.selection import parse_classes
from engine.errors import DataError
from engine.runs import checkpoint_refs
from engine.runs import folder as store
from engine.training.config import MODELS, parse
from engine.weights.key_mapping import file_and_mapping
from tui.data.browse import Browse
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.format import count


def classes(browse: Browse) -> PromptScreen:
    """Which classes to show; `parse_classes` reads the text."""
    names = browse.classes

    def check(text: str) -> str:
        return ", ".join(names[label] for label in sorted(parse_classes(text, names))) or "all classes"

    listed = ", ".join(f"{label} {name}" for label, name in enumerate(names))
    value = ", ".join(names[label] for label in sorted(browse.selection.classes))
    about = f"Names of classes, parts of them, or numbers, apart by commas: {listed}"
    return PromptScreen("Show only some classes", about, check, value=value)


def index(browse: Browse) -> PromptScreen:
    """Which image to go to: a number."""
    samples = browse.samples

    def check(text: str) -> str:
        if not text.strip().isdecimal() or int(text) >= samples:
            raise DataError(f"type a number from 0 to {count(samples - 1)}")
        return f"image {int(text)}"

    return PromptScreen("Go to an image", "Its index in the split.", check)


def checkpoint(home: Path, watched: Path | None, value: str = "") -> PromptScreen:
    """Whose eyes to look with; `is_file` and `named` read the text."""

    def check(text: str) -> str:
        if is_file(text):
            model, _, file = text.strip().partition("=")
            path, _ = file_and_mapping(file)
            if not path.exists():
                raise DataError(f"no such file: {path}")
            return f"the weights of {path.name} in a {parse('model', model)}"
        folder, at = named(home, text)
        return f"{store.title(folder)}, checkpoint {checkpoint_refs.name_of(checkpoint_refs.find(folder, at))}"

    about = (
        "A run's id, its beginning, name, or last; after an @ an epoch (3), a step in it (3:412), last or best. Or a "
        "model and anybody's file of its weights: mlp=FILE, and what is to be done with their names: module. NEW=OLD"
    )
    value = value or f"{watched.name if watched else 'last'}@best"
    return PromptScreen(
        "What does a model take these images for?",
        about,
        check,
        value=value,
        suggester=PathSuggester(among_others=True),
    )


def is_file(text: str) -> bool:
    """Whether it is `MODEL=FILE`, not `RUN@AT`."""
    model, equals, _ = text.strip().partition("=")
    return bool(equals) and (model in MODELS or ":" in model)


def named(home: Path, text: str) -> tuple[Path, str]:
    """The run's folder and the checkpoint of `RUN@AT`. Raises RunError where there is no such run."""
    name, _, at = text.strip().partition("@")
    return store.find(home, name.strip() or "last"), at.strip() or "last"


def export(browse: Browse) -> PromptScreen:
    """Where to write the marked images, or those that are shown."""
    indices, which = to_export(browse)
    what = f"the {count(len(indices))} {which} images of {browse.split}"

    def check(text: str) -> str:
        path = text.strip()
        if not path:
            raise DataError("name a folder that is not there yet, or a file that ends in .txt")
        if path.endswith(".txt"):
            return f"this page as text in {Path(path).expanduser().absolute()}"
        return f"{len(indices)} PNG files and annotations.csv in {Path(path).expanduser().absolute()}"

    about = (
        f"Write {what} as PNG files, with an annotations.csv (file,label) that the tutorial's own data set reads; "
        "or, to a name that ends in .txt, this page as it stands on the screen."
    )
    return PromptScreen("Export", about, check, value=f"~/{browse.split}-samples", suggester=PathSuggester())


def to_export(browse: Browse) -> tuple[list[int], str]:
    """The samples that are exported, and what they are: marked, or else shown."""
    marked = sorted(browse.marks[browse.split])
    return (marked, "marked") if marked else (browse.shown_indices(), "shown")
