"""The settings of the schedule: how long the training is, and how the learning rate changes in that time."""

from engine.training import pytorch_code
from engine.training.schedules import SCHEDULES
from engine.training.setting import MOST, Setting, integer, number, one_of, with_unit

SCHEDULE = "Schedule"

SETTINGS = (
    Setting(
        name="epochs",
        group=SCHEDULE,
        default=10,
        check=integer(1, MOST),
        help="passes over the training set",
        about="Passes over the training set. After each, the test set is evaluated, or the validation images.",
        steps=lambda value, direction: value + direction,
        pytorch=lambda values: f"for epoch in range({values['epochs']}):",
        editable=True,
    ),
    Setting(
        name="schedule",
        group=SCHEDULE,
        default="constant",
        check=one_of(SCHEDULES),
        choices=SCHEDULES,
        label="lr schedule",
        help="how the learning rate changes during the run: {choices}",
        about="How the learning rate changes during the run. {explained}.",
        pytorch=pytorch_code.schedule,
    ),
    Setting(
        name="warmup",
        group=SCHEDULE,
        default=0.0,
        check=number(0, MOST),
        label="lr warm-up",
        unit="epochs",
        example="0.5",
        help="epochs in which the learning rate rises to where the schedule starts",
        about="Epochs in which the learning rate rises linearly, from a hundredth, to where the schedule starts. 0: "
        "none. one_cycle has its own warm-up.",
        steps=(0.0, 0.1, 0.5, 1.0, 2.0, 5.0),
        display=with_unit("epochs", "none"),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
        strict=True,
    ),
    Setting(
        name="step_size",
        group=SCHEDULE,
        column="step",
        default=3,
        check=integer(1, MOST),
        label="lr step every",
        unit="epochs",
        help="for the schedule {with}: epochs between two drops",
        about="For the schedule {with}: epochs between two drops of the learning rate.",
        steps=lambda value, direction: value + direction,
        display=with_unit("epochs"),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
    ),
    Setting(
        name="lr_patience",
        group=SCHEDULE,
        column="lr patience",
        default=3,
        check=integer(1, MOST),
        label="lr patience",
        unit="epochs",
        help="for the schedule {with}: epochs without improvement before the learning rate drops",
        about="For the schedule {with}: epochs in a row in which the monitored result has not improved, before the "
        "learning rate drops.",
        steps=lambda value, direction: value + direction,
        display=with_unit("epochs"),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
    ),
    Setting(
        name="gamma",
        group=SCHEDULE,
        default=0.1,
        check=number(0, 1, low_included=False),
        label="lr step factor",
        help="for the schedule {with}: the factor on the learning rate at each drop",
        about="For the schedule {with}: each drop multiplies the learning rate by this factor.",
        steps=(0.1, 0.2, 0.5, 0.8, 0.9),
        pytorch=pytorch_code.schedule,
        depends_on="schedule",
    ),
)
