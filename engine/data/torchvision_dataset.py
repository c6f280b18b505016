"""Our arrays as a torchvision.datasets.FashionMNIST. Imports torchvision, which takes seconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.datasets import FashionMNIST

from engine.data.dataset import Split
from engine.data.transforms import TransformFailedError


class FilledFashionMNIST(FashionMNIST):  # type: ignore[misc]  # torchvision has no types
    """Torchvision's class with the step that looks for files and loads them replaced: it is given the arrays."""

    def __init__(
        self,
        split: Split,
        classes: tuple[str, ...],
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[Any], Any] | None,
    ) -> None:
        self._split = split
        super().__init__("", train=split.name == "train", transform=transform, target_transform=target_transform)
        self.classes = list(classes)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        try:
            sample: tuple[Any, Any] = super().__getitem__(index) if self.data.ndim == 3 else self._in_colour(index)
        except TransformFailedError as error:
            error.sample = f"{self._split.name} image {index}"
            raise
        return sample

    def _in_colour(self, index: int) -> tuple[Any, Any]:
        """As torchvision's, which assumes that every image is grey."""
        image, target = Image.fromarray(self.data[index].numpy()), int(self.targets[index])
        return (
            self.transform(image) if self.transform is not None else image,
            self.target_transform(target) if self.target_transform is not None else target,
        )

    def _check_legacy_exist(self) -> bool:
        return False

    def _check_exists(self) -> bool:
        return True

    def _load_data(self) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.from_numpy(np.array(self._split.images))
        return images, torch.from_numpy(self._split.labels.astype(np.int64))
