"""The weights of a file on the test set: only their values are read, nothing in the file is executed."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch

from engine import atomic, plain_file, private
from engine.checkpoints.verify import identity
from engine.checkpoints.verify import sha256 as sha256_of
from engine.data.dataset import Dataset
from engine.errors import CheckpointError, EngineError
from engine.evaluation.confidence import Confidence
from engine.evaluation.requests import Evaluation, EvaluationComparison, EvaluationSettings
from engine.home import Home
from engine.models import trusted_code
from engine.models.trusted_code import UntrustedCodeError
from engine.progress import Progress, silent
from engine.sources import WeightsFile
from engine.training import test_time
from engine.training.config import TrainConfig
from engine.training.loop import Batch, Score, test_loop
from engine.training.settings import SETTINGS
from engine.training.setup import TrainingSetup, make_setup
from engine.weights import matching
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import USE_OF_FILES, KeyMapping
from engine.weights.state_dict import for_network, refuse_other_numbers, values


def evaluate(
    source: WeightsFile,
    settings: EvaluationSettings,
    *,
    home: Path,
    data_dir: Path | None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate the weights of a file on the test set; from the cache where the same was evaluated before.

    Raises MisfitError where they do not fit the network, and other EngineErrors.
    """
    contents = contents_of(source.path)
    setup = _setup(source, settings, home, data_dir)
    sha256 = identity(source.path)
    kept = _cache(home, sha256, source, settings, setup)
    try:
        return replace(
            Evaluation.from_dict(json.loads(plain_file.read(kept).decode("utf-8"))), file=str(source.path), cached=True
        )
    except (OSError, ValueError, TypeError, LookupError):
        pass
    _load_from(source, setup)
    contents.refuse_changed()  # else what was evaluated may not be what has this SHA-256
    result = score(setup, source.path, sha256, progress)
    with contextlib.suppress(OSError):  # computed again the next time
        private.folder(kept.parent)
        atomic.write_text(kept, json.dumps(asdict(result)))
    return result


def compare(
    first: WeightsFile,
    second: WeightsFile,
    settings: EvaluationSettings,
    *,
    home: Path,
    data_dir: Path | None,
    progress: Progress = silent,
) -> EvaluationComparison:
    """Classify the test images with the weights of both files. Raises EngineErrors as `evaluate` does."""
    predicted: list[torch.Tensor] = []
    for number, source in enumerate((first, second)):
        setup = _setup(source, settings, home, data_dir)
        _load_from(source, setup)
        samples = setup.test_batches.samples

        def report_part(done: int, total: int, start: int = number * samples) -> None:
            progress(start + done, 2 * total)

        predicted.append(_predictions(setup, report_part))
    labels = torch.from_numpy(setup.dataset.test.labels.astype("int64"))
    right = [one == labels for one in predicted]
    fixed, broken = (right[1] & ~right[0]).nonzero().flatten(), (right[0] & ~right[1]).nonzero().flatten()
    wrong_predictions = torch.cat([predicted[0][fixed], predicted[1][broken]])
    return EvaluationComparison(
        first=str(first.path),
        second=str(second.path),
        model=setup.config.model,
        data=setup.dataset.title,
        classes=setup.dataset.classes,
        accuracy=(float(right[0].double().mean()), float(right[1].double().mean())),
        fixed=tuple(fixed.tolist()),
        broken=tuple(broken.tolist()),
        labels=tuple(labels[torch.cat([fixed, broken])].tolist()),
        predicted_as=tuple(wrong_predictions.tolist()),
        checksum=setup.dataset.checksum,
    )


def _setup(source: WeightsFile, settings: EvaluationSettings, home: Path, data_dir: Path | None) -> TrainingSetup:
    return make_setup(configured(contents_of(source.path), source.model, settings), home=home, data_dir=data_dir)


def _load_from(source: WeightsFile, setup: TrainingSetup) -> None:
    load_weights(setup, contents_of(source.path), str(source.path), source.mapping)


@torch.no_grad()
def _predictions(setup: TrainingSetup, progress: Progress) -> torch.Tensor:
    """The class that the network predicts for each test image, int64 [N]."""
    setup.network.eval()
    batches = setup.test_batches
    return torch.cat([setup.network(X).argmax(1).cpu() for X, _ in reported(batches, batches.samples, progress)])


class NamesCodeError(CheckpointError, UntrustedCodeError):
    """A file of weights names a Python file that the person does not trust yet; on a screen they can be asked."""

    def __init__(self, words: str, file: UntrustedCodeError) -> None:
        Exception.__init__(self, words)
        self.file, self.sha256, self.changed = file.file, file.sha256, file.changed


