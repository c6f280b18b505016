"""The ways to average a network's weights: one entry each. Imports no torch; `engine.training.averaging` does them."""

from engine.training.setting import Choice

AVERAGES: dict[str, Choice] = {
    "none": Choice(about="the weights as they are"),
    "ema": Choice(
        about="an exponential moving average over the steps, of batch norm's statistics too",
        settings=("average_decay",),
    ),
    "swa": Choice(
        about="stochastic weight averaging: the mean over the ends of the last epochs, with batch norm's statistics "
        "computed anew for it",
        settings=("average_from",),
    ),
}
