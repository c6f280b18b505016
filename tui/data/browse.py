"""What of the data is browsed: the split, what is selected of it, the marks, and where the cursor is. No widgets."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.data.selection import SCORED_SORTS, SORTS, Scores, Selection, order
from engine.evaluation.quality import KINDS

if TYPE_CHECKING:
    from engine.data.open_dataset import Dataset, Preview
    from engine.data.selection import Indices
    from engine.evaluation.predictions import Predictions
    from engine.evaluation.quality import Suspects


BETWEEN = {"fixed": "fixed by the second file", "broken": "broken by the second file"}


class Browse:
    """A position is a place in what is shown; an index is a sample's number in its split. Each split has its own."""

    def __init__(self) -> None:
        self.dataset: Dataset | None = None
        self.preview: Preview | None = None
        self.split = "train"
        self.marks: dict[str, set[int]] = {"train": set(), "test": set()}
        self.selections: dict[str, Selection] = {"train": Selection(), "test": Selection()}
        self.brightness: dict[str, Any] = {}  # float32 [N] of a split, once it is known
        self.predictions: dict[str, Predictions] = {}  # of a split, once they are known
        self.suspects: dict[str, dict[str, Suspects]] = {}  # of a kind, by split, once they are known
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

    def sample(self, index: int | None) -> "tuple[Any, int] | None":
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
        """By index, by class, by brightness, and round."""
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

    def suspect(self, kind: str, found: "dict[str, Suspects]") -> None:
        """Show the suspects of one kind, in both splits."""
        self.suspects[kind] = found
        for split in found:
            self.selections[split] = Selection(suspects=kind)
            self._positions[split] = 0
            self._arrange(split)

    def see(self, predictions: "Predictions") -> None:
        """What a model says of a split."""
        self.predictions[predictions.split] = predictions
        self._arrange(predictions.split)

    def seen(self, index: int | None) -> tuple[int, float] | None:
        """What the model takes a sample for, and how probable it finds that; None where it was not asked."""
        seen = self.predictions.get(self.split)
        return None if seen is None or index is None else (int(seen.predicted[index]), float(seen.probability[index]))

    def caption(self, index: int | None) -> str:
        """A sample's number and class; where a model was asked, also what it takes it for."""
        sample, seen = self.sample(index), self.seen(index)
        if sample is None:
            return ""
        names, label = self.classes, sample[1]
        mark = "✓" if index in self.marks[self.split] else ""
        if (reason := self._reason(index)) is not None:
            return f"{mark}{index}{reason}"
        if seen is None:
            return f"{mark}{index} {names[label]}"
        predicted, probability = seen
        if predicted == label:
            return f"{mark}{index} {names[label]} {100 * probability:.0f}%"
        return f"{mark}✗{index} {names[label]}→{names[predicted]} {100 * probability:.0f}%"

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

    def _reason(self, index: int | None) -> str | None:
        suspicion = self.suspicion(index)
        if suspicion is None:
            return None
        score, other, elsewhere = suspicion
        name = self.classes[self.sample(index)[1]]  # type: ignore[index]  # it is in the list: it is read
        match self.selection.suspects:
            case "label":
                return f" {name}→{self.classes[other]}? {100 * score:.0f}%"
            case "duplicates":
                split = ("test " if self.split == "train" else "train ") if elsewhere else ""
                return f" ≈ {split}{other} {name}"
            case "fixed" | "broken":
                return f" {name}→{self.classes[other]}"
        return f" {name} {score:.2f}"

    def accuracy(self) -> float | None:
        """Of the model, over what is shown: fraction of 1; None where what it says decides what is shown."""
        seen, selection = self.predictions.get(self.split), self.selection
        if seen is None or self.dataset is None or not self.total:
            return None
        if selection.wrong or selection.predicted_as is not None:
            return None
        right = seen.predicted == self.dataset.splits[self.split].labels
        arranged = self._orders[self.split]
        return float((right if arranged is None else right[arranged]).mean())

    def shown_indices(self) -> list[int]:
        """Every sample that is shown, in its order."""
        return [index for position in range(self.total) if (index := self.index_at(position)) is not None]

    def words(self) -> str:
        """What is selected, in words; empty where everything is shown as it is."""
        selection, told = self.selection, []
        if selection.sample is not None:
            return f"random 3×3, seed {selection.sample}"
        if selection.classes:
            told.append(", ".join(self.classes[label] for label in sorted(selection.classes)))
        if selection.suspects:
            told.append(BETWEEN.get(selection.suspects) or KINDS[selection.suspects].title)
        if selection.marked:
            told.append("marked")
        if selection.wrong:
            told.append("wrong ones")
        if selection.predicted_as is not None:
            told.append(f"taken for {self.classes[selection.predicted_as]}")
        if selection.sort != "index" or selection.descending:
            told.append(f"by {selection.sort}{' ↓' if selection.descending else ''}")
        return " · ".join(told)

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
        seen = self.predictions.get(split)
        scores = None if seen is None else Scores(seen.predicted, seen.loss, seen.margin)
        suspects = self.suspects.get(selection.suspects, {}).get(split)
        self._orders[split] = order(
            samples,
            selection,
            marks=self.marks[split],
            brightness=self.brightness.get(split),
            scores=scores,
            suspects=None if suspects is None else suspects.indices,
        )
