"""Weights that do not fit a network: the error, with what a screen needs to ask again. Imports no torch."""

from dataclasses import dataclass

from engine.errors import CheckpointError
from engine.weights.key_mapping import KeyMapping


@dataclass(frozen=True)
class ShapeMismatch:
    """A tensor that the network and the file both have, of different shapes."""

    name: str
    network: tuple[int, ...]
    file: tuple[int, ...]


class MisfitError(CheckpointError):
    """The names or shapes of the weights are not the network's.

    `missing`: names that only the network has. `unexpected`: names that only the file has. Both as they are after the
    mapping that was asked for. `proposal`: a mapping with which they would fit, or may fit, for the person to confirm;
    it includes the one that was asked for. None: there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        missing: tuple[str, ...] = (),
        unexpected: tuple[str, ...] = (),
        shapes: tuple[ShapeMismatch, ...] = (),
        proposal: KeyMapping | None = None,
    ) -> None:
        super().__init__(message)
        self.missing, self.unexpected, self.shapes, self.proposal = missing, unexpected, shapes, proposal
