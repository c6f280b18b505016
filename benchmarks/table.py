"""How every benchmark reports: a table for people, and with `--json` one JSON object for programs."""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measured number against what it must reach."""

    what: str
    value: float
    unit: str
    target: str = ""  # such as "≥ 2.5"; empty: nothing was promised
    met: bool | None = None


def at_least(what: str, value: float, target: float, unit: str = "×") -> Row:
    return Row(what, value, unit, f"≥ {target:g}", value >= target)


def at_most(what: str, value: float, target: float, unit: str = "×") -> Row:
    return Row(what, value, unit, f"≤ {target:g}", value <= target)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return made


def report(name: str, rows: Sequence[Row], *, as_json: bool, **about: Any) -> None:
    """Print the rows; `about` says under what they were measured."""
    about = {"machine": machine(), **about}
    if as_json:
        print(json.dumps({"benchmark": name, **about, "rows": [vars(row) for row in rows]}))
        return
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in about.items()))
    width = max((len(row.what) for row in rows), default=0)
    for row in rows:
        verdict = "" if row.met is None else f"   wanted {row.target}: {'met' if row.met else 'NOT MET'}"
        print(f"  {row.what:<{width}}  {row.value:>10.3f} {row.unit}{verdict}")


def machine() -> str:
    """The processor and the cores this process may use."""
    from engine.device import usable_cores

    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{name}, {usable_cores()} cores"
