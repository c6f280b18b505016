"""What is measured before a run begins, on its own network, data and device: which of several ways is the fastest.

The network, the optimizer and the generators are afterwards what they were before. What was chosen stands in the
config, so that a resume chooses nothing; the figures that decided are told.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch

from engine import device as devices
from engine.errors import ConfigError, ModelError
from engine.training.lr_range import as_it_was
from engine.training.setting import TUNE
from engine.training.setup import TrainingSetup
from engine.training.stepping import stepping_of

ROUNDS = 2
MEASURED_S = 0.2  # of each way in each round, or MOST steps
MOST = 20
BATCH_SIZES = (32, 64, 128, 256, 512, 1024, 2048)
ENOUGH = 0.95  # of the highest rate: the smallest batch that reaches so much is taken
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
T = TypeVar("T")


def tuned(setup: TrainingSetup) -> TrainingSetup:
    """`decided`, then `compiled`."""
    return compiled(decided(setup))


def decided(setup: TrainingSetup) -> TrainingSetup:
    """The setup with what its config leaves to be measured, decided: threads, memory format, batch size. Raises
    ConfigError where mixed precision is slower than float32."""
    config = setup.config
    if config.threads == TUNE:
        setup = _threads(setup)
    if config.memory_format == "auto":
        setup = _memory_format(setup)
    if config.batch_size == TUNE:
        setup = _batch_size(setup)
    if config.amp != "none":
        _refuse_slower(setup)
    return setup


def _threads(setup: TrainingSetup) -> TrainingSetup:
    numbers = [number for number in (1, 2, 4, 8, 16, 32, 64, 128) if number <= devices.usable_cores()]
    numbers = sorted({*numbers, devices.usable_cores()})

    def with_threads(number: int) -> float:
        torch.set_num_threads(number)
        return _step_s(setup, *_batch(setup))

    chosen, words = _fastest(setup, "threads", numbers, with_threads)
    torch.set_num_threads(chosen)
    return _decided(setup, words, threads=chosen)


def _memory_format(setup: TrainingSetup) -> TrainingSetup:
    def in_format(name: str) -> float:
        setup.network.to(memory_format=FORMATS[name])
        return _step_s(setup, *_batch(setup))

    chosen, words = _fastest(setup, "memory format", list(FORMATS), in_format)
    setup.network.to(memory_format=FORMATS[chosen])
    return _decided(setup, words, memory_format=chosen)


def _batch_size(setup: TrainingSetup) -> TrainingSetup:
    sizes = [size for size in BATCH_SIZES if size <= setup.train_batches.samples] or [setup.train_batches.samples]
    rates: dict[int, float] = {}
    for size in sizes:
        try:
            rates[size] = size / _step_s(setup, *_batch(setup, size))
        except torch.OutOfMemoryError:
            break
    if not rates:
        raise ConfigError("batch_size", f"--batch-size: a step with {sizes[0]} images does not fit into memory")
    highest = max(rates.values())
    chosen = setup.team.agree(next(size for size, rate in rates.items() if rate >= ENOUGH * highest))
    told = ", ".join(f"{size}: {rate:,.0f}" for size, rate in rates.items())
    for batches in (setup.train_batches, *setup.evaluated_batches.values()):
        batches.change(batch_size=chosen)
        batches.set_epoch(0)
    return _decided(setup, f"batch size {chosen}, of images/s {told}", batch_size=chosen)


def _refuse_slower(setup: TrainingSetup) -> None:
    """Raises ConfigError where the config's mixed precision makes a step slower."""
    config, (X, y) = setup.config, _batch(setup)
    plain = replace(config, amp="none")
    there = stepping_of(plain, setup.model, setup.train_loss_fn, setup.optimizer, setup.device)
    float32 = replace(setup, stepping=there)
    without, with_it = (min(_step_s(one, X, y) for _ in range(ROUNDS)) for one in (float32, setup))
    if setup.team.agree(with_it > without):
        raise ConfigError(
            "amp",
            f"--amp {config.amp}: {devices.name(setup.device)} is slower with it: a step takes "
            f"{1000 * with_it:.3g} ms, and {1000 * without:.3g} ms in float32",
        )


def compiled(setup: TrainingSetup) -> TrainingSetup:
    """The setup with its network compiled for both sizes of batches that an epoch has, where the config says so. Raises
    ConfigError and ModelError where that can't be."""
    if not setup.config.compile:
        return setup
    if setup.team.size > 1:
        raise ConfigError("compile", "--compile: several processes together train the network as it is; leave it out")
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns of CUDA that is not asked for
    begin = time.perf_counter()
    model: Any = torch.compile(setup.network)
    stepping = stepping_of(setup.config, model, setup.train_loss_fn, setup.optimizer, setup.device)
    made = replace(setup, model=model, stepping=stepping)
    size, samples = setup.train_batches.batch_size, setup.train_batches.samples
    try:
        for images in dict.fromkeys([min(size, samples), samples % size or min(size, samples)]):
            X, y = _batch(made, images)
            with as_it_was(made.network, made.optimizer, made.stepping):
                made.model.train()
                _step(made, X, y)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        why = f"{type(error).__name__}: {lines[0].strip() if lines else ''}"[:300]
        raise ModelError(f"--compile: torch.compile can't make {setup.config.model}: {why}") from error
    return replace(made, compile_s=time.perf_counter() - begin)


def _batch(setup: TrainingSetup, size: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """So many training images and labels; 0: a whole batch. Draws nothing that counts."""
    batches = setup.train_batches.copy()
    batches.change(batch_size=size or batches.batch_size)
    batches.set_epoch(1)
    with torch.random.fork_rng(devices=[setup.device] if setup.device.type == "cuda" else []):
        X, y = next(iter(batches))
    return X, y


def _fastest(setup: TrainingSetup, what: str, ways: Sequence[T], seconds: Callable[[T], float]) -> tuple[T, str]:
    """The way whose step is the fastest, as process 0 finds it, and the figures in words."""
    taken = dict.fromkeys(ways, math.inf)
    for _ in range(ROUNDS):  # in turn, so that what else the machine does hits all of them
        for way in ways:
            taken[way] = min(taken[way], seconds(way))
    chosen: T = setup.team.agree(min(ways, key=taken.__getitem__))
    told = ", ".join(f"{way}: {1000 * value:.3g} ms" for way, value in taken.items())
    return chosen, f"{what} {chosen}, of steps of {told}"


def _decided(setup: TrainingSetup, words: str, **chosen: Any) -> TrainingSetup:
    return replace(setup, config=replace(setup.config, **chosen), measured=(*setup.measured, words))


def _step_s(setup: TrainingSetup, X: torch.Tensor, y: torch.Tensor) -> float:
    """Seconds of a step, the shortest of several."""
    taken: list[float] = []
    with as_it_was(setup.network, setup.optimizer, setup.stepping):
        setup.model.train()
        _step(setup, X, y)  # the first one makes the optimizer's state
        begun = time.perf_counter()
        while len(taken) < 3 or (len(taken) < MOST and time.perf_counter() - begun < MEASURED_S):
            before = time.perf_counter()
            _step(setup, X, y)
            taken.append(time.perf_counter() - before)
    return min(taken)


def _step(setup: TrainingSetup, X: torch.Tensor, y: torch.Tensor) -> None:
    """One step as the training does it, to its end."""
    if setup.stepping is not None:
        setup.stepping(X, y)
    else:
        setup.train_loss_fn(setup.model(X), y).backward()
        setup.optimizer.step()
        setup.optimizer.zero_grad()
    if setup.device.type == "cuda":
        torch.cuda.synchronize(setup.device)
