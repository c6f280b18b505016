"""What reading a file of weights may cost, all files of a folder together: counted, so that every machine refuses the
same files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import CheckpointError
from engine.progress import Progress, silent

OPERATIONS = 6_000_000  # simple opcodes of pickles, some 0.2 µs each, besides those that tensors take
OF_A_TENSOR = 80  # operations that are granted for each; what torch.save writes of one takes some 60
OF_A_RECORD = 10  # what a record of a zip's directory costs
TENSORS = 200_000  # that are listed
MEMORY = 768 << 20  # bytes that the records of pickles may take, about
BYTES = 512 << 20  # of pickles and headers that are read as a whole
PARTS = 2_000_000  # of nested containers, that are gone through
LOOKS = 20_000_000  # parts that are read besides: of long lists of numbers
CHARACTERS = 64_000_000  # of all names together

StackTaken = Callable[[list[Any]], None]


@dataclass
class Budget:
    """What is left. There is one for everything that `engine.weights.reading.read` reads."""

    operations: int = OPERATIONS
    granted: int = TENSORS  # tensors for which operations may still be granted
    tensors: int = TENSORS
    memory: int = MEMORY
    bytes: int = BYTES
    parts: int = PARTS
    looks: int = LOOKS
    characters: int = CHARACTERS
    progress: Progress = silent  # in bytes of a pickle
    so_far: StackTaken | None = None  # takes the stack of a pickle that is read, now and then

    def spend(self, operations: int) -> None:
        """Raises CheckpointError where that is more than there is."""
        self.operations -= operations
        if self.operations < 0:
            raise CheckpointError(f"too complex to list: more than {OPERATIONS:,} operations")

    def tensor(self) -> None:
        """A tensor was met in a pickle: what one takes is granted, for as many as can be listed."""
        if self.granted > 0:
            self.granted -= 1
            self.operations += OF_A_TENSOR

    def weigh(self, size: int) -> None:
        """Records of so many bytes were made. Raises CheckpointError where they are too many."""
        self.memory -= size
        if self.memory < 0:
            raise CheckpointError(f"the objects in its pickle take more than {MEMORY >> 20} MB: too much to read")

    def read(self, size: int) -> None:
        """So many bytes are to be read. Raises CheckpointError where they are too many."""
        self.bytes -= size
        if self.bytes < 0:
            raise CheckpointError(f"its pickles and headers have more than {BYTES >> 20} MB: too much to read")

    def check(self) -> None:
        """Raises CheckpointError where something was refused before, for its operations or its memory."""
        self.spend(0)
        self.weigh(0)

    def lists(self, name: str) -> bool:
        """Whether one more tensor, of this name, can be listed."""
        self.characters -= len(name)
        self.tensors -= 1
        return self.tensors >= 0 and self.characters >= 0

    def goes_into(self, parts: int) -> bool:
        """Whether one more container, of so many parts, can be gone through."""
        self.looks -= parts
        self.parts -= 1
        return self.parts >= 0 and self.looks >= 0
