# %% [markdown]
# # 1. Tensors
#
# Making tensors, from lists and from NumPy; shape, dtype and device; slices; products; memory that two names
# share.
#
# A tensor is an array of numbers of one type, in any number of dimensions. Inputs, weights and gradients of a
# network are tensors. Run the cells from top to bottom. Before some of them you are asked what will happen.

# %%
import numpy as np
import torch

import fmnist_tui as ft

torch.manual_seed(0)
print("PyTorch", torch.__version__)

# %% [markdown]
# ## From lists and from images
#
# `torch.tensor` copies numbers into a new tensor. It takes the type from them: Python integers become
# `int64`, floats become `float32`.

# %%
scores = torch.tensor([[3, 1, 2], [0, 5, 4]])
scores

# %% [markdown]
# The program's own data work as well. `"auto"` means Fashion-MNIST where this machine has it, else the demo
# data, which the program draws itself. Both have grey images of 28 × 28 pixels in ten classes.

# %%
train = ft.dataset("auto")
image = torch.tensor(train.images[0])
print(train)
print(image.shape, image.dtype, "from", image.min().item(), "to", image.max().item())

# %% [markdown] ask="str(weights.dtype)" kind="value"
# The next list mixes an integer with floats. Which dtype does `weights` get?
#
# Why: A tensor has one dtype. One float among the numbers makes it the default float type, `torch.float32`.

# %%
weights = torch.tensor([1, 0.5, 0.25])
weights

# %% [markdown]
# ## Shared memory with NumPy
#
# `torch.from_numpy` and `Tensor.numpy()` copy nothing: array and tensor are two names for the same memory.
# That is fast. It also means that a change through one name is seen through the other.

# %%
column = torch.ones(4)
same = column.numpy()
own = column.clone().numpy()
print(same, own)

# %% [markdown] ask="same.tolist()" kind="value"
# `add_` changes a tensor in place. After the next cell, what is in the array `same`?
#
# Why: `same` is a NumPy view of the memory of `column`, so it changes with it. `own` was made from a clone
# and keeps its ones.

# %%
column.add_(1)
print(same, own)

# %% [markdown] ask="[n for n in ('a', 'b', 'c') if {'a': a, 'b': b, 'c': c}[n][0] == 7]" kind="names"
# The next cell makes three tensors of one array, then writes 7 into the array. Which of `a`, `b` and `c` have
# a 7?
#
# Why: `from_numpy` and `as_tensor` keep the memory of the array where they can. `torch.tensor` always copies.

# %%
array = np.zeros(3)
a = torch.from_numpy(array)
b = torch.tensor(array)
c = torch.as_tensor(array)
array[0] = 7
print(a, b, c, sep="\n")

# %% [markdown]
# ## Shapes of others, constants and chance
#
# `…_like` takes shape, dtype and device from another tensor. An argument replaces one of them.

# %%
print(torch.ones_like(scores))
print(torch.rand_like(scores, dtype=torch.float32))

# %% [markdown]
# `rand` draws from 0 to 1, `randn` from a normal distribution. After the same `manual_seed` come the same
# numbers.

# %%
size = (2, 3)
torch.manual_seed(5)
first = torch.rand(size)
torch.manual_seed(5)
again = torch.rand(size)
print(torch.zeros(size), torch.full(size, 9), torch.arange(6), sep="\n")
print("the same:", torch.equal(first, again))

# %% [markdown]
# ## Shape, dtype, device
#
# Three attributes describe a tensor: its sizes, the type of its numbers, and where they are. The accelerator
# is the GPU, if there is one. `.to` copies a tensor to another device or into another dtype; where nothing
# changes, it returns the tensor itself.

# %%
print(image.shape, image.dtype, image.device)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
moved = image.to(device)
print("accelerator:", device, "- moved to", moved.device)

# %% [markdown]
# Pixels are bytes here. Networks want floats, in our case from 0 to 1.

# %%
pixels = image.to(torch.float32) / 255
print(pixels.dtype, pixels.max().item())

# %% [markdown]
# ## Slices
#
# Indexing works as in NumPy: the first index is the row, `-1` is the last one, `...` stands for all
# dimensions that are not named. A slice is a view. It shares the memory of the whole.

# %%
grid = torch.arange(12).reshape(3, 4)
print(grid[0], grid[:, 0], grid[..., -1], grid[1:, 1:3], sep="\n")

# %% [markdown] ask="grid[:, 1].tolist()" kind="value"
# The next cell sets a slice to zero. What is `grid[:, 1]` afterwards?
#
# Why: `grid[:2]` is a view of rows 0 and 1. Setting it in place reaches `grid` itself. Row 2 keeps its 9.

# %%
top = grid[:2]
top[:, 1] = 0
grid

# %% [markdown]
# ## Joining: cat and stack
#
# `cat` joins along a dimension that exists. `stack` makes a new dimension, so all parts must have the same
# shape. That is how single images become a batch.

# %%
part = torch.rand(2, 3)
print(torch.cat([part, part, part], dim=1).shape)

# %% [markdown] ask="batch.shape" kind="shape"
# Eight images of 28 × 28 are stacked. What is the shape?
#
# Why: `stack` puts a new dimension of size 8 in front. `torch.cat` would have given 224 × 28, one tall image.

# %%
batch = torch.stack([torch.tensor(one) for one in train.images[:8]])
batch.shape

# %% [markdown]
# ## Products
#
# `@` or `matmul` is the matrix product: rows times columns. `*` or `mul` multiplies element by element. With
# `out=` the result goes into a tensor that exists, and no new memory is taken.

# %%
m = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print(m @ m.T, torch.matmul(m, m.T), sep="\n")

# %%
target = torch.empty(2, 2)
torch.matmul(m, m.T, out=target)
print(target)
print(m * m, m.mul(m), torch.mul(m, m, out=target), sep="\n")

# %% [markdown] ask="torch.rand(3, 4) @ torch.rand(3, 4)" kind="raises"
# The next cell multiplies 3 × 4 by 4 × 3. Would 3 × 4 by 3 × 4 raise?
#
# Why: In a matrix product the columns of the left must be as many as the rows of the right: 4 is not 3.
# Elementwise, with `*`, it would work.

# %%
(torch.rand(3, 4) @ torch.rand(4, 3)).shape

# %% [markdown]
# ## One element, and in place
#
# A tensor of one element becomes a Python number by `.item()`.

# %%
total = pixels.sum()
print(total, type(total.item()))
print("mean brightness:", round(pixels.mean().item(), 4))

# %% [markdown]
# Methods whose name ends in `_` work in place: `add_`, `zero_`, `copy_`. They save memory, but what was there
# before is gone. The computation of gradients may still need it, so networks use them with care (chapter 5).

# %%
print(m.t_())
print(m.add_(10))

# %% [markdown]
# Next is chapter 2, *Dataset and DataLoader*, in `2_data.py`: `escape` leads back to the list of documents,
# where it stands below this one.
