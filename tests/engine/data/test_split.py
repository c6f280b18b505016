"""Which samples are for testing: as the data set says, or drawn by the share and the seed."""

from pathlib import Path

import numpy as np
import pytest

from engine.data.custom import split
from engine.data.custom.samples import Sample
from engine.data.custom.spec import Spec


def samples(*splits: str) -> list[Sample]:
    return [Sample(f"{at}.png", at % 2, split) for at, split in enumerate(splits)]


def test_what_the_data_set_says_goes_before_the_draw_and_what_it_leaves_open_is_for_training() -> None:
    spec = Spec("csv", Path("/x"), share=0.9, seed=3)
    assert split.testing_mask(samples("test", "", "train", "test", ""), spec).tolist() == [
        True,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("share", "count"), [(0.2, 8), (0.5, 20), (0.01, 0), (0.26, 10)])
def test_the_draw_is_of_its_share_and_its_seed(share: float, count: int) -> None:
    drawn = {
        seed: tuple(
            np.flatnonzero(split.testing_mask(samples(*[""] * 40), Spec("csv", Path("/x"), share=share, seed=seed)))
        )
        for seed in (0, 1, 7)
    }
    assert {len(one) for one in drawn.values()} == {count}
    assert len(set(drawn.values())) == (3 if count else 1)
    again = split.testing_mask(samples(*[""] * 40), Spec("csv", Path("/x"), share=share, seed=7))
    assert tuple(np.flatnonzero(again)) == drawn[7]
