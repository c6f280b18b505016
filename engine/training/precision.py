"""The precisions and memory formats that a network can be trained with: one entry each. Imports no torch."""

from engine.training.setting import Choice

PRECISIONS: dict[str, Choice] = {
    "none": Choice(about="float32 throughout"),
    "bf16": Choice(about="products and convolutions in bfloat16"),
    "fp16": Choice(about="products and convolutions in float16, with a loss scale (GradScaler) against underflow"),
}
MEMORY_FORMATS: dict[str, Choice] = {
    "contiguous": Choice(about="PyTorch's default, one channel after another"),
    "channels_last": Choice(about="all channels of a pixel together, faster for most convolutions"),
    "auto": Choice(about="the faster one of both, measured before the run begins, and on record"),
}
