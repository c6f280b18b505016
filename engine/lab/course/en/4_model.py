# %% [markdown]
# # 4. The model
#
# Choosing a device; a network as an `nn.Module`; logits, softmax and the predicted class; the shapes from
# layer to layer; parameters.
#
# A network is a function with numbers that are learned, its parameters. In PyTorch it is a module, made of
# smaller modules.

# %%
import torch
from torch import nn
from torchvision.transforms import ToTensor

import fmnist_tui as ft

torch.manual_seed(0)
train = ft.dataset("auto", transform=ToTensor())

# %% [markdown]
# ## The device
#
# A GPU computes large products many times faster. Model and data must be on the same device, so choose it
# once and use the name everywhere.

# %%
device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print("this machine computes on:", device)

# %% [markdown]
# ## A class for the network
#
# `__init__` makes the layers, `forward` says how an input goes through them. Assigning a layer to an
# attribute registers its parameters. Call the model, not `forward`: the call also runs hooks.


# %%
class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
        )

    def forward(self, images):
        return self.linear_relu_stack(self.flatten(images))


# %%
model = NeuralNetwork().to(device)
print(model)

# %% [markdown]
# The program's own `mlp` has the same layers with the same names. So its weights fit into this class, and
# yours fit into the program.

# %%
model.load_state_dict(ft.load("mlp").state_dict())

# %% [markdown]
# ## From logits to a class
#
# The network returns ten numbers for each image, the logits. They have no bounds. `softmax` turns them into
# probabilities, and `argmax` takes the largest. This network has learned nothing, so its prediction is a
# guess.

# %%
images = torch.stack([train[index][0] for index in range(3)]).to(device)
with torch.no_grad():
    logits = model(images)
print(logits.shape)

# %% [markdown] ask="probabilities.sum(dim=1).tolist()" kind="value"
# There are three images. What are the sums of their probabilities, as a list?
#
# Why: `softmax(dim=1)` makes the ten numbers of each row positive and their sum 1, whatever the logits are.

# %%
probabilities = logits.softmax(dim=1)
print(probabilities[0])
print("predicted:", [train.classes[number] for number in logits.argmax(dim=1)])

# %% [markdown]
# ## Layer by layer
#
# Now a walk through the layers, with a batch of three images.

# %%
batch = torch.rand(3, 28, 28)
print(batch.shape)

# %% [markdown] ask="flat.shape" kind="shape"
# `nn.Flatten` keeps the first dimension, the batch, and makes one of all others. What is the shape
# afterwards?
#
# Why: 28 × 28 = 784 pixels stand in one row for each of the three images: [3, 784].

# %%
flat = nn.Flatten()(batch)
flat.shape

# %% [markdown] ask="hidden.shape" kind="shape"
# `nn.Linear(784, 20)` computes 20 weighted sums of 784 inputs, and adds a bias to each. What is the shape of
# its output?
#
# Why: The last dimension, 784, becomes 20; the batch stays: [3, 20].

# %%
linear = nn.Linear(28 * 28, 20)
hidden = linear(flat)
hidden.shape

# %% [markdown] ask="nn.Linear(28 * 28, 20)(torch.rand(3, 28, 28))" kind="raises"
# Would the same layer raise for the batch that is not flattened, of shape [3, 28, 28]?
#
# Why: A linear layer looks at the last dimension alone. That is 28, and it wants 784, so the matrices do not
# fit.

# %%
print("weight", linear.weight.shape, "bias", linear.bias.shape)

# %% [markdown] ask="nn.ReLU()(torch.tensor([-1.5, 0.0, 2.0])).tolist()" kind="value"
# `ReLU` stands between linear layers. Without it, several of them would amount to a single one. What does it
# make of [−1.5, 0, 2]?
#
# Why: ReLU is max(0, x): negative values become 0, the others stay.

# %%
print("before:", hidden[0, :6])
print("after: ", nn.ReLU()(hidden)[0, :6])

# %% [markdown]
# `nn.Sequential` is a module that applies others in their order.

# %%
sequence = nn.Sequential(nn.Flatten(), linear, nn.ReLU(), nn.Linear(20, 10))
sequence(batch).shape

# %% [markdown]
# ## Parameters
#
# `named_parameters()` goes through all of them. A name is the path of attributes that leads to it. In
# `Sequential`, the attributes are numbers.

# %%
for name, parameter in model.named_parameters():
    print(f"{name:27} {list(parameter.shape)!s:11} {parameter.flatten()[0]:8.4f} …")

# %% [markdown] ask="sorted({type(m).__name__ for m in model.modules() if list(m.parameters(recurse=False))})" kind="names"
# The network is built of `Flatten`, `Linear` and `ReLU`. Which of these have parameters of their own?
#
# Why: Flattening and cutting at zero have nothing to learn. All weights and biases are in the three `Linear`
# layers.

# %%
for name, module in model.named_modules():
    own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    print(f"{name or '(the model)':20} {type(module).__name__:14} {own:7,}")

# %% [markdown] ask="sum(p.numel() for p in model.parameters())" kind="value"
# How many numbers does the whole network learn? You may type a sum, such as `784*512 + 512 + …`.
#
# Why: Each linear layer has inputs × outputs weights and one bias for each output: 401,920 + 262,656 + 5,130
# = 669,706.

# %%
total = sum(parameter.numel() for parameter in model.parameters())
print(f"{total:,} parameters, {total * 4 / 2**20:.1f} MiB as float32")

# %% [markdown]
# Next is chapter 5, *Autograd*, in `5_autograd.py`: `escape` leads back to the list of documents,
# where it stands below this one.
