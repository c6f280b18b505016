"""`fmnist-tui data --issues`: the suspicious images of a data set."""

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.data.open_dataset import Dataset, open_dataset
from engine.digits import significant
from engine.errors import ConfigError, InspectionCancelledError
from engine.evaluation import quality
from engine.evaluation.quality import KINDS, Other
from engine.evaluation.requests import LabelErrorSettings, Suspects
from engine.progress import Progress
from engine.worker.client import WorkerClient
from tui.cli.output import complain, say, say_json, tell_in_place
from tui.format import count

SHOWN = 5  # of each list, where not all are asked for


def run(
    home: Path, data_dir: Path | None, name: str, asked: str, settings: LabelErrorSettings, *, as_json: bool
) -> int:
    """Find the kinds in `asked`, separated by commas, or all. Returns 0, or 130 after a Ctrl-C. Raises EngineError."""
    kinds = list(KINDS) if asked.strip() == "all" else [kind.strip() for kind in asked.split(",")]
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        what = f"{unknown[0]!r} is not a kind of issue; choose from all, {', '.join(KINDS)}"
        raise ConfigError("issues", f"--issues: {what}")
    data = open_dataset(name, data_dir, home, verify=True)
    worker = WorkerClient(home)
    before = signal.signal(signal.SIGINT, lambda *_: worker.cancel())
    found: dict[str, dict[str, Suspects]] = {}
    try:
        for kind in kinds:
            with _ProgressLine(KINDS[kind].title) as progress:
                found[kind] = quality.ask(worker, kind, data, data_dir, settings, progress)
    except InspectionCancelledError:
        complain("cancelled")
        return 128 + signal.SIGINT
    finally:
        worker.close()
        signal.signal(signal.SIGINT, before)
    if as_json:
        say_json(_json(data, settings, found))
    else:
        _print(data, found)
    return 0


class _ProgressLine:
    """A line on stderr, where that is a terminal, that says how far it is."""

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> Progress:
        return self._show

    def _show(self, done: int, total: int) -> None:
        tell_in_place(f"{self._title}: {100 * done / max(1, total):3.0f}%")

    def __exit__(self, *_: object) -> None:
        tell_in_place("")


def _json(data: Dataset, settings: LabelErrorSettings, found: dict[str, dict[str, Suspects]]) -> dict[str, Any]:
    return {
        "dataset": data.name,
        "checksum": data.checksum,
        "classes": list(data.classes),
        "issues": {
            kind: {
                "why": KINDS[kind].why,
                "source": KINDS[kind].source,
                **({"settings": asdict(settings)} if KINDS[kind].configurable else {}),
                **{split: [_sample(data, part, at) for at in range(len(part))] for split, part in by_split.items()},
            }
            for kind, by_split in found.items()
        },
    }


def _sample(data: Dataset, part: Suspects, at: int) -> dict[str, Any]:
    index = int(part.indices[at])
    sample: dict[str, Any] = {
        "index": index, "score": round(float(part.scores[at]), 6), "label": int(data.splits[part.split].labels[index]),
    }  # fmt: skip
    match KINDS[part.kind].other:
        case Other.LABEL:
            sample["suggested"] = int(part.others[at])
        case Other.IMAGE:
            other = "test" if part.split == "train" else "train"
            sample |= {"of": int(part.others[at]), "of_split": other if part.elsewhere[at] else part.split}
    return sample


def _print(data: Dataset, found: dict[str, dict[str, Suspects]]) -> None:
    say(f"{data.title}: {count(len(data.train))} training and {count(len(data.test))} test images")
    for kind, by_split in found.items():
        numbers = ", ".join(f"{count(len(part))} in {split}" for split, part in by_split.items())
        say()
        say(f"{KINDS[kind].title}: {numbers}")
        say(f"  {KINDS[kind].why} ({KINDS[kind].source})")
        for split, part in by_split.items():
            for at in range(min(SHOWN, len(part))):
                sample = _sample(data, part, at)
                score = significant(sample["score"], 4)
                text = f"{split} {sample['index']} {data.classes[sample['label']]}, score {score}"
                if "suggested" in sample:
                    text += f": perhaps {data.classes[sample['suggested']]}"
                if "of" in sample:
                    text += f": nearly {sample['of_split']} {sample['of']}"
                say(f"  {text}")
            if len(part) > SHOWN:
                say(f"  … and {count(len(part) - SHOWN)} more in {split}")
    say()
    say("All of them: with --json. On the screen: fmnist-tui, then Q.")
