"""What a chart of a run can show: each series that the event log has."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.digits import four_digits
from tui import format as fmt


@dataclass(frozen=True)
class Metric:
    """One of them. `scale`: what its values in the log are multiplied with on the chart."""

    name: str
    title: str
    missing: str  # said where a run has none
    unit: str = ""
    scale: float = 1.0
    ceiling: float = math.inf
    log: bool = True  # whether a logarithmic axis makes sense
    text: Callable[[float], str] = four_digits  # of a value on the chart
    rare: bool = False  # few devices tell it: it is offered where there is something of it


def _percent(value: float) -> str:
    return f"{value:.1f} %"


LOSS = Metric("loss", "loss", "no loss yet: the first comes with the first steps", text=fmt.loss)
ACCURACY = Metric(
    "accuracy", "test accuracy, %", "no accuracy yet: it comes after each epoch", "%", 100.0, 100.0, log=False,
    text=_percent,
)  # fmt: skip
RATE = Metric("lr", "learning rate", "no learning rate yet: it comes with the first steps", text=fmt.rate)
SPEED = Metric(
    "samples_per_s", "samples/s", "no speed yet: it comes with the first steps", "samples/s", text="{:,.0f}".format
)
GRADIENT = Metric(
    "gradient_norm", "gradient norm, all parameters",
    "no gradient norm: it comes with each sample of the layers (inspect every)",
)  # fmt: skip
LOAD = Metric(
    "load", "device load, %", "no load: this device does not tell it, or has not yet", "%", 100.0, 100.0, log=False,
    text=_percent,
)  # fmt: skip
MEMORY = Metric(
    "memory", "device memory, MiB", "no memory: this device does not tell it, or has not yet", "MiB", 2.0**-20,
    text="{:,.0f} MiB".format,
)  # fmt: skip
WATTS = Metric(
    "watts", "device power, W", "no watts: this device does not tell them, or has not yet", "W", log=False,
    text="{:,.0f} W".format, rare=True,
)  # fmt: skip
TEMPERATURE = Metric(
    "temperature", "device temperature, °C", "no temperature: this device does not tell it, or has not yet", "°C",
    log=False, text="{:.0f} °C".format, rare=True,
)  # fmt: skip
METRICS = (LOSS, ACCURACY, RATE, SPEED, GRADIENT, LOAD, MEMORY, WATTS, TEMPERATURE)
