"""The settings of the data, and of the order in which it comes."""

from typing import Any

from engine.data import augmentations, holdout
from engine.data.custom.spec import FORMS
from engine.training import pytorch_code, references
from engine.training.recipes import RECIPES, TUTORIAL, check_name
from engine.training.references import DATASETS
from engine.training.setting import (
    MOST,
    TUNE,
    Setting,
    integer,
    or_if_empty,
    or_tuned,
    text,
    with_unit,
    yes_or_no,
)

DATA = "Data"
OWN_DATA = ", ".join(FORMS)


def _val(value: Any) -> None:
    text(value)
    holdout.parse(value)


def _augment(value: Any) -> None:
    text(value)
    augmentations.parse(value)


def _augment_spelled(value: Any) -> str:
    """In one spelling; what is none, as a run of somebody else's may have it, as it is."""
    try:
        return augmentations.spelled(str(value))
    except ValueError:
        return str(value)


def _held_out(value: Any) -> str:
    """The amount in one spelling; what is none, as a run of somebody else's may have it, as it is."""
    try:
        wanted = holdout.parse(str(value))
    except ValueError:
        return str(value)
    return str(wanted) if wanted is not None else ""


SETTINGS = (
    Setting(
        name="recipe",
        group=DATA,
        default=TUTORIAL,
        check=check_name,
        choices=RECIPES,
        help="a named set of settings to begin with: {choices}; any option given beside it wins",
        about="A named set of settings that the run begins with; any setting that is given beside it wins. "
        "{explained}.",
    ),
    Setting(
        name="dataset",
        group=DATA,
        default="auto",
        check=references.check_dataset,
        choices=DATASETS,
        help="{choices} (auto: Fashion-MNIST where it is found, else the demo data), or your own: " + OWN_DATA,
        about="The data to train on. auto: Fashion-MNIST where its files are found, else the small built-in demo data "
        f"(named as demo on every screen). Or your own: {OWN_DATA}.",
        pytorch=pytorch_code.train_set,
    ),
    Setting(
        name="transform",
        group=DATA,
        default="",
        check=references.check_transform,
        help="a pipeline such as 'RandomCrop(28, padding=4); Normalize(0.286, 0.353)', or path/to/file.py:NAME",
        about="What is applied to each image: transforms of torchvision.transforms.v2, separated by semicolons, such "
        "as RandomCrop(28, padding=4); Normalize(0.286, 0.353); random ones apply to training only. Or your own, "
        "path/to/file.py:NAME. Empty: ToTensor(), a float tensor [1, 28, 28] from 0 to 1.",
        display=or_if_empty("ToTensor()"),
        pytorch=pytorch_code.train_set,
    ),
    Setting(
        name="augment",
        group=DATA,
        default="",
        check=_augment,
        label="augmentation",
        example=augmentations.EXAMPLE,
        help=f"random changes to the training images, a batch at a time on the device: '{augmentations.EXAMPLE}'",
        about="Random changes to the training images, made on the device for a whole batch at once, separated by "
        f"semicolons: {augmentations.known()}. They come before Normalize and the like of the transform, and after a "
        "transform that is done image by image. Evaluation does without. Empty: none.",
        display=lambda value: _augment_spelled(value) or "none",
        cell=_augment_spelled,
        pytorch=pytorch_code.augment,
    ),
    Setting(
        name="val",
        group=DATA,
        default="",
        check=_val,
        label="validation",
        example="5000",
        help="training images to hold out for validation: 5000, or a share such as 0.1; 5000:1 draws with the seed 1",
        about="Training images that are held out for validation, of each class the same share: a number such as 5000, "
        "or a share such as 0.1; 5000:1 draws others, with the seed 1. What is best, and when to stop early, is then "
        "decided on them, and the test set is evaluated once, at the end. Empty: none, and the test set is evaluated "
        "after every epoch.",
        display=lambda value: _held_out(value) or "none",
        cell=_held_out,
        pytorch=pytorch_code.validation,
    ),
    Setting(
        name="test_every_epoch",
        group=DATA,
        column="tested",
        default=False,
        check=yes_or_no,
        label="test set",
        help="with --val: evaluate the test set after every epoch too, not only at the end",
        about="With validation images: evaluate the test set after every epoch too, to look at. It decides nothing.",
        steps=(False, True),
        display=lambda value: "evaluated after every epoch" if value else "evaluated at the end",
        needs=lambda values: "" if values["val"] else "validation",
        strict=True,
    ),
    Setting(
        name="batch_size",
        group=DATA,
        column="batch",
        default=64,
        check=or_tuned(integer(1, MOST)),
        words={"auto": TUNE},
        unit="images",
        help="images per step; auto: the smallest with which nearly as many images a second are trained as with any",
        about="Images in one step of the optimizer. auto: the smallest batch size with which at least 95 % as many "
        "images a second are trained as with any from 32 to 2,048, measured before the run begins. While a run trains, "
        "a new batch size applies from the next epoch.",
        steps=lambda value, direction: value * 2 if direction > 0 else value // 2,
        display=lambda value: "auto" if value == TUNE else with_unit("images")(value),
        pytorch=pytorch_code.data_loader,
        editable=True,
    ),
    Setting(
        name="shuffle",
        group=DATA,
        default=False,
        check=yes_or_no,
        help="shuffle the training set in every epoch",
        about="Shuffle the training images in every epoch, from the seed. The tutorial's run does not shuffle.",
        steps=(False, True),
        pytorch=pytorch_code.data_loader,
    ),
    Setting(
        name="seed",
        group=DATA,
        default=0,
        check=integer(0, 2**63 - 1),
        help="for the initial weights and for shuffling",
        about="For the initial weights and for shuffling: the same seed gives the same run.",
        steps=lambda value, direction: value + direction,
        pytorch=lambda values: f"torch.manual_seed({values['seed']})",
    ),
)
