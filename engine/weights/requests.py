"""What the worker process is asked about files of weights: the contents, a comparison, a conversion. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.weights.comparison import Comparison
from engine.weights.contents import Module, Named, Value
from engine.weights.key_mapping import KeyMapping
from engine.worker.request import Request

MOST_LISTED = 3000  # parts of one list that an answer holds


@dataclass(frozen=True)
class FileRequest(Request["FileListing"]):
    """What is in a file."""

    handler = "engine.weights.listing:compute"
    file: Path
    filter: str = ""  # only parts with this in their names
    most: int = MOST_LISTED  # parts of each list


@dataclass(frozen=True)
class Section:
    """A dictionary or module of a file that holds tensors: "model", "optimizer"; "" for the whole file."""

    name: str
    tensors: int
    elements: int
    bytes: int


@dataclass(frozen=True)
class Import:
    """A global that the file's pickle names."""

    name: str
    allowed: bool  # by torch.load(weights_only=True)


@dataclass(frozen=True, eq=False)
class FileListing:
    """What is in a file; of each list those that the filter lets through, as many as were asked for."""

    format: str  # in words
    bytes: int
    notes: tuple[str, ...]  # what it seems to be, in words
    safety: str  # what reading it needed, and what loading it would, in words
    elements: int  # of all tensors
    tensors: tuple[Named, ...]
    values: Mapping[str, Value]  # numbers, texts and such, by their names
    imports: tuple[Import, ...]
    modules: tuple[Module, ...]  # of a network that was saved whole
    shared: tuple[tuple[str, ...], ...]  # the names of tensors that share a storage
    problems: tuple[str, ...]
    counts: Mapping[str, int]  # how many there are without filter and limit, by the name of the list
    model: str = ""  # which network the file says that it is of; "": none
    own: bool = False  # a checkpoint of this program
    sections: tuple[Section, ...] = ()  # the likeliest weights first
    complete: bool = True  # False: the file is still read; these are tensors that were met by now, and no more is known

    @property
    def whole_module(self) -> str:
        """The class of the module that was pickled whole; "": the file is none."""
        return self.modules[0].type if self.modules and not self.modules[0].name else ""


@dataclass(frozen=True)
class CompareRequest(Request[Comparison]):
    """What `second` differs in from `first`."""

    handler = "engine.weights.compare:compute"
    first: Path
    second: Path


@dataclass(frozen=True)
class ConvertRequest(Request["Converted"]):
    """Write the weights of a file, or the mean of several, as a file of their own."""

    handler = "engine.weights.convert:compute"
    files: tuple[Path, ...]
    target: Path
    mapping: KeyMapping = field(default_factory=KeyMapping)


@dataclass(frozen=True)
class Converted:
    """What was written."""

    tensors: int
    bytes: int
    notes: tuple[str, ...] = ()  # which tensors are in another form now, a line each
