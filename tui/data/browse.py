"""What of the data is browsed: the split, what is selected of it, the marks, and where the cursor is. No widgets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.data.selection import SCORED_SORTS, SORTS, Scores, Selection, order
from engine.evaluation.quality import KINDS, ImageList, Other
from tui.columns import short_names, width_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Bytes
    from engine.data.open_dataset import Dataset, Preview
    from engine.data.selection import Indices
    from engine.evaluation.predictions import Predictions
    from engine.evaluation.requests import Suspects

WHOLE = 10_000  # cells: nothing is cut


class Browse:
    """A position is a place in what is shown; an index is a sample's number in its split. Each split has its own."""

    def __init__(self) -> None:
        self.dataset: Dataset | None = None
        self.preview: Preview | None = None
        self.split = "train"
        self.marks: dict[str, set[int]] = {"train": set(), "test": set()}
        self.selections: dict[str, Selection] = {"train": Selection(), "test": Selection()}
        self.brightness: dict[str, npt.NDArray[np.float32]] = {}  # float32 [N] of a split, once it is known
        self.predictions: dict[str, Predictions] = {}  # of a split, once they are known
        self.suspects: dict[str, dict[str, Suspects]] = {}  # of a kind, by split, once they are known
        self._lists: dict[str, ImageList] = {}  # those that no search of *Data* finds, by their names
        self._positions = {"train": 0, "test": 0}
        self._orders: dict[str, Indices | None] = {"train": None, "test": None}  # None: all, in their order

    def take(self, dataset: "Dataset") -> None:
        """The whole set is open."""
        same = self.preview is not None and self.preview.name == dataset.name and self.dataset is None
        self.dataset = dataset
        if not same:
            self.marks = {"train": set(), "test": set()}
            self.brightness, self.predictions, self.suspects = {}, {}, {}
            self._positions = {"train": 0, "test": 0}
            self.selections["train"] = replace(self.selections["train"], held_out="")  # of another training set
        for split in ("train", "test"):
            self._arrange(split)

    def forget(self) -> None:
        """The data could not be read."""
        self.dataset = self.preview = None

    @property
    def classes(self) -> tuple[str, ...]:
        data = self.dataset or self.preview
        return data.classes if data is not None else ()

    @property
    def selection(self) -> Selection:
        return self.selections[self.split]

    @property
    def position(self) -> int:
        return self._positions[self.split]

    @property
    def total(self) -> int:
        """How many are shown."""
        arranged = self._orders[self.split]
        return len(arranged) if arranged is not None else self.samples

    @property
    def samples(self) -> int:
        """How many the split has."""
        if self.dataset is not None:
            return len(self.dataset.splits[self.split])
        return self.preview.total if self.preview is not None and self.split == self.preview.split else 0

    @property
    def index(self) -> int | None:
        """The chosen sample; None where nothing is shown."""
        return self.index_at(self.position)

    def index_at(self, position: int) -> int | None:
        if not 0 <= position < self.total:
            return None
        arranged = self._orders[self.split]
        return position if arranged is None else int(arranged[position])

    def sample(self, index: int | None) -> "tuple[Bytes, int] | None":
        """A sample's image, uint8 [H, W], and label; None while it is not read."""
        early = self.preview if self.preview is not None and self.split == self.preview.split else None
        source = self.dataset.splits[self.split] if self.dataset is not None else early
        if source is None or index is None or not 0 <= index < len(source.labels):
            return None
        return source.images[index], int(source.labels[index])

    def go_to(self, position: int) -> bool:
        """Choose another one, as near to `position` as there is. Whether that is another one."""
        position = max(0, min(position, self.total - 1))
        if not self.total or position == self.position:
            return False
        self._positions[self.split] = position
        return True

    def find(self, index: int) -> bool:
        """Choose the sample `index`; where it is not shown, everything is shown again. False: there is none."""
        if not 0 <= index < self.samples:
            return False
        if not self._choose(index):
            self.select(Selection())
            self._choose(index)
        return True

    def select(self, selection: Selection) -> None:
        """Show this; the chosen sample stays chosen where it is still there."""
        index = self.index
        self.selections[self.split] = selection
        self._arrange(self.split)
        if index is None or selection.sample is not None or not self._choose(index):
            self._positions[self.split] = 0

    def next_sort(self) -> None:
        """Sort by the next of `SORTS`, and by loss and margin where predictions are known."""
        sorts = SCORED_SORTS if self.split in self.predictions else SORTS
        here = sorts.index(self.selection.sort) if self.selection.sort in sorts else -1
        following = sorts[(here + 1) % len(sorts)]
        self.select(replace(self.selection, sort=following, sample=None))

    def mark(self) -> None:
        """Mark the chosen sample, or take its mark away."""
        index = self.index
        if index is not None:
            self.marks[self.split] ^= {index}
            if self.selection.marked:
                position = self.position
                self._arrange(self.split)
                self._positions[self.split] = max(0, min(position, self.total - 1))

    def show_suspects(self, kind: str, found: "dict[str, Suspects]", listed: ImageList | None = None) -> None:
        """Show the suspicious images of one kind, in the splits that `found` has. `listed`: how they are shown, where
        the kind is none of KINDS."""
        self.suspects[kind] = found
        if listed is not None:
            self._lists[kind] = listed
        for split in found:
            self.selections[split] = Selection(suspects=kind)
            self._positions[split] = 0
            self._arrange(split)

    def take_predictions(self, predictions: "Predictions") -> None:
        """A model's predictions for a split are known."""
        self.predictions[predictions.split] = predictions
        self._arrange(predictions.split)

    def prediction(self, index: int | None) -> tuple[int, float] | None:
        """The predicted class of a sample, and its probability; None where it is not known."""
        found = self.predictions.get(self.split)
        return (
            None if found is None or index is None else (int(found.predicted[index]), float(found.probability[index]))
        )

    def caption(self, index: int | None, width: int = WHOLE) -> str:
        """A sample's number and class, and what is known of it. `width`: the cells that there are; class names that are
        cut to them are told apart."""
        sample, prediction = self.sample(index), self.prediction(index)
        if sample is None or index is None:
            return ""
        label = sample[1]
        mark = "✓" if index in self.marks[self.split] else ""
        if (listed := self.image_list) is not None and (found := self._suspicion(index)) is not None:
            form = f"{mark}{index} {listed.caption}"
            return self._fitted(form, found, label, self.suspicion_label(index), width)
        if prediction is None:
            return self._fitted(f"{mark}{index} {{label}}", {}, label, None, width)
        predicted, probability = prediction
        if predicted == label:
            return self._fitted(f"{mark}{index} {{label}} {probability:.0%}", {}, label, None, width)
        form = f"{mark}✗{index} {{label}}→{{other}} {probability:.0%}"
        return self._fitted(form, {}, label, predicted, width)

    def _fitted(self, form: str, words: Mapping[str, object], label: int, other: int | None, width: int) -> str:
        """The words in their form, with the names of one or two classes, which are shortened where all does not fit."""
        names = self.classes
        named = {"label": names[label], **({} if other is None else {"other": names[other]})}
        whole = form.format(**{**words, **named})
        over = width_of([whole]) - width
        if over <= 0:
            return whole
        first = width_of([names[label]])
        if other is None:
            return form.format(**{**words, "label": short_names(names, first - over)[label]})
        second = width_of([names[other]])
        room = first + second - over
        labels, others = (short_names(names, max(room // 2, room - beside)) for beside in (second, first))
        return form.format(**{**words, "label": labels[label], "other": others[other]})

    def reason(self, index: int | None) -> str | None:
        """Why a sample is in the list of suspicious images that is shown; None where it is not in one."""
        listed, words = self.image_list, self._suspicion(index)
        return None if listed is None or words is None else listed.reason.format(**words)

    def suspicion(self, index: int | None) -> tuple[float, int, bool] | None:
        """Of a sample in the list that is shown: its score; the suggested label, or the index of its near-duplicate;
        whether that is in the other split."""
        found = self.suspects.get(self.selection.suspects, {}).get(self.split)
        if found is None or index is None:
            return None
        where = (found.indices == index).nonzero()[0]
        if not len(where):
            return None
        at = int(where[0])
        return float(found.scores[at]), int(found.others[at]), bool(found.elsewhere[at])

    @property
    def image_list(self) -> ImageList | None:
        """The list of suspicious images that is shown; None where none is."""
        name = self.selection.suspects
        return self._lists.get(name) or KINDS[name] if name else None

    @property
    def other_split(self) -> str:
        return "test" if self.split == "train" else "train"

    def suspicion_label(self, index: int | None) -> int | None:
        """The other label of a sample in the list that is shown, where that is what its other is."""
        listed, suspicion = self.image_list, self.suspicion(index)
        return suspicion[1] if listed is not None and suspicion is not None and listed.other is Other.LABEL else None

    def _suspicion(self, index: int | None) -> dict[str, object] | None:
        """What the caption and the reason of a sample in the list that is shown are made of."""
        listed, suspicion, sample = self.image_list, self.suspicion(index), self.sample(index)
        if listed is None or suspicion is None or sample is None:
            return None
        score, other, elsewhere = suspicion
        return {
            "score": score,
            "label": self.classes[sample[1]],
            "other": self.classes[other] if listed.other is Other.LABEL else other,
            "split": self.other_split if elsewhere else self.split,
            "elsewhere": f"{self.other_split} " if elsewhere else "",
        }

    def accuracy(self) -> float | None:
        """The model's accuracy on what is shown, fraction of 1; None where the predictions decide what is shown."""
        found, selection = self.predictions.get(self.split), self.selection
        if found is None or self.dataset is None or not self.total:
            return None
        if selection.wrong or selection.predicted_as is not None:
            return None
        correct = found.predicted == self.dataset.splits[self.split].labels
        arranged = self._orders[self.split]
        return float((correct if arranged is None else correct[arranged]).mean())

    def shown_indices(self) -> list[int]:
        """Every sample that is shown, in its order."""
        return [index for position in range(self.total) if (index := self.index_at(position)) is not None]

    def words(self) -> str:
        """What is selected, in words; empty where everything is shown as it is."""
        selection, words = self.selection, []
        if selection.sample is not None:
            return f"random 3×3, seed {selection.sample}"
        if selection.classes:
            words.append(", ".join(self.classes[label] for label in sorted(selection.classes)))
        if self.image_list is not None:
            words.append(self.image_list.title)
        if selection.held_out:
            words.append("validation images")
        if selection.marked:
            words.append("marked")
        if selection.wrong:
            words.append("wrong predictions")
        if selection.predicted_as is not None:
            words.append(f"predicted as {self.classes[selection.predicted_as]}")
        if selection.sort != "index" or selection.descending:
            words.append(f"by {selection.sort}{' ↓' if selection.descending else ''}")
        return " · ".join(words)

    def _choose(self, index: int) -> bool:
        arranged = self._orders[self.split]
        if arranged is None:
            self._positions[self.split] = index
            return True
        found = (arranged == index).nonzero()[0]
        if not len(found):
            return False
        self._positions[self.split] = int(found[0])
        return True

    def _arrange(self, split: str) -> None:
        selection = self.selections[split]
        if self.dataset is None or selection.plain:
            self._orders[split] = None
            return
        samples = self.dataset.splits[split]
        known = self.predictions.get(split)
        scores = None if known is None else Scores(known.predicted, known.loss, known.margin)
        suspects = self.suspects.get(selection.suspects, {}).get(split)
        self._orders[split] = order(
            samples,
            selection,
            marks=self.marks[split],
            brightness=self.brightness.get(split),
            scores=scores,
            suspects=None if suspects is None else suspects.indices,
        )
