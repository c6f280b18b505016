"""The learning rate schedules as a script spells them: `lr_factor(done)`, the arithmetic of `engine.training.schedules`
step by step, so that it gives the same bits."""

from engine.export import source
from engine.training import schedules
from engine.training.config import TrainConfig

_PART = "    part = min(1.0, since / (epochs - WARMUP))\n"
BODIES = {  # of each schedule whose factor changes, and the sentence that says what it does
    "step": (
        "`gamma` to the number of times that `step_size` epochs are over.",
        "    return float({gamma!r} ** math.floor(since / {step_size!r} + 1e-9))\n",
    ),
    "cosine": (
        "Half a cosine from 1 to 0 at the end.",
        _PART + "    return _cosine(1.0, 0.0, part)\n",
    ),
    "linear": (
        "A line from 1 to 0 at the end.",
        _PART + "    return 1.0 - part\n",
    ),
    "one_cycle": (
        "A cosine from 1/25 to 1 in the first 30 %, then one down to 1/250,000.",
        _PART
        + f"    if part < {schedules.PCT_START}:\n"
        + f"        return _cosine(1 / {schedules.DIV_FACTOR}, 1.0, part / {schedules.PCT_START})\n"
        + f"    end = 1 / ({schedules.DIV_FACTOR} * {schedules.FINAL_DIV_FACTOR})\n"
        + f"    return _cosine(1.0, end, (part - {schedules.PCT_START}) / (1 - {schedules.PCT_START}))\n",
    ),
}


def code(config: TrainConfig) -> str:
    """The function, with what it needs; empty where the factor is always 1."""
    if not schedules.varies(config):
        return ""
    about, body = BODIES.get(config.schedule, ("1.", "    return 1.0\n"))
    helper = f"{source.of(schedules._cosine)}\n\n" if "_cosine" in body else ""
    warmup = (
        "    if done < WARMUP:\n"
        f"        return {schedules.WARMUP_FROM} + (1 - {schedules.WARMUP_FROM}) * done / WARMUP\n"
        if config.warmup
        else ""
    )
    first = f"WARMUP = {config.warmup!r}  # epochs\n\n\n" if warmup or "WARMUP" in body else ""
    since = "    since = done - WARMUP\n" if first else "    since = done\n"
    if "since" not in body:
        since = ""
    about = f"    {'A line from 0.01 to 1 over the warm-up; then: ' if warmup else ''}{about}\n"
    return (
        f"{first}{helper}def lr_factor(done: float, epochs: int) -> float:\n"
        '    """What the learning rate is multiplied by after `done` of `epochs` epochs.\n\n'
        f'{about}    """\n'
        f"{warmup}{since}{body.format(gamma=config.gamma, step_size=config.step_size)}"
    )
