"""Custom data sets: what is read, what is refused, and that they train as the same rows do anywhere else."""

import csv
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import idx, image_files, statistics
from engine.data.custom.spec import parse
from engine.data.dataset import Dataset, luminance
from engine.data.export import export
from engine.data.open_dataset import open_dataset, peek
from engine.errors import DataError
from engine.evaluation import image_scores
from engine.training import events as ev
from engine.training.config import TrainConfig, absolute_dataset
from engine.training.session import TrainingSession
from engine.training.setup import make_setup

DEMO = open_dataset("demo", None, Path())


def png(path: Path, grey: int = 100, size: tuple[int, int] = (28, 28), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, grey if mode == "L" else (grey, 0, 0)).save(path)
    return path


def annotated(folder: Path, lines: list[str], *, end: str = "\n", encoding: str = "utf-8") -> str:
    """A CSV of these lines, with an image for each name that has none yet; the data set's name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "annotations.csv"
    path.write_bytes(end.join(lines).encode(encoding))
    for name in (row[0] for row in csv.reader(lines) if row):
        if name.endswith(".png") and not (folder / "images" / name).exists():
            png(folder / "images" / name, grey=len(name))
    (folder / "images").mkdir(exist_ok=True)
    return f"csv:{path}:{folder / 'images'}"


def opened(name: str, home: Path) -> Dataset:
    return open_dataset(name, None, home)


def test_exported_samples_train_to_the_same_losses_as_the_original_rows(home: Path, tmp_path: Path) -> None:
    """Through files and back: the same arrays, so the same losses, bit for bit."""
    rows = list(range(200))
    path = export(tmp_path / "out", DEMO.train, rows)
    lines = list(csv.reader(path.read_text().splitlines()))[1:]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([*([*line, "train"] for line in lines), *([*line, "test"] for line in lines[:50])])
    name = f"csv:{path}:{path.parent / 'images'}"
    data = opened(name, home)
    assert np.array_equal(data.train.images, DEMO.train.images[:200])
    assert np.array_equal(data.train.labels, DEMO.train.labels[:200])
    assert np.array_equal(data.test.images, DEMO.train.images[:50])
    assert data.left_out == ()
    assert data.title == "out (csv)"

    def losses(settings: dict[str, object]) -> list[float]:
        events: list[ev.Event] = []
        p = make_setup(TrainConfig(epochs=2, threads=1, **settings), home=home)  # type: ignore[arg-type]
        if settings["dataset"] == "demo":
            for batches, images, labels in (
                (p.train_batches, data.train.images, data.train.labels),
                (p.test_batches, data.test.images, data.test.labels),
            ):
                batches._images = torch.from_numpy(np.array(images)).unsqueeze(1)  # type: ignore[attr-defined]
                batches._targets = torch.from_numpy(labels.astype(np.int64))  # type: ignore[attr-defined]
                batches.samples = len(labels)  # type: ignore[misc]

        def save(content: object, reason: str) -> ev.CheckpointSaved:
            return ev.CheckpointSaved(file="", epoch=1, step=1, bytes=0, sha256="")

        TrainingSession(p, sink=events.append, save=save).run()
        return [event.loss for event in events if isinstance(event, ev.EpochFinished | ev.Evaluated)]

    assert losses({"dataset": name}) == losses({"dataset": "demo"})


def test_a_folder_for_each_class_has_their_names(home: Path, tmp_path: Path) -> None:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        for number in range(3):
            png(tmp_path / "pets" / folder / f"{number}.png", grey=number)
    png(tmp_path / "pets" / "train" / "dog" / "deeper" / "more.JPG")
    (tmp_path / "pets" / "train" / "dog" / "notes.txt").write_text("no image")
    data = opened(f"folder:{tmp_path / 'pets'}", home)
    assert data.classes == ("cat", "dog")
    assert (len(data.train), len(data.test)) == (7, 6)
    assert sorted(data.train.labels.tolist()) == [0, 0, 0, 1, 1, 1, 1]


def test_without_a_split_a_fifth_is_drawn_for_testing_always_the_same(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "set"
    for label in ("고양이", "개"):
        for number in range(25):
            png(place / label / f"사진 {number}.png", grey=number)
    first, again = (opened(f"folder:{place}", home / str(number)) for number in (1, 2))
    assert first.classes == ("개", "고양이")
    assert (len(first.train), len(first.test)) == (40, 10)
    assert np.array_equal(first.test.images, again.test.images)


def test_any_four_idx_files_are_read(home: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 255, (count, 20, 20), dtype=np.uint8)
        labels = (np.arange(count) % 3).astype(np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx.header(images) + images.tobytes())
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx.header(labels) + labels.tobytes())
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    data = opened(f"idx:{tmp_path}", home)
    assert data.classes == ("a", "b", "c")
    assert data.train.images.shape == (30, 28, 28)
    assert "resized from 20 × 20 to 28 × 28" in data.title
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="lacks t10k-labels-idx1-ubyte"):
        opened(f"idx:{tmp_path}", home)


def test_images_of_any_kind_and_size_become_small_and_that_is_said(home: Path, tmp_path: Path) -> None:
    for number, suffix in enumerate(("png", "jpg", "bmp", "webp")):
        path = tmp_path / "set" / "abcd"[number % 2] / f"{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + number, 30), (200, 200, 200)).save(path)
    data = opened(f"folder:{tmp_path / 'set'}", home)
    assert data.train.images.shape[1:] == (28, 28)
    assert abs(int(data.train.images[0].mean()) - 200) <= 2
    assert data.title.endswith(", resized from 4 sizes to 28 × 28")  # saved in colour, but grey
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (28, 28), (255, 255, 255, 0)).save(clear)
    assert image_files.read(clear).pixels.max() == 0  # what is transparent is black


def test_unreadable_files_are_left_out_and_named(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "set"
    for label in ("a", "b"):
        for number in range(10):
            png(place / label / f"{number}.png")
    Image.fromarray(np.asarray(DEMO.train.images[0])).save(place / "a" / "0.png")
    whole = (place / "a" / "0.png").read_bytes()
    (place / "a" / "0.png").write_bytes(whole[: len(whole) // 2])
    (place / "a" / "1.png").write_text("no image at all")
    (place / "b" / "2.png").write_bytes(bomb(100_000, 100_000))
    data = opened(f"folder:{place}", home)
    assert len(data.train) + len(data.test) == 17
    why = "\n".join(data.left_out)
    assert "0.png: it can't be decoded" in why
    assert "1.png: it is not a PNG, JPEG, BMP, WebP, GIF, TIFF or PPM image" in why
    assert "2.png: it can't be decoded (Image size (10000000000 pixels)" in why
    reports: list[tuple[int, int]] = []
    again = open_dataset(f"folder:{place}", None, home, progress=lambda *at: reports.append(at))
    assert reports == []  # from the cache
    assert again.left_out == data.left_out
    assert again.checksum == data.checksum
    png(place / "a" / "1.png")
    assert len(opened(f"folder:{place}", home).left_out) == 2  # a file that changed is read again


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


GOOD = ["a.png,0", "b.png,1", "c.png,0", "d.png,1", "e.png,0", "f.png,1"]


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (GOOD, "\n"),
        (["file,label", *GOOD], "\n"),
        (GOOD, "\r\n"),
        (["\ufeffa.png,0", *GOOD[1:], "", "  ,  "], "\n"),
        ([line.replace("0", "dog").replace("1", "cat") for line in GOOD], "\n"),
        (["사진.png,0", *GOOD[1:]], "\n"),
    ],
)
def test_csv_files_as_programs_write_them(home: Path, tmp_path: Path, lines: list[str], end: str) -> None:
    data = opened(annotated(tmp_path / "set", [line.replace("\ufeff", "") for line in lines], end=end), home)
    if lines[0].startswith("\ufeff"):
        path = tmp_path / "set" / "annotations.csv"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        data = opened(f"csv:{path}:{tmp_path / 'set' / 'images'}", home)
    assert len(data.train) + len(data.test) == 6
    assert len(data.classes) == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a.png,0", "b.png"], r"annotations\.csv, line 2: it has one column; a file name and a label are needed"),
        (["a.png,0", "b.png,"], "line 2: it has no label"),
        (["a.png,0", "/etc/passwd,1"], r"line 2: '/etc/passwd' is not the name of a file inside"),
        (["a.png,0", "../../x.png,1"], r"line 2: '\.\./\.\./x\.png' is not the name of a file inside"),
        (["a.png,0,train", "b.png,1,later"], "line 2: 'later' is neither train nor test"),
        (["a.png,0", "b.png,0"], "all of its 2 samples are of one class"),
        ([], "names no sample"),
        (["file,label"], "names no sample"),
        (["a.png,0,train", "b.png,1,train"], "no sample is left for the test set"),
    ],
)
def test_a_csv_that_can_not_be_used_is_refused_by_its_line(
    home: Path, tmp_path: Path, lines: list[str], words: str
) -> None:
    name = annotated(tmp_path / "set", lines)
    with pytest.raises(DataError, match=words) as caught:
        opened(name, home)
    assert "\n" not in str(caught.value)


def test_what_else_is_refused(home: Path, tmp_path: Path) -> None:
    name = annotated(tmp_path / "set", ["a.png,hat", "b.png,bag"])
    (tmp_path / "set" / "classes.txt").write_text("bag\nshoe\n")
    path = tmp_path / "set" / "annotations.csv"
    with pytest.raises(DataError, match=r"line 1: the label 'hat' is not a class of classes\.txt: bag, shoe"):
        opened(name, home)
    path.write_bytes("a.png,0\nb.png,\xe9\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 2: it is not UTF-8"):
        opened(name, home)
    path.write_text("a.png,0\nb.png,1\n")
    (tmp_path / "set" / "classes.txt").unlink()
    for image in (tmp_path / "set" / "images").iterdir():
        image.write_text("x")
    with pytest.raises(DataError, match=r"none of its 2 images can be read; the first: .*it is not a PNG"):
        opened(name, home)
    (tmp_path / "empty").mkdir()
    for other, words in {
        f"folder:{tmp_path / 'empty'}": "has no folder for each class",
        f"folder:{tmp_path / 'nowhere'}": "is not a folder",
        f"csv:{tmp_path / 'no.csv'}:{tmp_path}": "no such file",
        f"csv:{tmp_path / 'no.csv'}": "no such file",
        "csv:": "is not of the form csv:annotations.csv:images/ or csv:pixels.csv",
        f"idx:{tmp_path / 'empty'}": "lacks train-images-idx3-ubyte",
        "folder:": "is not of the form folder:path/",
    }.items():
        with pytest.raises(DataError, match=words):
            opened(other, home)
    (tmp_path / "empty" / "a").mkdir()
    with pytest.raises(DataError, match="has no image in its class folders"):
        opened(f"folder:{tmp_path / 'empty'}", home)


def test_the_first_images_come_before_all_are_read(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "set"
    for label in ("a", "b"):
        for number in range(30):
            png(place / label / f"{number:02}.png", grey=number)
    early = peek(f"folder:{place}", None, home, count=5)
    data = opened(f"folder:{place}", home)
    assert np.array_equal(early.images, data.train.images[:5])
    assert early.total == len(data.train)


def test_the_number_of_classes_reaches_the_models(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "set"
    for label in "abc":
        for number in range(10):
            png(place / label / f"{number}.png", grey=number)
    for model in ("mlp", "cnn"):
        p = make_setup(TrainConfig(dataset=f"folder:{place}", model=model, threads=1), home=home)
        assert p.network(torch.zeros(2, 1, 28, 28)).shape == (2, 3)


def test_a_name_is_the_same_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_dataset("csv:a.csv:b") == f"csv:{tmp_path}/a.csv:{tmp_path}/b"
    assert absolute_dataset("folder:b/") == f"folder:{tmp_path}/b"
    assert absolute_dataset("demo") == "demo"
    assert str(parse("csv:a.csv:b")) == absolute_dataset("csv:a.csv:b")


def coloured(folder: Path) -> str:
    """Twenty red and twenty green images, of the same luminance, and a grey one."""
    for label, rgb in (("red", (200, 0, 0)), ("green", (0, 102, 0))):
        for number in range(20):
            path = folder / label / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (28, 28), rgb).save(path)
    png(folder / "red" / "20.png", grey=60)
    return f"folder:{folder}"


def test_coloured_images_keep_their_colour_and_can_be_learned_by_it(home: Path, tmp_path: Path) -> None:
    name = coloured(tmp_path / "set")
    data = opened(name, home)
    assert data.train.images.shape[1:] == (28, 28, 3)
    assert data.title == "set (folder), in colour"
    assert {tuple(image[0, 0]) for image in data.train.images} | {(60, 60, 60)} == {(200, 0, 0), (0, 102, 0), (60,) * 3}
    assert peek(name, None, home, "train", 4).images.shape[1:] == (28, 28, 3)
    assert np.array_equal(opened(name, home).train.images, data.train.images)  # from the cache
    assert luminance(data.train.images)[:, 0, 0].max() == 60

    def save(content: object, reason: str) -> ev.CheckpointSaved:
        return ev.CheckpointSaved(file="", epoch=1, step=1, bytes=0, sha256="")

    for model in ("mlp", "cnn"):
        for transform in ("", "Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])", "RandomHorizontalFlip()", "Resize(32)"):
            config = TrainConfig(
                dataset=name,
                model=model,
                optimizer="adam",
                epochs=6,
                batch_size=8,
                transform=transform,
                threads=1,
                shuffle=True,
            )
            prepared = make_setup(config, home=home, data_dir=None)
            X, _ = next(iter(prepared.train_batches))
            assert list(X.shape[1:]) == ([3, 32, 32] if transform == "Resize(32)" else [3, 28, 28])
            events: list[ev.Event] = []
            TrainingSession(prepared, sink=events.append, save=save).run()
            tests = [event for event in events if isinstance(event, ev.Evaluated)]
            assert tests[-1].accuracy == 1.0, (model, transform)
    images = torch.from_numpy(np.array(data.train.images[:8])).permute(0, 3, 1, 2).float() / 255
    plain = make_setup(TrainConfig(dataset=name, batch_size=8, threads=1), home=home, data_dir=None)
    assert torch.equal(next(iter(plain.train_batches))[0], images)
    through = make_setup(
        TrainConfig(dataset=name, batch_size=8, transform="ToTensor()", threads=1), home=home, data_dir=None
    )
    assert torch.equal(next(iter(through.train_batches))[0], images)
    again = opened(f"csv:{export(tmp_path / 'out', data.train, range(33))}:{tmp_path / 'out' / 'images'}", home)
    assert again.train.images.shape[1:] == (28, 28, 3)


def test_a_share_for_testing_is_drawn_by_its_seed(home: Path, tmp_path: Path) -> None:
    name = coloured(tmp_path / "set")
    sizes = {spec: len(opened(f"{name}{spec}", home).test) for spec in ("", "@0.5", "@.1:7", "@0.1:8")}
    assert sizes == {"": 8, "@0.5": 20, "@.1:7": 4, "@0.1:8": 4}
    place = tmp_path / "ordered"
    for label in ("a", "b"):
        for number in range(20):
            png(place / label / f"{number:02}.png", grey=100 * (label == "b") + number)

    def drawn(spec: str) -> list[int]:
        return [int(image[0, 0]) for image in opened(f"folder:{place}{spec}", home).test.images]

    every = [100 * label + number for label in (0, 1) for number in range(20)]
    for share, seed in ((0.2, 0), (0.2, 7), (0.5, 7)):
        order = np.random.default_rng(seed).permutation(40)
        assert drawn(f"@{share}:{seed}") == [every[at] for at in range(40) if order[at] < 40 * share]
    assert drawn("") == drawn("@0.2:0") != drawn("@0.2:7")
    assert parse(f"{name}@.1:7") == parse(str(parse(f"{name}@.1:7")))
    assert str(parse(f"{name}@0.2:0")) == name
    assert absolute_dataset(f"{name}@0.5") == f"{name}@0.5"
    with pytest.raises(DataError, match="between 0 and 1"):
        parse(f"{name}@1.5")


def test_figures_of_coloured_images(home: Path, tmp_path: Path) -> None:
    data = opened(coloured(tmp_path / "set"), home)
    found = statistics.of(data.train, 2)
    pixels = data.train.images.reshape(-1, 3).astype(float)
    assert [mean for mean, _ in found.channels] == pytest.approx(pixels.mean(axis=0).tolist())
    assert [std for _, std in found.channels] == pytest.approx(pixels.std(axis=0).tolist())
    assert found.mean_images.shape == (2, 28, 28)
    assert found.brightness == pytest.approx(luminance(data.train.images).reshape(len(data.train), -1).mean(axis=1))
    assert image_scores.darkness(data.train)[0] == pytest.approx(60 / 255, abs=1e-6)
