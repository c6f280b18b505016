# %% [markdown]
# # 6. Optimisation
#
# Epochs, batch size and learning rate; three losses; three optimizers; the loop that trains and the loop that
# tests.
#
# Training repeats one step: predict, measure the error, compute its gradients, move each parameter a little
# against its gradient.

# %%
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fmnist_tui as ft

torch.manual_seed(0)
splits = {name: ft.dataset("auto", name) for name in ("train", "test")}
print(splits["train"])

# %% [markdown]
# Both splits fit into memory, so we turn all images into one tensor each. That is faster than to convert
# every image again in every epoch.

# %%
sets = {}
for name, split in splits.items():
    images = torch.from_numpy(split.images.copy()).unsqueeze(1) / 255
    sets[name] = TensorDataset(images, split.targets)
    print(name, images.shape)

# %% [markdown]
# ## Three numbers to choose
#
# An epoch is one pass over the training set. The batch size is how many samples a step looks at. The learning
# rate is how far it moves: too small wastes time, too large never settles.

# %%
epochs, batch_size, learning_rate = 1, 64, 1e-3
train_loader = DataLoader(sets["train"], batch_size=batch_size)
test_loader = DataLoader(sets["test"], batch_size=batch_size)

# %% [markdown] ask="steps" kind="value"
# How many steps has an epoch? The size of the training set stands above.
#
# Why: The number of samples divided by 64, rounded up, since the last batch may be smaller: 938 for 60,000
# images, 94 for 6,000.

# %%
steps = len(train_loader)
steps

# %% [markdown]
# ## Losses
#
# A loss measures how wrong an output is, as one number. For classes it is `CrossEntropyLoss`. It takes
# logits, and is the negative logarithm of the probability that softmax gives to the right class.

# %% [markdown] ask="clueless.item()" kind="value"
# Ten logits are all 0: each class has the probability 1/10. What is the loss? (The natural logarithm of 10 is
# about 2.303.)
#
# Why: −log(1/10) = log 10 ≈ 2.303. A new network begins close to it. Where training begins far above, look
# for a mistake.

# %%
clueless = nn.CrossEntropyLoss()(torch.zeros(1, 10), torch.tensor([3]))
print(clueless.item(), math.log(10))

# %% [markdown] ask="torch.allclose(nll, cross_entropy)" kind="value"
# `NLLLoss` takes logarithms of probabilities instead of logits. Is `NLLLoss` of `log_softmax(logits)` the
# cross entropy of `logits`? Yes or no?
#
# Why: Yes. `CrossEntropyLoss` is `log_softmax` and `NLLLoss` in one, and computes them more exactly.

# %%
logits, labels = torch.randn(4, 10), torch.tensor([1, 0, 7, 3])
cross_entropy = nn.CrossEntropyLoss()(logits, labels)
nll = nn.NLLLoss()(logits.log_softmax(dim=1), labels)
print(cross_entropy.item(), nll.item())

# %% [markdown] ask="squared.item()" kind="value"
# `MSELoss`, for outputs that are quantities, is the mean of the squared differences. What is it for [1, 2, 3]
# and [1, 2, 6]?
#
# Why: The differences are 0, 0 and 3, their squares 0, 0 and 9; the mean is 3.

# %%
squared = nn.MSELoss()(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 6.0]))
squared

# %% [markdown]
# ## Optimizers
#
# An optimizer holds the parameters and moves them by their gradients. Three calls make a step: `zero_grad()`
# forgets the old gradients, `loss.backward()` computes new ones, `optimizer.step()` moves the parameters.
# `SGD` subtracts learning rate × gradient.

# %% [markdown] ask="number.item()" kind="value"
# A parameter is 1, the loss is 3 · parameter, and SGD has a learning rate of 0.1. What is the parameter after
# one step?
#
# Why: The gradient is 3, so 1 − 0.1 · 3 = 0.7.

# %%
number = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([number], lr=0.1)
optimizer.zero_grad()
(3 * number).backward()
optimizer.step()
print(number)

