"""The settings of early stopping: what ends a training before its last epoch."""

from typing import Any

from engine.training import stop_condition
from engine.training.setting import (
    LARGEST_FLOAT,
    MOST,
    Setting,
    Values,
    integer,
    number,
    one_of,
    or_if_empty,
    text,
    with_unit,
)

STOPPING = "Early stopping"
MONITORED = ("accuracy", "loss")


def _stop_when(value: Any) -> None:
    text(value)
    stop_condition.parse(value)


def _monitored(values: Values) -> str:
    return "" if values["patience"] or values["schedule"] == "plateau" else "patience"


SETTINGS = (
    Setting(
        name="patience",
        group=STOPPING,
        default=0,
        check=integer(0, MOST),
        unit="epochs",
        example="5",
        help="stop after so many epochs in which the result has not improved; 0: never",
        about="Stop early, after so many epochs in a row in which the result on the validation images (without them on "
        "the test set) has not improved. The best epoch's checkpoint stays. 0: train all epochs.",
        steps=(0, 1, 2, 3, 5, 10, 20),
        display=with_unit("epochs", "never"),
        editable=True,
    ),
    Setting(
        name="min_delta",
        group=STOPPING,
        default=0.0,
        check=number(0, LARGEST_FLOAT),
        example="0.001",
        help="for --patience and the schedule plateau: what the result must improve by (an accuracy: a fraction of 1)",
        about="By how much the result must improve to count as better: an accuracy as a fraction of 1, so 0.001 is 0.1 "
        "percentage points; a loss as it is.",
        steps=(0.0, 1e-4, 1e-3, 1e-2),
        needs=_monitored,
        editable=True,
    ),
    Setting(
        name="monitor",
        group=STOPPING,
        default="accuracy",
        check=one_of(MONITORED),
        choices=MONITORED,
        help="for --patience and the schedule plateau: which result must improve, {choices}",
        about="Which result must improve: accuracy (higher is better) or loss (lower is better).",
        needs=_monitored,
    ),
    Setting(
        name="stop_when",
        group=STOPPING,
        column="stops at",
        default="",
        check=_stop_when,
        label="stop when",
        example=stop_condition.EXAMPLE,
        help="stop after the first epoch of which this holds, such as 'val_accuracy>=0.92 and train_loss<0.3'",
        about="Stop after the first epoch of which this holds: comparisons of "
        + ", ".join(stop_condition.RESULTS)
        + " with numbers, joined by and, such as val_accuracy>=0.92.",
        display=or_if_empty("all epochs are done"),
    ),
)
