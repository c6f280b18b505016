"""The panel about the chosen module or tensor of *Model*."""

from collections.abc import Sequence

from engine.inspection.detail_requests import ModuleDetailRequest, TensorDetailRequest
from engine.inspection.image_requests import ImageRef
from engine.inspection.model_requests import ModelSummary, ModuleRow, TensorRow
from engine.sources import NetworkRef
from tui import format as fmt
from tui.detail.pane import DetailPane
from tui.model import detail_text, model_text


class ModelDetail(DetailPane):
    """Says what is known of it at once, and asks for the rest; what has no values says so."""

    def follow_tensor(
        self, network: NetworkRef, summary: ModelSummary, tensor: TensorRow, histogram: Sequence[int]
    ) -> None:
        """`histogram`: how many of its values lie in each part from its lowest to its highest."""
        subject = detail_text.of_tensor(tensor, histogram, _missing(summary))
        self.follow(subject, TensorDetailRequest(tensor.ref(network)))

    def follow_module(
        self,
        network: NetworkRef,
        summary: ModelSummary,
        module: ModuleRow,
        tensors: Sequence[TensorRow],
        image: tuple[str, int],
    ) -> None:
        """`tensors`: all of the network. `image`: the split and index of the one that goes through it."""
        split, index = image
        words = f"{split} image {fmt.count(index)}"
        subject = detail_text.of_module(module, summary, tensors, words, _missing(summary))
        self.follow(subject, ModuleDetailRequest(network, ImageRef(split, index), module.name))


def _missing(summary: ModelSummary) -> str:
    return model_text.VALUELESS if summary.valueless else ""
