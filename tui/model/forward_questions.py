"""Asks for an image's forward pass, through one network or two, and for its saliency. No widgets."""

import asyncio
from typing import TYPE_CHECKING

from engine.inspection.forward_requests import ForwardPass, ForwardRequest, Saliency, SaliencyRequest
from engine.inspection.image_requests import ImageRef
from tui.services import Services

if TYPE_CHECKING:
    from engine.sources import NetworkRef


class ForwardQuestions:
    """Holds which networks are asked. All methods raise EngineError."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.network: NetworkRef | None = None  # that answered last
        self.compared = ""  # the second network's source, as it is typed; empty: none
        self.target: int | None = None  # the class to explain; None: the predicted one

    async def passes(self, image: ImageRef) -> tuple[ForwardPass, ForwardPass | None]:
        """Through the network, and through the one that it is compared with."""
        ask = self._services.worker.ask
        network = self._services.network.ref()
        passed = await asyncio.to_thread(ask, ForwardRequest(network, image))
        self.network = network
        if not self.compared:
            return passed, None
        return passed, await asyncio.to_thread(
            ask, ForwardRequest(self._services.network.ref(self.compared), image)
        )  # fmt: skip

    async def saliency(self, image: ImageRef) -> Saliency:
        """Of the network that answered last."""
        assert self.network is not None
        return await asyncio.to_thread(self._services.worker.ask, SaliencyRequest(self.network, image, self.target))
