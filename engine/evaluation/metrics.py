"""Figures of a classifier's result that are computed from counts: how sure an accuracy is, precision, recall and F1,
calibration, and whether two results differ by more than chance. No torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution
BINS = 15  # of the confidence, as Guo et al. have them
EXACT = 5_000  # images up to which McNemar's test is exact

Confusion = Sequence[Sequence[int]]  # row: true class, column: predicted class


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, from 0 to 1: all shares p of which `right` of `of` is no further away than 1.96
    standard deviations, sqrt(p (1 - p) / of). Nothing is known of 0 images.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927); L. D. Brown,
    T. T. Cai and A. DasGupta, Interval estimation for a binomial proportion, Statistical Science 16 (2001).

    >>> tuple(round(bound, 4) for bound in wilson(88, 100))
    (0.8019, 0.93)
    """
    if not of:
        return 0.0, 1.0
    share, z2 = right / of, Z95 * Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (0.0 if right == 0 else middle - half), (1.0 if right == of else middle + half)


@dataclass(frozen=True)
class ClassFigures:
    """Of a class, fractions of 1. None where they say nothing: no image of the class, or none taken for it."""

    precision: float | None  # of the images that are taken for it, those that are of it
    recall: float | None  # of its images, those that are taken for it
    f1: float | None  # the harmonic mean of both, 2 TP / (2 TP + FP + FN)


def by_class(confusion: Confusion) -> tuple[ClassFigures, ...]:
    """Of each class. C. J. van Rijsbergen, Information Retrieval, 2nd edition (1979), chapter 7."""
    predicted = [sum(column) for column in zip(*confusion, strict=True)]
    return tuple(
        ClassFigures(
            precision=_share(row[at], predicted[at]),
            recall=_share(row[at], sum(row)),
            f1=_share(2 * row[at], sum(row) + predicted[at]),
        )
        for at, row in enumerate(confusion)
    )


def macro(confusion: Confusion) -> ClassFigures:
    """The means over the classes that have images or are predicted, each counting the same; what says nothing counts
    as 0, as scikit-learn's `average="macro", zero_division=0` has it. None where there is no image at all."""
    there = [one for one in by_class(confusion) if one.f1 is not None]
    if not there:
        return ClassFigures(None, None, None)

    def mean(values: Sequence[float | None]) -> float:
        return math.fsum(value or 0.0 for value in values) / len(there)

    return ClassFigures(
        mean([one.precision for one in there]), mean([one.recall for one in there]), mean([one.f1 for one in there])
    )


@dataclass(frozen=True)
class Bin:
    """The images whose highest probability is in one of `BINS` equal parts of 0 to 1: above `low`, up to `high`."""

    low: float
    high: float
    images: int
    confidence: float | None  # the mean of their highest probabilities; None: there are no such images
    accuracy: float | None  # the fraction of them that is classified correctly


@dataclass(frozen=True)
class BinCounts:
    """What was counted of the images in one bin."""

    images: int
    confidence: float  # the sum of their highest probabilities
    right: int


def bins(counts: Sequence[BinCounts]) -> tuple[Bin, ...]:
    """The reliability diagram: what a calibrated model has, the accuracy of each bin is its confidence."""
    return tuple(
        Bin(
            low=at / len(counts),
            high=(at + 1) / len(counts),
            images=one.images,
            confidence=one.confidence / one.images if one.images else None,
            accuracy=_share(one.right, one.images),
        )
        for at, one in enumerate(counts)
    )


def calibration_error(counts: Sequence[BinCounts]) -> float | None:
    """The expected calibration error, from 0 to 1: the mean over the images of their bin's distance between confidence
    and accuracy. None without images.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, On calibration of modern neural networks, ICML 2017, equation 3.
    """
    images = sum(one.images for one in counts)
    return math.fsum(abs(one.confidence - one.right) for one in counts) / images if images else None


def mcnemar(fixed: int, broken: int) -> float:
    """The probability that two equally good models differ at least so much: of the images that only one of them
    classifies correctly, `fixed` by the second and `broken` by the first.

    Exact up to 5,000 such images: a binomial distribution with p = 1/2, both sides. Beyond, the χ² distribution with
    one degree of freedom, of (|fixed - broken| - 1)² / (fixed + broken).

    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947); A. L. Edwards, Note on the "correction for continuity", Psychometrika 13 (1948).

    >>> round(mcnemar(9, 1), 6)
    0.021484
    """
    images, fewer = fixed + broken, min(fixed, broken)
    if fixed == broken:
        return 1.0
    if images > EXACT:
        distance = (abs(fixed - broken) - 1) ** 2 / images
        return math.erfc(math.sqrt(distance / 2))
    ways = total = 1
    for chosen in range(1, fewer + 1):
        ways = ways * (images - chosen + 1) // chosen
        total += ways
    return min(1.0, 2 * total / (1 << images))


def _share(part: int, of: int) -> float | None:
    return part / of if of else None
