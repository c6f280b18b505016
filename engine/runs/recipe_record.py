"""What is said of a finished run of a recipe beside the record on such a machine. Imports no torch."""

from engine.runs.state import RunState
from engine.training import records


def record_words(run: RunState) -> str:
    """How the run compares with it; empty: it has not finished, or there is none to compare it with."""
    if run.status != "finished" or run.reason or not run.tests:
        return ""
    record = records.of_run(run.config, run.device, run.threads)
    return records.words(record, run.tests[-1].accuracy, run.training_s) if record else ""
