"""The training loop of a script: the epochs and their steps, with what was changed while the run trained."""

import re
from collections.abc import Mapping
from typing import Any

from engine.export.recipe import Recipe
from engine.training import schedules
from engine.training.optimizers import OPTIMIZERS, SCALED


def code(recipe: Recipe, content: Mapping[str, Any], batches: str) -> tuple[str, set[str]]:
    """The loop up to the place of a checkpoint with that content, and the imports that it needs. `batches`: the
    expression that gives an epoch's."""
    text = _Loop(recipe, content, batches).text()
    wanted = {"import math": r"\bmath\.", "from typing import Any": r"\bAny\b"}
    return text, {line for line, use in wanted.items() if re.search(use, text)}


class _Loop:
    def __init__(self, recipe: Recipe, content: Mapping[str, Any], batches: str) -> None:
        self._config = recipe.config
        self._batches = batches
        self._last = (int(content["epoch"]), int(content["step"]))
        self._part = self._last[1] < int(content["steps"])  # whether its last epoch is not a whole one
        self._evaluated = bool(content["evaluated"])
        self._changes = [one for one in recipe.changes if (one.epoch, one.step) <= self._last]
        self._plateau = self._config.schedule == "plateau"
        self._varies = schedules.varies(self._config)

    def text(self) -> str:
        """All of it."""
        config, live = self._config, bool(self._changes)
        size = 'now["batch_size"]' if live else str(config.batch_size)
        order = "epoch_order(len(train_labels), SEED, epoch)" if config.shuffle else "torch.arange(len(train_labels))"
        text = self._settings()
        if self._plateau:
            text += "best, since, scale = None, 0, 1.0  # of the plateau schedule\n"
        text += f"for epoch in range(1, {self._last[0]} + 1):\n"
        text += "    now = settings_at(epoch, 1)\n" if live else ""
        text += f"    order = {order}\n    size = {size}\n"
        text += "    steps = math.ceil(len(order) / size)\n" if self._varies else ""
        text += "    model.train()\n"
        text += f"    for step, (X, y) in enumerate({self._batches}, start=1):\n"
        text += self._before_step() + self._step()
        if self._part:
            text += f"        if epoch == {self._last[0]} and step == {self._last[1]}:  # as far as the run has come\n"
            text += "            break\n"
        text += self._swa()
        which = "val" if config.validates else "test"
        text += f"    loss_there, accuracy = evaluate({which}_images, {which}_labels)\n"
        text += f'    print(f"epoch {{epoch}}: {which} accuracy {{accuracy:.2%}}, loss {{loss_there:.6f}}")\n'
        return text + self._plateau_code()

    def _settings(self) -> str:
        if not self._changes:
            return ""
        names = dict.fromkeys(["lr", "momentum", "weight_decay", "epochs", "batch_size"])
        names |= dict.fromkeys(one.setting for one in self._changes)
        if self._config.optimizer == "muon":
            names |= dict.fromkeys(["muon_lr"])
        first = ", ".join(f'"{name}": {getattr(self._config, name)!r}' for name in names)
        lines = "".join(f"    ({one.epoch}, {one.step}, {one.setting!r}, {one.value!r}),\n" for one in self._changes)
        return (
            "# What was changed while the run trained: from this epoch and step on, counted from 1.\n"
            f"CHANGES = [\n{lines}]\n\n\n"
            "def settings_at(epoch: int, step: int) -> dict[str, Any]:\n"
            f"    now: dict[str, Any] = {{{first}}}\n"
            "    for from_epoch, from_step, name, value in CHANGES:\n"
            "        if (from_epoch, from_step) <= (epoch, step):\n"
            "            now[name] = value\n"
            "    return now\n\n\n"
        )

    def _before_step(self) -> str:
        live = bool(self._changes)
        changed = {one.setting for one in self._changes}
        if not live and not self._varies and not self._plateau:
            return ""
        text = "        now = settings_at(epoch, step)\n" if live else ""
        epochs = 'now["epochs"]' if live else repr(self._config.epochs)
        factors = ""
        if self._varies:
            text += "        done = epoch - 1 + (step - 1) / steps\n"
            factors += f" * lr_factor(done, {epochs})"
        if self._plateau:
            factors += " * scale"
        if "threads" in changed:
            text += '        torch.set_num_threads(now["threads"])\n'
        text += "        for group in optimizer.param_groups:\n"
        entry = OPTIMIZERS[self._config.optimizer]
        for name in entry.live_settings:
            if name in SCALED:
                text += f'            group["{name}"] = {self._value(name)}{factors}\n'
            elif name in changed:
                text += f'            group["{name}"] = {self._value(name)}\n'
        for key, setting in entry.optional_state.items():
            if setting in changed:  # torch makes it only at a parameter's first step
                text += (
                    f'            for parameter in group["params"] if group["{setting}"] > 0 else ():\n'
                    "                state = optimizer.state.get(parameter, {})\n"
                    f'                if state and "{key}" not in state:\n'
                    f'                    state["{key}"] = torch.zeros_like(parameter)\n'
                )
        return text

    def _value(self, setting: str) -> str:
        """A setting as of the step."""
        return f'now["{setting}"]' if self._changes else repr(getattr(self._config, setting))

    def _step(self) -> str:
        """Forward, backward, update."""
        config = self._config
        if config.accumulate > 1:
            n = config.accumulate
            text = f"        for images, labels in zip(X.tensor_split({n}), y.tensor_split({n}), strict=True):\n"
            text += "            if len(images):\n" + self._backward("images", "labels", 16)
        else:
            text = self._backward("X", "y", 8)
        if config.clip:
            text += (
                '        parameters = [one for group in optimizer.param_groups for one in group["params"]]\n'
                f"        nn.utils.clip_grad_norm_(parameters, {config.clip!r})\n"
            )
        text += "        optimizer.step()\n        optimizer.zero_grad()\n"
        if config.average == "ema":
            text += "        averaged.update_parameters(model)\n"
        return text

    def _backward(self, images: str, labels: str, depth: int) -> str:
        config, indent = self._config, " " * depth
        lines = [f"pred = model({images})", f"loss = loss_fn(pred, {labels})"]
        if config.amp != "none":
            lines = ["with torch.autocast(device.type, torch.bfloat16):", *(f"    {line}" for line in lines)]
        backward = "loss.backward()"
        if config.accumulate > 1:
            backward = "(loss if len(images) == len(X) else loss * (len(images) / len(X))).backward()"
        return "".join(f"{indent}{line}\n" for line in lines) + f"{'' if depth > 8 else chr(10)}{indent}{backward}\n"

    def _swa(self) -> str:
        """Empty without stochastic weight averaging."""
        config = self._config
        if config.average != "swa" or (self._part and not self._evaluated and self._last[0] == 1):
            return ""
        epochs = 'settings_at(epoch, steps)["epochs"]' if self._changes else repr(config.epochs)
        whole = f" and epoch < {self._last[0]}" if self._part else ""
        last = "    last = step\n" if self._changes else ""
        epochs = epochs.replace("steps", "last + 1")
        return (
            f"{last}    if epoch >= {config.average_from!r} * {epochs}{whole}:\n"
            "        averaged.update_parameters(model)\n"
            "        drawn = torch.get_rng_state()  # the statistics of batch norm draw nothing from the training\n"
            f"        swa_utils.update_bn({self._batches}, averaged.module)\n"
            "        torch.set_rng_state(drawn)\n"
        )

    def _plateau_code(self) -> str:
        if not self._plateau:
            return ""
        config = self._config
        result, gain = (
            ("accuracy", "result - best") if config.monitor == "accuracy" else ("loss_there", "best - result")
        )
        return (
            f"\n    result = {result}\n"
            f"    if result == result and (best is None or {gain} > {config.min_delta!r}):  # never better: NaN\n"
            "        best, since = result, epoch\n"
            f"    if epoch - since >= {config.lr_patience}:  # epochs without improvement\n"
            f"        since, scale = epoch, scale * {config.gamma!r}\n"
        )
