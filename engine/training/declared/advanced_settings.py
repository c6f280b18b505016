"""The settings that a first training does without: with them a good accuracy is reached sooner, or a better one."""

from typing import Any

from engine.training import pytorch_code
from engine.training.averages import AVERAGES
from engine.training.optimizers import BETAS, EPS, NESTEROV, parse_betas
from engine.training.precision import MEMORY_FORMATS, PRECISIONS
from engine.training.setting import (
    LARGEST_FLOAT,
    MOST,
    Setting,
    integer,
    number,
    number_text,
    one_of,
    one_or_three,
    text,
    yes_or_no,
)
from engine.training.test_time import TTA

ADVANCED = "Advanced"


def below_one(value: Any) -> None:
    """A number from 0 to below 1."""
    number(0, 1)(value)
    if value == 1:
        raise ValueError("1 is out of range; it must be below 1")


def _betas(value: Any) -> None:
    text(value)
    parse_betas(value)


SETTINGS = (
    Setting(
        name="label_smoothing",
        group=ADVANCED,
        column="smoothing",
        default=0.0,
        check=number(0, 1),
        label="smooth labels",
        help="for {with}: the part of each target that is shared out among all classes",
        about="The part of each target that is shared out among all classes, from 0 to 1, so that the network is not "
        "pressed to be certain. For {with}, in training alone: evaluation has the loss without it.",
        example="0.1",
        steps=(0.0, 0.05, 0.1, 0.2),
        pytorch=pytorch_code.loss,
        depends_on="loss",
        strict=True,
    ),
    Setting(
        name="nesterov",
        group=ADVANCED,
        default=NESTEROV,
        check=yes_or_no,
        help="for {with}: Nesterov's momentum",
        about="Nesterov's momentum: the step looks ahead by the momentum. For {with}, with a momentum above 0.",
        steps=(False, True),
        pytorch=pytorch_code.optimizer,
        depends_on="optimizer",
        needs=lambda values: "" if values["momentum"] else "momentum",
        strict=True,
    ),
    Setting(
        name="betas",
        group=ADVANCED,
        default=BETAS,
        check=_betas,
        example=BETAS,
        help="for {with}: the weights of the past in the running means of the gradient and of its square",
        about="The weights of the past in the running means of the gradient and of its square, two numbers from 0 to "
        "below 1. For {with}.",
        steps=(BETAS, "0.9, 0.99", "0.9, 0.95", "0.95, 0.999"),
        pytorch=pytorch_code.optimizer,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="eps",
        group=ADVANCED,
        default=EPS,
        check=number(0, LARGEST_FLOAT),
        example="1e-8",
        help="for {with}: added to the denominator of a step",
        about="Added to the denominator of a step, so that it does not grow without bound. For {with}.",
        steps=(1e-10, 1e-8, 1e-6, 1e-4),
        pytorch=pytorch_code.optimizer,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="muon_lr",
        group=ADVANCED,
        column="muon lr",
        default=0.02,
        check=number(0, LARGEST_FLOAT, low_included=False),
        label="Muon lr",
        help="for {with}: the learning rate of matrices and convolution kernels",
        about="For {with}: the learning rate of matrices and convolution kernels; the learning rate is that of the "
        "rest. The schedule scales both.",
        steps=one_or_three,
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="muon_momentum",
        group=ADVANCED,
        column="muon mom.",
        default=0.95,
        check=below_one,
        label="Muon momentum",
        help="for {with}: the momentum of matrices and convolution kernels",
        about="For {with}: the momentum of matrices and convolution kernels, from 0 to below 1.",
        steps=(0.6, 0.8, 0.9, 0.95, 0.98),
        pytorch=pytorch_code.optimizer,
        editable=True,
        depends_on="optimizer",
        strict=True,
    ),
    Setting(
        name="clip",
        group=ADVANCED,
        default=0.0,
        check=number(0, LARGEST_FLOAT),
        label="clipping",
        example="1",
        help="the largest 2-norm of all gradients together; 0: any",
        about="The largest 2-norm of all gradients together: larger ones are scaled down to it before each step. 0: "
        "any.",
        steps=(0.0, 0.5, 1.0, 2.0, 5.0),
        display=lambda value: f"norm ≤ {number_text(value)}" if value else "none",
        pytorch=pytorch_code.clip,
    ),
    Setting(
        name="accumulate",
        group=ADVANCED,
        column="parts",
        default=1,
        check=integer(1, MOST),
        label="accumulation",
        unit="parts",
        help="gradient accumulation: each batch goes through the network in so many parts",
        about="Gradient accumulation: each batch goes through the network in so many parts, one after another, and "
        "their gradients are added up, which takes less memory. A step has --batch-size images all the same; batch "
        "norm sees a part.",
        steps=lambda value, direction: value * 2 if direction > 0 else value // 2,
        display=lambda value: f"{value} parts of each batch" if value > 1 else "none",
        pytorch=pytorch_code.accumulate,
    ),
    Setting(
        name="average",
        group=ADVANCED,
        default="none",
        check=one_of(AVERAGES),
        choices=AVERAGES,
        label="averaging",
        help="weights to evaluate and to keep: {choices}",
        about="Which weights are evaluated after each epoch, and are those of the checkpoints; the training goes on "
        "with its own, which checkpoints hold too. {explained}. With PyTorch: torch.optim.swa_utils.",
        pytorch=pytorch_code.average,
    ),
    Setting(
        name="average_decay",
        group=ADVANCED,
        column="decay of avg.",
        default=0.999,
        check=below_one,
        label="average decay",
        help="for {with}: the weight of the past in the average, after each step",
        about="For {with}: the weight of the past in the average, after each step, from 0 to below 1.",
        steps=(0.9, 0.95, 0.99, 0.995, 0.999, 0.9999),
        pytorch=pytorch_code.average,
        depends_on="average",
        strict=True,
    ),
    Setting(
        name="average_from",
        group=ADVANCED,
        column="avg. from",
        default=0.75,
        check=number(0, 1),
        label="average from",
        help="for {with}: the part of the run after which epochs count",
        about="For {with}: the part of the run, from 0 to 1, after which the ends of epochs count.",
        steps=(0.0, 0.25, 0.5, 0.75, 0.9),
        depends_on="average",
        strict=True,
    ),
    Setting(
        name="memory_format",
        group=ADVANCED,
        column="format",
        default="contiguous",
        check=one_of(MEMORY_FORMATS),
        choices=MEMORY_FORMATS,
        label="memory format",
        help="how convolutions lie in memory: {choices}",
        about="How the network's kernels and pictures lie in memory. {explained}. The last digits of a run's numbers "
        "depend on it.",
        pytorch=pytorch_code.memory_format,
    ),
    Setting(
        name="amp",
        group=ADVANCED,
        default="none",
        check=one_of(PRECISIONS),
        choices=PRECISIONS,
        label="precision",
        help="automatic mixed precision: {choices}; refused where the device is slower with it",
        about="Automatic mixed precision (torch.autocast) in training; evaluation is in float32. {explained}. It is "
        "refused where the device is slower with it, which is measured before the run begins.",
        pytorch=pytorch_code.amp,
    ),
    Setting(
        name="compile",
        group=ADVANCED,
        column="compiled",
        default=False,
        check=yes_or_no,
        help="train with torch.compile; the time that it takes is told apart from training",
        about="Train the network as torch.compile makes it. Compiling takes from seconds to minutes before the first "
        "step; that time is told apart from training.",
        steps=(False, True),
        pytorch=pytorch_code.compile_model,
    ),
    Setting(
        name="tta",
        group=ADVANCED,
        default="none",
        check=one_of(TTA),
        choices=TTA,
        label="test-time aug.",
        help="test-time augmentation in evaluation: {choices}; each figure that used it says so",
        about="Test-time augmentation: what evaluation does with each image. {explained}. Each figure that used it "
        "says so.",
        pytorch=pytorch_code.tta,
    ),
)
