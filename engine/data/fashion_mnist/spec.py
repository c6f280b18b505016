"""What Fashion-MNIST is: its classes, its four files and where they are published.

Names, MD5s of the .gz files and mirrors are those of torchvision.datasets.FashionMNIST; the sizes, and the MD5s of the
extracted files, were taken from the published files themselves.
"""

from dataclasses import dataclass

NAME = "fashion-mnist"
TITLE = "Fashion-MNIST"

CLASSES = (
    "T-Shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle Boot",
)  # as the tutorial writes them

MIRRORS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)


@dataclass(frozen=True)
class File:
    """One of the four published files."""

    name: str  # extracted; the published form adds .gz
    split: str  # "train" or "test"
    holds: str  # "images" or "labels"
    size: int  # bytes, extracted
    md5: str  # extracted
    gz_size: int  # bytes
    gz_md5: str

    @property
    def gz_name(self) -> str:
        """The name of the published form."""
        return f"{self.name}.gz"


FILES = (
    File(
        name="train-images-idx3-ubyte",
        split="train",
        holds="images",
        size=47_040_016,
        md5="f4a8712d7a061bf5bd6d2ca38dc4d50a",
        gz_size=26_421_880,
        gz_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    File(
        name="train-labels-idx1-ubyte",
        split="train",
        holds="labels",
        size=60_008,
        md5="9018921c3c673c538a1fc5bad174d6f9",
        gz_size=29_515,
        gz_md5="25c81989df183df01b3e8a0aad5dffbe",
    ),
    File(
        name="t10k-images-idx3-ubyte",
        split="test",
        holds="images",
        size=7_840_016,
        md5="8181f5470baa50b63fa0f6fddb340f0a",
        gz_size=4_422_102,
        gz_md5="bef4ecab320f06d8554ea6380940ec79",
    ),
    File(
        name="t10k-labels-idx1-ubyte",
        split="test",
        holds="labels",
        size=10_008,
        md5="15d484375f8d13e6eb1aabb0c3f46965",
        gz_size=5_148,
        gz_md5="bb300cfdad3c16e7a12a480ee83cd310",
    ),
)
