"""The settings of what is saved and watched; none of them changes a number of the training."""

from engine.training import references
from engine.training.setting import MOST, Setting, integer, number, number_text, one_of, with_unit

WATCHING = "Saving and watching"
ON_NON_FINITE = ("pause", "stop", "continue")

SETTINGS = (
    Setting(
        name="checkpoint_every",
        group=WATCHING,
        column="saved",
        default=60.0,
        check=number(0, MOST),
        label="checkpoint",
        unit="seconds",
        help="seconds of training between two checkpoints within an epoch; 0: none",
        about="Seconds of training between two checkpoints within an epoch: at most that is lost when a run is killed. "
        "The end of every epoch is saved too. 0: no checkpoints within an epoch.",
        steps=(0.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0),
        display=lambda value: f"every {number_text(value)} s" if value else "each epoch only",
    ),
    Setting(
        name="keep",
        group=WATCHING,
        default="all",
        check=references.check_keep,
        help="which checkpoints stay: of all epochs, or the newest N; the best and the last in any case",
        about="Which checkpoints stay on disk. all: the end of every epoch, and those you ask for. A number: the "
        "newest N. The best, the last, and one that a branch or a resume started from stay in any case.",
        steps=("all", "10", "5", "3", "1"),
        display=lambda value: "all epochs" if value == "all" else f"the newest {value}",
    ),
    Setting(
        name="inspect_every",
        group=WATCHING,
        column="inspect",
        default=100,
        check=integer(0, 10**9),
        label="inspect",
        unit="steps",
        help="sample the layers every so many steps: gradients, updates, activations; 0: never",
        about="Steps between two samples of the layers: gradient and weight norms, updates, activations, with warnings "
        "about vanishing and exploding gradients and dead ReLUs; i on Train shows them. 0: never.",
        steps=(0, 1, 10, 50, 100, 500, 1000),
        display=with_unit("steps", "never", "every {}"),
    ),
    Setting(
        name="on_non_finite",
        group=WATCHING,
        column="at NaN",
        default="pause",
        check=one_of(ON_NON_FINITE),
        choices=ON_NON_FINITE,
        label="at a NaN loss",
        help="at a NaN or infinite loss: {choices}",
        about="What to do when the loss becomes NaN or infinite: pause (look, then decide), stop, or continue.",
    ),
)