# %% [markdown] ask="forgetful.item()" kind="value"
# Again from 1, with two steps, but `zero_grad()` is forgotten. Where does the parameter end?
#
# Why: The first step subtracts 0.1 · 3. The second gradient is added to the first, so 0.1 · 6 goes: 1 − 0.3 −
# 0.6 = 0.1. With `zero_grad()` it would be 0.4.

# %%
forgetful = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([forgetful], lr=0.1)
for _ in range(2):
    (3 * forgetful).backward()
    optimizer.step()
print(forgetful)

# %% [markdown] ask="[round(moved, 3) for moved in first_steps]" kind="value"
# `Adam` divides by the size of recent gradients. Its learning rate is 0.1. How far does its first step move
# the parameter where the loss is 3 · parameter, and where it is 300 · parameter? Write a list of two.
#
# Why: 0.1 both times. At the first step the gradient is divided by its own size, so only its sign and the
# learning rate count.

# %%
first_steps = []
for factor in (3, 300):
    number = nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.Adam([number], lr=0.1)
    (factor * number).backward()
    optimizer.step()
    first_steps.append(1 - number.item())
print(first_steps)

# %% [markdown]
# ## The two loops
#
# `train()` and `eval()` switch layers that behave differently in training and in use (chapter 7). The network
# of chapter 4 has none, but the habit costs nothing. Testing needs no graph.


# %%
def train_epoch(model, loss_fn, optimizer, most=None):
    model.train()
    losses = []
    for images, labels in train_loader:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == most:
            break
    return losses


# %%
def evaluate(model, loss_fn):
    model.eval()
    losses, right = [], 0
    with torch.no_grad():
        for images, labels in test_loader:
            logits = model(images)
            losses.append(loss_fn(logits, labels).item())
            right += (logits.argmax(dim=1) == labels).sum().item()
    return right / len(sets["test"]), sum(losses) / len(losses)


# %%
model = ft.load("mlp")
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
for epoch in range(epochs):
    losses = train_epoch(model, loss_fn, optimizer)
    accuracy, test_loss = evaluate(model, loss_fn)
    print("first losses:", [round(loss, 3) for loss in losses[:5]])
    print(f"epoch {epoch + 1}: accuracy {accuracy:.1%}, test loss {test_loss:.4f}")

# %% [markdown]
# ## Ten epochs
#
# Ten epochs on Fashion-MNIST are one command, with these very settings as its defaults:
# `fmnist-tui train --dataset fashion-mnist`. Over six seeds it gave, as mean ± standard deviation:
#
# | epoch | test accuracy in % | test loss |
# |---|---|---|
# | 1 | 45.3 ± 2.9 | 2.1593 ± 0.0050 |
# | 2 | 56.8 ± 1.7 | 1.8927 ± 0.0124 |
# | 3 | 61.2 ± 0.2 | 1.5193 ± 0.0153 |
# | 4 | 63.3 ± 0.3 | 1.2484 ± 0.0130 |
# | 5 | 64.9 ± 0.3 | 1.0819 ± 0.0114 |
# | 6 | 66.2 ± 0.4 | 0.9753 ± 0.0100 |
# | 7 | 67.5 ± 0.6 | 0.9030 ± 0.0087 |
# | 8 | 68.7 ± 0.6 | 0.8511 ± 0.0077 |
# | 9 | 70.0 ± 0.5 | 0.8119 ± 0.0069 |
# | 10 | 71.3 ± 0.5 | 0.7807 ± 0.0066 |
#
# A run within three standard deviations is as it should be. The demo data are smaller and easier, so their
# figures differ.

# %%
for run in ft.runs()[:3]:
    print(run.title, run.state, run.best_accuracy)

# %% [markdown]
# ## SGD, RMSprop and Adam
#
# Fifty steps each, from new weights. RMSprop and Adam adapt the step to each parameter, so the same learning
# rate takes them much farther.

# %%
for kind in (torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam):
    model = ft.load("mlp")
    losses = train_epoch(model, loss_fn, kind(model.parameters(), lr=1e-3), most=50)
    print(f"{kind.__name__:8} {losses[0]:.3f} → {losses[-1]:.3f}")

# %% [markdown]
# Next is chapter 7, *Save and load*, in `7_save_and_load.py`: `escape` leads back to the list of documents,
# where it stands below this one.
