"""`fmnist-tui model`: a network's modules, its parameters, or one image through it, without the app."""

import json
import sys
from pathlib import Path
from typing import Any

from tui.format import count, size
from tui.tensor_table import as_text

BAR = 30  # cells


def run(home: Path, values: dict[str, Any], *, what: str, as_json: bool) -> int:
    """`values`: of a request (see `engine.inspection.networks`); `what`: summary, parameters or image. Returns 0, or 2
    where an image does not go through the network. Raises EngineError."""
    from engine.inspection import forward, parameters, summary

    compute = {"summary": summary.compute, "parameters": parameters.compute, "image": forward.compute}[what]
    told = compute(home, values, lambda done, total: None).values
    if as_json:
        print(json.dumps(told, indent=1))
    elif what == "summary":
        _summary(told)
    elif what == "parameters":
        print(told["title"])
        print(as_text(told["tensors"]), end="")
    else:
        _image(told)
    if told.get("problem"):
        print(f"fmnist-tui: {told['problem']}", file=sys.stderr)
        return 2
    return 0


def _summary(told: dict[str, Any]) -> None:
    totals = told["totals"]
    shape = " × ".join(map(str, told["shape"]))
    print(f"{told['title']}\n\n{told['printed']}\n")
    rows = [("module", "type", "in", "out", "parameters", "multiply-adds")]
    for module in told["modules"]:
        rows.append(
            (
                module["name"] or "(all)", module["type"], module["inputs"] or "", module["outputs"] or "",
                count(module["parameters"]) if module["parameters"] else "",
                count(module["multiply_adds"]) if module["multiply_adds"] else "",
            )
        )  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(6)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:4], widths, strict=False)]
        cells += [text.rjust(width) for text, width in zip(row[4:], widths[4:], strict=True)]
        print("  ".join(cells).rstrip())
    print(
        f"\n{count(totals['parameters'])} parameters, {count(totals['trainable'])} trainable, "
        f"{count(totals['buffers'])} numbers in buffers, {size(totals['bytes'])}; "
        f"{count(totals['multiply_adds'])} multiply-adds for an image of {shape}"
    )


def _image(told: dict[str, Any]) -> None:
    classes = told["classes"]
    print(f"{told['title']}\n{told['split']} image {told['index']}, {classes[told['label']]}, {told['shape']}\n")
    width = max((len(f"{stage['name']} {stage['type']}") for stage in told["stages"]), default=0)
    for stage in told["stages"]:
        name = f"{stage['name']} {stage['type']}".ljust(width)
        silent = "" if stage["silent"] is None else f"  {100 * stage['silent']:.1f}% zeros"
        print(f"{name}  {stage['before']} → {stage['after']}{silent}")
    if told["logits"] is None:
        return
    print()
    names = max(map(len, classes))
    for at, (name, logit, chance) in enumerate(zip(classes, told["logits"], told["probabilities"], strict=True)):
        mark = "✓" if at == told["label"] else " "
        print(f"{mark} {name.ljust(names)}  {logit:9.4f}  {100 * chance:6.2f}%  {'█' * round(BAR * chance)}".rstrip())
    right = "right" if told["prediction"] == told["label"] else "wrong"
    print(f"\n{classes[told['prediction']]}, {right}; loss {told['loss']:.6f}")
