"""The settings of the optimizer, and of the loss that it minimizes."""

from engine.training import pytorch_code
from engine.training.losses import LOSSES
from engine.training.optimizers import OPTIMIZERS
from engine.training.setting import (
    LARGEST_FLOAT,
    Setting,
    number,
    one_of,
    one_or_three,
)

OPTIMIZER = "Optimizer"

SETTINGS = (
    Setting(
        name="loss",
        group=OPTIMIZER,
        column="loss_fn",  # beside the loss itself
        default="cross_entropy",
        check=one_of(LOSSES),
        choices=LOSSES,
        help="{choices}",
        about="What the optimizer minimizes, a mean over the batch. {explained}.",
        pytorch=pytorch_code.loss,
    ),
    Setting(
        name="optimizer",
        group=OPTIMIZER,
        column="optim",
        default="sgd",
        check=one_of(OPTIMIZERS),
        choices=OPTIMIZERS,
        help="{choices}",
        about="How the parameters are updated from their gradients after each batch. {explained}.",
        pytorch=pytorch_code.optimizer,
    ),
    Setting(
        name="lr",
        group=OPTIMIZER,
        default=1e-3,
        check=number(0, LARGEST_FLOAT, low_included=False),
        label="learning rate",
        help="learning rate",
        about="The size of a step. Too large, and the loss rises or becomes NaN; too small, and it hardly falls.",
        steps=one_or_three,
        pytorch=pytorch_code.optimizer,
        editable=True,
    ),
    Setting(
        name="momentum",
        group=OPTIMIZER,
        default=0.0,
        check=number(0, 1),
        help="for {with}",
        about="The part of the last step that is kept, from 0 to 1. For {with}.",
        example="0.9",
        steps=(0.0, 0.5, 0.9, 0.95, 0.99),
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="weight_decay",
        group=OPTIMIZER,
        column="decay",
        default=0.0,
        check=number(0, LARGEST_FLOAT),
        help="L2 penalty (adamw: decoupled)",
        about="Pulls the parameters towards 0: an L2 penalty (adamw, and Muon's own parameters: decoupled from the "
        "gradient).",
        example="1e-4",
        steps=(0.0, 1e-5, 1e-4, 1e-3, 1e-2),
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
)
