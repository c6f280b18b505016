"""Muon: momentum, orthogonalized, for matrices and convolution kernels; stochastic gradient descent for all else."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

# a, b, c of the polynomials a x + b x³ + c x⁵ that bring singular values from 0.01 to 1 nearest to 1, one after the
# other: each is the best for what the one before it leaves, which is the best for all of them together (Amsel et al.
# 2025, "The Polar Express", arXiv 2505.16932). Three of them leave [0.73, 1.27]; of the polynomial that
# Jordan et al. take for each step, five leave [0.7, 1.2], and took a third of the time of the recipe `fast`.
STEPS = (
    (8.0933685, -23.62043, 17.446152),
    (3.6365856, -2.7219267, 0.53654629),
    (2.6613, -1.9771545, 0.45261641),
)
MARGIN = 1.05  # the first polynomial rises steeply at 1, where bfloat16 may lead beyond


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) for the parameters with two or more
    dimensions, but for the last of them, which is the classifier's; SGD for that one and for all others.

    A kernel [out, in, height, width] is taken as a matrix [out, in × height × width]. Muon's step is its momentum, in
    Nesterov's form, with all singular values brought near to 1, times the square root of max(1, rows / columns), times
    `muon_lr`; its weight decay is decoupled. SGD is torch.optim.SGD's arithmetic.
    """

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        muon_lr: float = 0.02,
        momentum: float = 0.0,
        muon_momentum: float = 0.95,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        """`lr`, `momentum`, `nesterov`: of SGD; `muon_lr`, `muon_momentum`: of Muon."""
        defaults = {"lr": lr, "muon_lr": muon_lr, "momentum": momentum, "muon_momentum": muon_momentum}
        super().__init__(params, {**defaults, "nesterov": nesterov, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            own = {id(parameter) for parameter in matrices(group["params"])}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    (self._muon if id(parameter) in own else self._sgd)(parameter, parameter.grad, group)
        return loss

    def _sgd(self, parameter: torch.nn.Parameter, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        update = gradient
        if group["weight_decay"]:
            update = update.add(parameter, alpha=group["weight_decay"])
        if group["momentum"]:
            momentum = self.state[parameter].get("momentum_buffer")
            if momentum is None:
                momentum = self.state[parameter]["momentum_buffer"] = update.clone()
            else:
                momentum.mul_(group["momentum"]).add_(update)
            update = update.add(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
        parameter.add_(update, alpha=-group["lr"])

    def _muon(self, parameter: torch.nn.Parameter, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["muon_momentum"])
        update = orthogonalized(gradient.lerp(momentum, group["muon_momentum"]).flatten(1))
        rows, columns = update.shape
        if group["weight_decay"]:
            parameter.mul_(1 - group["muon_lr"] * group["weight_decay"])
        parameter.add_(update.view_as(parameter), alpha=-group["muon_lr"] * max(1.0, rows / columns) ** 0.5)


def matrices(parameters: Sequence[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """Those that are Muon's own."""
    return [parameter for parameter in parameters if parameter.ndim >= 2][:-1]


def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix [rows, columns] with the same singular vectors, and singular values between 0.7 and 1.3, but for those
    that were smaller than a hundredth of its Frobenius norm, which stay smaller. In float32 on a CPU, where products in
    bfloat16 are slow; in bfloat16 on a GPU."""
    dtype = torch.float32 if matrix.device.type == "cpu" else torch.bfloat16
    return polar(matrix.to(dtype) / (MARGIN * matrix.norm() + 1e-7).to(dtype)).to(matrix.dtype)


def polar(matrix: torch.Tensor) -> torch.Tensor:
    """Newton and Schulz's iteration with STEPS for a matrix whose singular values are at most 1 / MARGIN; in its
    dtype."""
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    for a, b, c in STEPS:
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
