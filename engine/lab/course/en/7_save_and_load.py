# %% [markdown]
# # 7. Save and load
#
# The `state_dict` and its file; loading into the same architecture; `eval()` and dropout; a large network
# without its memory; whole pickled modules.
#
# A trained network is its code and its numbers. The numbers are what you save.

# %%
import tempfile
from pathlib import Path

import torch
from torch import nn
from torchvision.models import vgg16

import fmnist_tui as ft

torch.manual_seed(0)
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %% [markdown]
# ## The state_dict
#
# `state_dict()` is a dictionary: the name of each parameter, and its tensor. `torch.save` writes it to a
# file, here in a temporary folder.


# %%
class Small(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.hidden = nn.Linear(784, width)
        self.output = nn.Linear(width, 10)

    def forward(self, images):
        return self.output(self.hidden(images.flatten(1)).relu())


# %% [markdown] ask="list(saved)" kind="names"
# The network has two linear layers, `hidden` and `output`. Which names are in its `state_dict`?
#
# Why: Each linear layer has a weight and a bias, and the name is the path to it. Flattening and ReLU have
# nothing to save.

# %%
model = Small()
saved = model.state_dict()
torch.save(saved, folder / "small.pth")
for name, tensor in saved.items():
    print(name, list(tensor.shape))
print((folder / "small.pth").stat().st_size, "bytes")

# %% [markdown]
# To load, build the same network first. `load_state_dict` then copies the numbers into it.
# `weights_only=True`, the default of today's PyTorch, takes tensors and plain values from the file, and
# refuses everything else.

# %%
again = Small()
again.load_state_dict(torch.load(folder / "small.pth", weights_only=True))

# %% [markdown] ask="torch.equal(model(batch), again(batch))" kind="value"
# Do both networks give exactly the same outputs now? Yes or no?
#
# Why: Yes. The same code with the same numbers computes the same, bit for bit, on the same machine.

# %%
batch = torch.rand(5, 1, 28, 28)
print(model(batch)[0, :3], again(batch)[0, :3], sep="\n")

# %% [markdown] ask="Small(width=32).load_state_dict(saved)" kind="raises"
# The next cell builds the network with 32 hidden units instead of 16. Would loading the same weights into it
# raise?
#
# Why: A tensor of [16, 784] does not fit into one of [32, 784]. The `RuntimeError` names every parameter that
# does not fit.

# %%
print(Small(width=32))

# %% [markdown]
# The program reads the file too, without executing anything in it: `fmnist-tui inspect FILE`, or the screen
# *Checkpoints*.

# %%
ft.tensor(folder / "small.pth", "output.bias")

# %% [markdown]
# ## train() and eval()
#
# Some layers behave differently in training. `Dropout(p)` sets each value to 0 with probability `p`, and
# divides the others by 1 − p, so that the mean stays. Call `eval()` after loading, or predictions will vary.

# %%
dropout = nn.Dropout(p=0.5)
ones = torch.ones(1000)

# %% [markdown] ask="sorted(set(in_training.tolist()))" kind="value"
# A thousand ones go through dropout with p = 0.5, in training mode. Which different values come out, as a
# sorted list?
#
# Why: About half of them are 0. The others are 1 / (1 − 0.5) = 2.

# %%
dropout.train()
in_training = dropout(ones)
print(in_training[:10], "mean:", in_training.mean().item())

# %% [markdown] ask="torch.equal(in_use, ones)" kind="value"
# After `dropout.eval()`, do the ones come out unchanged? Yes or no?
#
# Why: Yes. In evaluation mode dropout does nothing. `ft.load` returns networks in this mode.

# %%
dropout.eval()
in_use = dropout(ones)
print(in_use[:10], "mean:", in_use.mean().item())

# %% [markdown]
# ## A large network
#
# VGG16, a network for photographs, comes with torchvision. Its trained weights are a file of 528 MB, which we
# do not download; the weights here are random. On the device `meta` a tensor has a shape and no memory, so
# the whole network can be looked at for free.

# %%
with torch.device("meta"):
    large = vgg16(weights=None)
count = sum(parameter.numel() for parameter in large.parameters())
print(f"{count:,} parameters;", "the last layer:", large.classifier[-1])

# %% [markdown] ask="size" kind="value"
# It has 138,357,544 parameters of 4 bytes. How many MiB (2²⁰ bytes) is that, roughly? You may type it as a
# product or a fraction.
#
# Why: 138,357,544 · 4 / 1,048,576 ≈ 528. Tools that count in millions of bytes call the same file 553 MB.

# %%
size = count * 4 / 2**20
print(f"{size:.1f} MiB")

# %% [markdown]
# We save and load its convolutions alone, 56 MiB. `to_empty` gives them memory, and `assign=True` puts the
# tensors of the file in place of those on `meta`, instead of copying into them.

# %%
features = large.features.to_empty(device="cpu")
for parameter in features.parameters():
    nn.init.normal_(parameter, std=0.01)
torch.save(features.state_dict(), folder / "features.pth")

# %%
with torch.device("meta"):
    other = vgg16(weights=None).features
other.load_state_dict(torch.load(folder / "features.pth", weights_only=True, mmap=True), assign=True)
with torch.no_grad():
    print(other.eval()(torch.rand(1, 3, 224, 224)).shape)

# %% [markdown]
# ## Whole modules, and why to trust none
#
# `torch.save(model, …)` writes the whole module with pickle. Such a file names classes, so it needs the code
# that was there when it was saved. And it may name any function, which is called while the file is read.

# %%
torch.save(model, folder / "whole.pth")
whole = torch.load(folder / "whole.pth", weights_only=False)
print(whole)


# %%
class Surprise:
    def __reduce__(self):
        return print, ("this line was printed by a file that was only opened",)


torch.save(Surprise(), folder / "surprise.pth")

# %% [markdown] ask="torch.load(folder / 'surprise.pth', weights_only=True)" kind="raises"
# The next cell opens the surprise with `weights_only=False`. Would `weights_only=True` raise?
#
# Why: It allows only a list of harmless names, and `print` is not on it: `UnpicklingError`. The line might
# have deleted your files instead. So share state_dicts, and load others' files with `weights_only=True` or as
# safetensors.

# %%
torch.load(folder / "surprise.pth", weights_only=False)

# %%
scratch.cleanup()

# %% [markdown]
# This was the last chapter. `escape` leads back to the list of documents; on *Train* (`2`) you begin a run of your
# own, and `F` on *Data* passes an image through its network.
