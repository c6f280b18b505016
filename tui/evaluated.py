"""A result on the test set, in words."""

from typing import Any

from tui.format import count


def evaluated(told: dict[str, Any]) -> str:
    """A result on the test set, in lines."""
    lines = [
        f"{told['model']} on {told['data']}, {count(told['samples'])} test images"
        + (" (computed before)" if told["cached"] else ""),
        f"test accuracy {100 * told['accuracy']:.1f}%, loss {told['loss']:.6f}",
        "",
    ]
    width = max(map(len, told["classes"]))
    for at, (name, share) in enumerate(zip(told["classes"], told["per_class"], strict=True)):
        others = [(number, other) for other, number in enumerate(told["confusion"][at]) if other != at and number]
        most = ", ".join(f"{number} as {told['classes'][other]}" for number, other in sorted(others, reverse=True)[:3])
        accuracy = "none" if share is None else f"{100 * share:5.1f}%"
        lines.append(f"{name.ljust(width)}  {accuracy}  {most}".rstrip())
    return "\n".join(lines)
