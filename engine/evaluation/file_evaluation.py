"""The worker process's part of evaluating files of weights."""

from pathlib import Path

from engine.checkpoints.verify import sha256 as sha256_of
from engine.evaluation import trusted
from engine.evaluation.evaluate import compare, evaluate
from engine.evaluation.requests import (
    CompareEvaluationsRequest,
    Evaluation,
    EvaluationComparison,
    EvaluationRequest,
    Trust,
    TrustRequest,
)
from engine.home import Home
from engine.progress import Progress


def compute(home: Path, request: EvaluationRequest, progress: Progress) -> Evaluation:
    """`progress` counts test images."""
    source, settings, data_dir = request.source, request.settings, request.data_dir
    if not request.trusted:
        return evaluate(source, settings, home=home, data_dir=data_dir, progress=progress)
    sha256 = sha256_of(source.path)
    trusted.trust(home, sha256)
    return trusted.evaluate(source.path, sha256, settings, home=home, data_dir=data_dir, progress=progress)


def compute_comparison(home: Path, request: CompareEvaluationsRequest, progress: Progress) -> EvaluationComparison:
    """`progress` counts test images of both."""
    return compare(
        request.first, request.second, request.settings, home=home, data_dir=request.data_dir, progress=progress
    )


def compute_trust(home: Path, request: TrustRequest, progress: Progress) -> Trust:
    """Reads the file for its SHA-256, where any file is trusted."""
    return Trust(Home(home).trusted.is_file() and trusted.trusts(home, sha256_of(request.file, progress)))
