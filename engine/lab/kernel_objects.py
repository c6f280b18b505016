"""What a cell's output says of the tensor, array, table or picture that it shows, beside its text. No torch."""

from typing import Any

MIME = "application/vnd.fmnist-tui.object+json"
SMALLEST, LARGEST = 4, 4096  # pixels along a side of an image
TYPES = (
    ("torch", "Tensor"), ("numpy", "ndarray"), ("pandas", "DataFrame"), ("pandas", "Series"),
    ("pandas.core.frame", "DataFrame"), ("pandas.core.series", "Series"), ("PIL.Image", "Image"),
)  # fmt: skip


def register(formatter: Any) -> None:
    """Have IPython's formatter of MIME bundles describe objects of TYPES and their subclasses. Imports none of them."""
    for module, name in TYPES:
        formatter.for_type_by_name(module, name, bundle)


def bundle(value: Any, include: Any = None, exclude: Any = None) -> dict[str, Any]:
    """The description under its MIME type; empty where there is none."""
    try:
        return {MIME: describe(value)}
    except Exception:  # somebody's subclass: its text is shown all the same
        return {}


def describe(value: Any) -> dict[str, Any]:
    """`type`, `shape`, `dtype`, `device`, `requires_grad`, `grad_fn`, `leaf`: what does not apply is None, or "".
    `images`: whether its last dimensions look like those of images. Reads no values."""
    cls = type(value)  # asked first: a column of a table may have any name
    tensor = hasattr(cls, "requires_grad")
    if hasattr(cls, "shape"):
        shape = tuple(int(side) for side in value.shape)
        dtype = str(value.dtype).removeprefix("torch.") if hasattr(cls, "dtype") else ""
    else:  # PIL's
        shape, dtype = (int(value.size[1]), int(value.size[0])), str(value.mode)
    function = value.grad_fn if tensor else None
    return {
        "type": cls.__name__,
        "shape": list(shape),
        "dtype": dtype if tensor or len(dtype) <= 32 else dtype[:31] + "…",
        "device": str(value.device) if tensor else "",
        "requires_grad": bool(value.requires_grad) if tensor else None,
        "grad_fn": type(function).__name__ if function is not None else "",
        "leaf": bool(value.is_leaf) if tensor else None,
        "images": (tensor or cls.__module__ == "numpy") and like_images(shape, dtype),
    }


def like_images(shape: tuple[int, ...], dtype: str) -> bool:
    """Whether it may be an image or some: [H, W], [C, H, W], [N, H, W] or [N, C, H, W], with C of 1 or 3."""
    if not 2 <= len(shape) <= 4 or not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
        return False
    return all(SMALLEST <= side <= LARGEST for side in shape[-2:]) and (len(shape) < 4 or shape[1] in (1, 3))
