"""Seconds of training until an accuracy: a recipe with several seeds, beside the project's cnn and the tutorial's run.

    python -m benchmarks.time_to_accuracy --target 0.92 --seeds 5 [--first-seed 1000] [--recipe NAME] [--threads 2]
        [--device cuda] [--data-dir DIR] [--alone] [--json]

From the first step (the model is built, the data is in memory) to the end of training; evaluation and torch.compile are
left out, and told apart. A recipe's length is fixed: each of its runs trains to its end, and its accuracy on the test
set is that of its last weights; the target is reached where the mean over the seeds is. The cnn (Adam 1e-3, batches of
64, shuffled) is evaluated after each epoch, and stops at the first that reaches the target; the tutorial's run (SGD
1e-3, 10 epochs) is told with what it reaches. Each run has a process of its own, one after another; all that is
compared is measured in one run of this benchmark. `--alone` leaves out what stands beside the recipe.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.table import Row, at_least, parser, report
from engine.runs.torch_thread import TorchThread

RECIPES = {0.92: "fast", 0.93: "balanced", 0.94: "accurate"}  # by the target
MOST_EPOCHS = 30  # of the cnn


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--target", type=float, default=0.92)
    options.add_argument("--seeds", type=int, default=5, help="how many")
    options.add_argument("--first-seed", type=int, default=1000)
    options.add_argument("--recipe", help="instead of the one for the target")
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--device", default="cpu")
    options.add_argument("--set", nargs="*", default=[], metavar="SETTING=VALUE", help="beside the recipe")
    options.add_argument("--val", action="store_true", help="on 6,000 held-out training images, not on the test set")
    options.add_argument("--data-dir", type=Path, default=os.environ.get("FMNIST_TUI_DATA"))
    options.add_argument("--alone", action="store_true")
    options.add_argument("--measure", help="one run, in this process (used by the benchmark itself)")
    given = options.parse_args()
    if given.measure:
        thread = TorchThread("training")  # as a run has it, before torch is imported
        print(json.dumps(thread.call(lambda: measure(json.loads(given.measure), given.data_dir))))
        return
    recipe = given.recipe or RECIPES.get(given.target, "fast")
    common = {"threads": given.threads, "device": given.device, "dataset": "fashion-mnist"}
    runs = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        wanted = {"recipe": recipe, "seed": seed, **common, **({"val": "6000"} if given.val else {})}
        runs.append(run({"settings": wanted, "texts": given.set}, given.data_dir))
        if not given.json:
            last = runs[-1]
            print(
                f"  seed {seed}: {last['accuracy']:.2%}, {last['seconds']:.1f} s, {last['cpu_s']:.1f} s of CPU",
                flush=True,
            )
    rows = rows_of(recipe, runs, given.target)
    if not given.alone:
        cnn = {"model": "cnn", "optimizer": "adam", "shuffle": True, "epochs": MOST_EPOCHS, **common}
        rows += beside("cnn, Adam 1e-3, batches of 64", run({"settings": cnn, "until": given.target}, given.data_dir))
        rows += beside("the tutorial's run", run({"settings": dict(common)}, given.data_dir))
    import torch

    report(
        "time_to_accuracy", rows, as_json=given.json, torch=torch.__version__, device=runs[0]["device"], recipe=recipe,
        threads=given.threads, seeds=given.seeds, measured_on=runs[0]["split"], load=f"{os.getloadavg()[0]:.1f}",
    )  # fmt: skip


def run(wanted: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """A run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.time_to_accuracy", "--measure", json.dumps(wanted)]
    command += ["--data-dir", str(data_dir)] if data_dir else []
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def rows_of(recipe: str, runs: list[dict[str, Any]], target: float) -> list[Row]:
    """The table of a recipe's runs."""
    accuracies = [100 * one["accuracy"] for one in runs]
    spread = statistics.stdev(accuracies) if len(runs) > 1 else 0.0
    seconds = [one["seconds"] for one in runs]
    return [
        at_least(f"{recipe}: accuracy, mean", statistics.mean(accuracies), 100 * target, "%"),
        Row(f"{recipe}: accuracy, standard deviation over the seeds", spread, "%"),
        Row(f"{recipe}: training, mean", statistics.mean(seconds), "s"),
        Row(f"{recipe}: training, shortest", min(seconds), "s"),
        Row(f"{recipe}: training, longest", max(seconds), "s"),
        Row(f"{recipe}: training, mean CPU time", statistics.mean(one["cpu_s"] for one in runs), "s"),
        Row(f"{recipe}: evaluation, mean", statistics.mean(one["evaluation_s"] for one in runs), "s"),
        Row(f"{recipe}: torch.compile, mean", statistics.mean(one["compile_s"] for one in runs), "s"),
        Row(f"{recipe}: epochs", runs[0]["epochs"], "epochs"),
        Row(f"{recipe}: parameters", runs[0]["parameters"], ""),
    ]


def beside(name: str, found: dict[str, Any]) -> list[Row]:
    """The rows of a run beside the recipe's."""
    return [
        Row(f"{name}: accuracy after {found['epochs']} epochs", 100 * found["accuracy"], "%"),
        Row(f"{name}: training", found["seconds"], "s"),
        Row(f"{name}: CPU time", found["cpu_s"], "s"),
    ]


def measure(wanted: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    """Train a run through the engine's session, without writing anything."""
    from engine import home
    from engine.training import events as ev
    from engine.training import examination, tuning
    from engine.training.commands import CommandKind
    from engine.training.config import TrainConfig, changed, pairs
    from engine.training.recipes import expanded
    from engine.training.session import TrainingSession
    from engine.training.setup import make_setup

    config = TrainConfig(**expanded(wanted["settings"]))
    config = changed(config, pairs(wanted.get("texts", [])))
    config = dataclasses.replace(config, checkpoint_every=0.0, inspect_every=0)
    prepared = tuning.tuned(make_setup(config, home=home.resolve(), data_dir=data_dir))
    evaluated: list[ev.Evaluated] = []
    trained: list[float] = []
    epochs: list[int] = []
    until, there = wanted.get("until"), vars(examination)
    real = there["test_loop"]
    evaluation = {"seconds": 0.0, "cpu": 0.0}

    def timed(*given: Any) -> Any:
        begin, cpu = time.perf_counter(), time.process_time()
        found = real(*given)
        evaluation["seconds"] += time.perf_counter() - begin
        evaluation["cpu"] += time.process_time() - cpu
        return found

    def sink(event: ev.Event) -> None:
        if isinstance(event, ev.Evaluated):
            evaluated.append(event)
            if until and event.accuracy >= until:
                session.send(CommandKind.STOP)
        elif isinstance(event, ev.EpochFinished):
            trained.append(event.seconds)
            epochs.append(event.epoch)

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        return ev.CheckpointSaved(
            file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="", reason=reason
        )

    there["test_loop"] = timed
    session = TrainingSession(prepared, sink=sink, save=save)
    cpu = time.process_time()
    session.run()
    cpu = time.process_time() - cpu - evaluation["cpu"]
    last = [one for one in evaluated if one.split == ("val" if prepared.held_out else "test")][-1]
    return {
        "accuracy": last.accuracy,
        "seconds": sum(trained),
        "cpu_s": cpu,
        "evaluation_s": evaluation["seconds"],
        "compile_s": prepared.compile_s,
        "epochs": epochs[-1],
        "parameters": sum(one.numel() for one in prepared.network.parameters()),
        "device": prepared.describe_start()["device_name"],
        "split": "6,000 held-out images" if prepared.held_out else "the test set",
    }


if __name__ == "__main__":
    main()