def configured(contents: Contents, model: str, settings: EvaluationSettings) -> TrainConfig:
    """The settings of the network and the data. A checkpoint of this program says what is not given; but a Python file
    that it names, which would be executed, has to be given, or trusted before. Raises CheckpointError, for such a file
    a NamesCodeError."""
    own = {key: contents.setting(key) for key in ("model", "transform", "loss", "tta")}
    wanted = model or own["model"]
    if not wanted and contents.modules and not contents.modules[0].name:
        raise CheckpointError(
            f"{contents.path} is a module that was pickled whole: loading it would execute its author's code. Name the "
            "network with --model, and only its weights are read; or, if you trust the author: --trust "
            f"{sha256_of(contents.path)}"
        )
    if not wanted:
        raise CheckpointError(f"{contents.path} does not say which network it belongs to: name it with --model")
    for name, given in (("model", model), ("transform", settings.transform)):
        if (given is None or (name == "model" and not given)) and not trusted_code.allows(own[name]):
            what = f"{contents.path} needs {own[name]}, which would be executed"
            words = f"{what}: if you trust that file, add --{name} {own[name]}"
            file = trusted_code.untrusted(own[name])
            raise CheckpointError(words) if file is None else NamesCodeError(words, file)
    return TrainConfig(
        model=wanted,
        dataset=settings.dataset,
        transform=own["transform"] if settings.transform is None else settings.transform,
        loss=(own["loss"] if settings.loss is None else settings.loss) or "cross_entropy",
        tta=(own["tta"] if settings.tta is None else settings.tta) or "none",
        device=settings.device,
        batch_size=_batch_size(contents),
    )


def _batch_size(contents: Contents) -> int:
    """That of the run whose checkpoint it is, so that the loss is the one in its log; else the default."""
    value = contents.setting("batch_size")
    try:
        return int(SETTINGS["batch_size"].parse(value))
    except (EngineError, ValueError):
        return TrainConfig().batch_size


def load_weights(setup: TrainingSetup, contents: Contents, what: str, mapping: KeyMapping) -> None:
    """Load the weights of a file into the network. Raises MisfitError where they do not fit, CheckpointError where
    their values can't be read, or the file has changed."""
    weights = for_network(contents, mapping)
    wanted = setup.network.state_dict()
    refuse_other_numbers(contents, mapping, wanted)
    found = matching.match(wanted, weights)
    if not found.whole:
        message = f"{what} does not fit {setup.config.model}: {found.describe()}"
        raise found.error(message, found.proposal(mapping))
    setup.network.load_state_dict(values(contents, mapping, weights), strict=False)
    contents.refuse_changed()


def score(setup: TrainingSetup, path: Path, sha256: str, progress: Progress) -> Evaluation:
    """The network's result on the test set."""
    data, batches = setup.dataset, setup.test_batches
    sure = Confidence(setup.loss_fn)
    network = test_time.evaluated(setup.network, setup.config.tta)
    found = test_loop(reported(batches, batches.samples, progress), network, sure, len(data.classes))
    result = evaluation(
        found, sure, data, file=path, sha256=sha256, model=setup.config.model, batch_size=setup.config.batch_size
    )
    return replace(result, tta=setup.config.tta)


def evaluation(
    found: Score, sure: Confidence, data: Dataset, *, file: Path, sha256: str, model: str, batch_size: int
) -> Evaluation:
    """What `test_loop` has found on the test set of `data`, and how sure the network was."""
    return Evaluation(
        file=str(file),
        sha256=sha256,
        model=model,
        data=data.title,
        samples=len(data.test),
        accuracy=found.accuracy,
        loss=found.loss,
        loss_per_sample=found.loss_per_sample,
        batch_size=batch_size,
        per_class=found.per_class,
        confusion=found.confusion,
        classes=data.classes,
        among_two=sure.among_two,
        bins=sure.bins,
    )


def reported(batches: Iterable[Batch], total: int, progress: Progress) -> Iterator[Batch]:
    """The batches; reports how many of the `total` samples are done."""
    done = 0
    for X, y in batches:
        yield X, y
        done += len(y)
        progress(done, total)


def _cache(home: Path, sha256: str, source: WeightsFile, settings: EvaluationSettings, setup: TrainingSetup) -> Path:
    used = [
        source.model, str(source.mapping), asdict(settings), setup.config.to_dict(), setup.dataset.checksum,
        setup.environment, USE_OF_FILES,
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()
    return Home(home).cache / f"evaluation-{sha256[:32]}-{key[:16]}.json"
