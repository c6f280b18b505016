"""The columns that the tables of *Model* and *Checkpoints* can have: what is in each, by title, as they stand.

Those of *Runs* come from the settings (`tui.run_columns`).
"""

MODULES = {
    "module": "its name, its class and arguments",
    "out": "shape of what it returns, for one image",
    "parameters": "how many, with those of the modules in it",
    "multiply-adds": "for one image",
    "share": "of the network's parameters",
    "trains": "all, part or none of its parameters",
    "in": "shape of what it takes, for one image",
    "mode": "train or eval",
    "dtype": "of its parameters",
    "device": "where its parameters are",
}
PARAMETERS = {
    "name": "of the parameter, the buffer or the state",
    "shape": "of the tensor",
    "grad": "whether it needs a gradient",
    "mean": "of its values",
    "std": "standard deviation of its values",
    "histogram": "of its values",
    "min": "its smallest value",
    "max": "its largest value",
    "norm": "square root of the sum of squares",
    "change": "relative, since the checkpoint before",
    "zeros": "share of its values that are 0",
    "not finite": "how many values are NaN or infinite",
    "count": "of its values",
    "dtype": "of its values",
    "device": "where it is",
}
CHECKPOINTS = {
    "file": "the run's name and the file's, or a path",
    "contents": "the epoch, or why it is listed",
    "size": "of the file",
    "age": "since it was written",
    "accuracy": "on the test data",
}
