# %% [markdown]
# # 2. Dataset and DataLoader
#
# What a data set is to PyTorch; class names; a grid of random samples; a data set of your own from a CSV
# file; batches.
#
# A `Dataset` answers two questions: how many samples are there, and what is sample number `i`? A `DataLoader`
# asks them and makes batches of the answers.

# %%
import random
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import fmnist_tui as ft

# %% [markdown]
# ## Fashion-MNIST
#
# torchvision has the same data as a class, with four arguments: `root`, the folder of the files; `train`, the
# training or the test set; `download`, whether missing files may be fetched; `transform`, a function for each
# image. It would be
#
# `torchvision.datasets.FashionMNIST(root="data", train=True, download=True, transform=ToTensor())`
#
# Here the program opens the data, and downloads nothing. `"auto"` is Fashion-MNIST where this machine has it,
# else the demo data.

# %%
train = ft.dataset("auto", "train", transform=ToTensor())
test = ft.dataset("auto", "test", transform=ToTensor())
print(train, test, sep="\n")

# %% [markdown] ask="image.shape" kind="shape"
# A sample is a pair: image and label. The picture has 28 × 28 grey pixels, and `ToTensor` makes a tensor of
# it. What is the shape of that tensor?
#
# Why: `ToTensor` puts the channels first, and grey is one channel: [1, 28, 28]. A picture in colour would
# have three.

# %%
image, label = train[0]
print(image.shape, image.dtype, label)

# %% [markdown]
# The label is a number from 0 to 9. `classes` has the names.

# %%
for number, name in enumerate(train.classes):
    print(number, name)
print("sample 0 is:", train.classes[label])

# %% [markdown] ask="train[len(train)]" kind="raises"
# The next cell reads the last sample. Does `train[len(train)]` raise?
#
# Why: Samples are counted from 0, so the last one has the index `len(train) - 1`. A `for` loop over a data
# set ends at that `IndexError`.

# %%
last, label = train[len(train) - 1]
train.classes[label]

# %% [markdown]
# ## Nine of them
#
# A look at random samples finds mistakes that no number shows: images upside down, labels one off.

# %%
figure, axes = plt.subplots(3, 3, figsize=(5, 5))
for axis in axes.flat:
    image, label = train[random.randrange(len(train))]
    axis.imshow(image.squeeze(), cmap="gray")
    axis.set_title(train.classes[label], fontsize=8)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Your own data
#
# Your images are probably files in a folder, with a table of labels. We export such a folder first: six
# images of each class as PNG files, and `annotations.csv` with a line `file,label` for each. (The screen
# *Data* writes the same with `e`.) The folder is a temporary one.

# %%
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
(folder / "images").mkdir()
rows = []
for number in range(len(train.classes)):
    for index in (train.targets == number).nonzero().flatten()[:6].tolist():
        name = f"{index:05}.png"
        Image.fromarray(train.images[index]).save(folder / "images" / name)
        rows.append((name, number))
pd.DataFrame(rows, columns=["file", "label"]).to_csv(folder / "annotations.csv", index=False)
print((folder / "annotations.csv").read_text()[:40])

# %% [markdown]
# A data set of your own is a class with three methods. `__init__` reads the table, `__len__` counts its
# lines, `__getitem__` opens one image. No image is opened before it is wanted, so a folder may be larger than
# the memory. `transform` is applied to the image, `target_transform` to the label.


# %%
class CustomImageDataset(Dataset):
    def __init__(self, annotations, images, transform=None, target_transform=None):
        self.table = pd.read_csv(annotations)
        self.images = Path(images)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table.iloc[index]
        image, label = Image.open(self.images / row["file"]), int(row["label"])
        if self.transform:
            image = self.transform(image)
        if self.target_transform:
            label = self.target_transform(label)
        return image, label


# %% [markdown] ask="len(mine)" kind="value"
# There are ten classes, and six images of each were exported. What is `len(mine)`?
#
# Why: `len` calls `__len__`, which counts the lines of the table. pandas takes the first line, `file,label`,
# as the header, so it is not one of the 60.

# %%
mine = CustomImageDataset(folder / "annotations.csv", folder / "images", transform=ToTensor())
image, label = mine[59]
print(len(mine), image.shape, mine.table["label"].nunique(), "classes")

# %% [markdown] ask="shouted" kind="value"
# `target_transform` can be any function. Label 1 is `"Trouser"`. What is `shouted`, the label of sample 6, in
# the next cell?
#
# Why: Samples 0 to 5 are of class 0, so sample 6 is the first of class 1. The function looks its name up and
# puts it in capitals.

# %%
loud = CustomImageDataset(
    folder / "annotations.csv", folder / "images", target_transform=lambda label: train.classes[label].upper()
)
image, shouted = loud[6]
print(type(image).__name__, shouted)

# %% [markdown]
# ## Batches
#
# A network is trained on batches, some samples at a time. `DataLoader` stacks them. With `shuffle=True` each
# epoch, each pass over all data, has another order.

# %%
train_loader = DataLoader(train, batch_size=64, shuffle=True)
test_loader = DataLoader(test, batch_size=64)

# %% [markdown] ask="features.shape" kind="shape"
# `iter` begins an epoch, `next` takes a batch of it. What is the shape of `features`?
#
# Why: 64 images of shape [1, 28, 28] are stacked into [64, 1, 28, 28]: batch, channels, height, width. The
# labels are one number for each image: [64].

# %%
features, labels = next(iter(train_loader))
print(features.shape, labels.shape)

# %% [markdown] ask="[len(labels) for _, labels in DataLoader(mine, batch_size=25)]" kind="value"
# The 60 samples of `mine` come in batches of 25. What are the sizes of all the batches, as a list?
#
# Why: The last batch has what is left: 25 + 25 + 10. With `drop_last=True` it would be left out.

# %%
small = DataLoader(mine, batch_size=25)
print(len(small), "batches:", [len(labels) for _, labels in small])

# %% [markdown]
# With `num_workers=2`, two processes read samples while the network computes on earlier ones. That helps
# where reading takes long, as with large JPEG files. They start when the iteration begins, and each one takes
# memory. Here everything is in memory, so 0, the default, is best. (*Batches* measures it: `B` on *Data*,
# then `#`.)

# %%
parallel = DataLoader(train, batch_size=64, num_workers=2)
print(parallel.num_workers, "processes, not started yet;", len(parallel), "batches")
scratch.cleanup()

# %% [markdown]
# Next is chapter 3, *Transforms*, in `3_transforms.py`: `escape` leads back to the list of documents,
# where it stands below this one.
