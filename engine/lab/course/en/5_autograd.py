# %% [markdown]
# # 5. Autograd
#
# The computational graph; backward and gradients; what frees a graph; switching it off; frozen parameters;
# vector–Jacobian products.
#
# Training needs to know how the loss changes with each parameter: its gradient. PyTorch records what is
# computed with tensors that require gradients, and goes back through that record. This is autograd.

# %%
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

torch.manual_seed(0)
print("PyTorch", torch.__version__)

# %% [markdown]
# ## One layer and its loss
#
# Five inputs, three outputs. `w` and `b` are to be learned, so they require gradients. `requires_grad_()`
# could also be called later.

# %%
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = x @ w + b
loss = binary_cross_entropy_with_logits(z, y)
loss

# %% [markdown]
# Each result remembers the operation that made it, in `grad_fn`. These objects are the nodes of the graph,
# and `next_functions` leads from one to those before it. The graph ends at leaves: tensors that no operation
# made.

# %%
print("z:", z.grad_fn)
print("before it:", [node for node, _ in z.grad_fn.next_functions])
print("w is a leaf:", w.is_leaf, "- z is one:", z.is_leaf)

# %% [markdown] ask="[n for n, t in dict(x=x, w=w, b=b, z=z).items() if t.is_leaf and t.grad is not None]" kind="names"
# `backward()` computes the gradients. Which of `x`, `w`, `b` and `z` have a `.grad` afterwards?
#
# Why: Gradients are kept in leaves that require them: `w` and `b`. `x` requires none. `z` is no leaf;
# `z.retain_grad()` before would keep its gradient, too.

# %%
loss.backward()
print(w.grad)
print(b.grad)

# %% [markdown] ask="loss.backward()" kind="raises"
# The next cell computes the loss anew and calls `backward()` once. Would a second `loss.backward()` raise?
#
# Why: `backward` frees the values that the graph has saved, so it works once. `backward(retain_graph=True)`
# keeps them for another time. In training each step makes a new graph.

# %%
w.grad, b.grad = None, None
loss = binary_cross_entropy_with_logits(x @ w + b, y)
loss.backward()

# %% [markdown]
# The error is worth a look: PyTorch names the way out.

# %%
try:
    loss.backward()
except RuntimeError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# ## Without a graph
#
# To use a network, no gradients are needed. Under `no_grad()` nothing is recorded, which saves time and
# memory. `detach()` gives the same values as a tensor outside the graph; it shares their memory.

# %% [markdown] ask="[n for n, t in dict(p=p, q=q, r=r).items() if t.requires_grad]" kind="names"
# Which of `p`, `q` and `r` require gradients?
#
# Why: `p` is computed from `w`, which requires them. `q` was computed while recording was off. `r` is
# detached.

# %%
p = x @ w
with torch.no_grad():
    q = x @ w
r = p.detach()
print(p, q, r, sep="\n")

# %% [markdown]
# ## Frozen parameters
#
# Fine-tuning takes a trained network and trains only its last part, the head. The other parameters are
# frozen: they require no gradients.

# %% [markdown] ask="[n for n, p in network.named_parameters() if p.grad is not None]" kind="names"
# The body of a small network is frozen. Which parameters have a gradient after `backward()`? Their names are
# made of `body` or `head`, and `weight` or `bias`.
#
# Why: The two of the head, `head.weight` and `head.bias`. For the body nothing is recorded, so the step is
# cheaper as well.

# %%
network = nn.Sequential(OrderedDict(body=nn.Linear(4, 3), relu=nn.ReLU(), head=nn.Linear(3, 2)))
network.body.requires_grad_(False)
network(torch.rand(8, 4)).sum().backward()
for name, parameter in network.named_parameters():
    print(f"{name:12} {'frozen' if parameter.grad is None else 'has a gradient'}")

# %% [markdown]
# ## Gradients accumulate
#
# `backward()` adds to the gradients that are there. Look at (inp + 1)² where `inp` has ones in the diagonal:
# its derivative is 2 · (inp + 1), so 4 in the diagonal and 2 elsewhere. The result is no single number, so
# `backward` wants a tensor of its shape, here of ones.

# %%
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2)
out.backward(torch.ones_like(out), retain_graph=True)
print(inp.grad)

# %% [markdown] ask="twice" kind="value"
# The same `backward` once more: what are the values in the diagonal and elsewhere, as a list of two?
#
# Why: The second gradients, 4 and 2, are added to the first: 8 and 4.

# %%
out.backward(torch.ones_like(out), retain_graph=True)
twice = [inp.grad[0, 0].item(), inp.grad[0, 1].item()]
print(inp.grad)

# %% [markdown] ask="after_zeroing" kind="value"
# Now the gradients are set to zero before another `backward`. Which two values are there?
#
# Why: 0 + 4 and 0 + 2. That is why a training loop calls `optimizer.zero_grad()` at each step.

# %%
inp.grad.zero_()
out.backward(torch.ones_like(out))
after_zeroing = [inp.grad[0, 0].item(), inp.grad[0, 1].item()]
print(inp.grad)

# %% [markdown]
# ## Vector–Jacobian products
#
# The derivatives of all outputs by all inputs make a matrix, the Jacobian J. Autograd never builds it.
# `backward(v)` computes the product vᵀ·J straight away: `v` says how much each output counts. The ones above
# counted all alike.

# %% [markdown] ask="point.grad.tolist()" kind="value"
# The outputs are the squares of [1, 2, 3], and `v` is [1, 0, 10]. What is the gradient, as a list?
#
# Why: The Jacobian has 2 · point in its diagonal: 2, 4, 6. Times `v` that is 2, 0 and 60.

# %%
point = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
v = torch.tensor([1.0, 0.0, 10.0])
(point**2).backward(v)
point.grad

# %% [markdown]
# Here is the whole Jacobian to compare with. For a network with 669,706 parameters it would have as many
# columns.

# %%
jacobian = torch.autograd.functional.jacobian(lambda t: t**2, point.detach())
print(jacobian)
print(v @ jacobian)

# %% [markdown]
# Next is chapter 6, *Optimisation*, in `6_optimisation.py`: `escape` leads back to the list of documents,
# where it stands below this one.
