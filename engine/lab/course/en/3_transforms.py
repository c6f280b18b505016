# %% [markdown]
# # 3. Transforms
#
# From pictures to tensors with `ToTensor`; from labels to one-hot vectors with `Lambda` and `scatter_`.
#
# Data seldom have the form that a network wants. A transform is a function from one form into another. A data
# set applies `transform` to each image and `target_transform` to each label, at the moment when the sample is
# read.

# %%
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import Compose, Lambda, Normalize, ToTensor

import fmnist_tui as ft

# %%
raw = ft.dataset("auto")
picture, label = raw[0]
print(picture, label)

# %% [markdown]
# ## ToTensor
#
# Without a transform, a sample is a PIL image and an integer. `ToTensor` does three things to the image: it
# makes a tensor, puts the channels first, and turns bytes from 0 to 255 into floats from 0 to 1.

# %%
tensor = ToTensor()(picture)
print(tensor.shape, tensor.dtype, tensor.min().item(), tensor.max().item())

# %% [markdown] ask="wide.shape" kind="shape"
# PIL gives sizes as (width, height). A grey picture is made 40 pixels wide and 20 high. What is the shape of
# its tensor?
#
# Why: A tensor has rows first, so height comes before width: [1, 20, 40]. The 1 is the grey channel.

# %%
wide = ToTensor()(picture.resize((40, 20)))
wide.shape

# %% [markdown] ask="grey[0, 0, 0].item()" kind="value"
# All pixels of the next picture are 51. What are they in the tensor?
#
# Why: 51 / 255 = 0.2.

# %%
grey = ToTensor()(Image.new("L", (2, 2), color=51))
grey

# %% [markdown] ask="floats.max().item()" kind="value"
# Now the same 51 in a NumPy array of floats. What is the largest value after `ToTensor`?
#
# Why: `ToTensor` divides bytes (`uint8`) alone. It can't know the range of floats, so it leaves them. Nothing
# warns you that the values are 255 times too large.

# %%
floats = ToTensor()(np.full((2, 2), 51.0))
floats

# %% [markdown]
# ## One-hot labels and `scatter_`
#
# Some losses compare the output with a vector that has a 1 at the right class and 0 elsewhere, a one-hot
# vector. `scatter_(dim, index, value)` writes a value to the places that `index` names.

# %%
torch.zeros(10).scatter_(0, torch.tensor(3), 1)

# %% [markdown] ask="rows.tolist()" kind="value"
# In two dimensions, with `dim=1`, row `i` of `index` names columns in row `i`. What is `rows`?
#
# Why: Row 0 gets its 1 in column 2, row 1 in column 0. Every other place keeps its zero.

# %%
rows = torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1)
rows

# %% [markdown]
# `Lambda` turns any function into a transform. This one makes one-hot vectors of labels.

# %%
one_hot = Lambda(lambda y: torch.zeros(len(raw.classes)).scatter_(0, torch.tensor(y), 1))
train = ft.dataset("auto", transform=ToTensor(), target_transform=one_hot)
image, target = train[0]
print(target, "is", raw.classes[target.argmax()])

# %% [markdown] ask="one_hot(10)" kind="raises"
# The next cell encodes the label 9. Would `one_hot(10)` raise?
#
# Why: A vector of ten has the places 0 to 9. `scatter_` raises a `RuntimeError`: index 10 is out of bounds.
# Labels that begin at 1 are found out that way.

# %%
one_hot(9)

# %% [markdown]
# ## Several in a row
#
# `Compose` applies transforms one after the other. `Normalize(mean, std)` subtracts the mean and divides by
# the standard deviation. It works on tensors, so it comes after `ToTensor`.

# %%
pipeline = Compose([ToTensor(), Normalize((0.5,), (0.5,))])

# %% [markdown] ask="[black.item(), white.item()]" kind="value"
# Which values do a black pixel (0) and a white one (255) get, as a list?
#
# Why: `ToTensor` gives 0 and 1. Then (0 − 0.5) / 0.5 = −1 and (1 − 0.5) / 0.5 = 1.

# %%
black = pipeline(Image.new("L", (1, 1), color=0))
white = pipeline(Image.new("L", (1, 1), color=255))
print(black.item(), white.item())

# %% [markdown]
# The screen *Transforms* (`T` on *Data*) shows each step of such a pipeline on real images.

# %%
image, label = ft.dataset("auto", transform=pipeline)[0]
print(image.shape, "from", image.min().item(), "to", image.max().item())

# %% [markdown]
# Next is chapter 4, *The model*, in `4_model.py`: `escape` leads back to the list of documents,
# where it stands below this one.
