"""A figure with its goal, and how it is printed."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One result. ``goal`` is text such as ``>= 0.8``; ``met`` is None where there is none."""

    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def table(figures: Sequence[Figure]) -> str:
    """All figures, one a line."""
    rows = [("figure", "value", "unit", "goal", "met", "")]
    rows += [
        (f.name, f"{f.value:.3g}", f.unit, f.goal, {True: "yes", False: "NO", None: ""}[f.met], f.note) for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def cpu_s(process: int) -> float:
    """CPU time that a process has used so far, in seconds (the kernel counts in steps of 10 ms)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def median_ms(act: Callable[[], object], repeat: int = 15) -> tuple[float, float]:
    """Wall and CPU time of an action in ms: the medians, the first time not counted."""
    act()
    wall, cpu = [], []
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        act()
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return statistics.median(wall), statistics.median(cpu)
