"""The machine that a figure was measured on; without it the figure is noise."""

import os
import platform
from pathlib import Path


def this_machine() -> str:
    """As in `AMD EPYC, 2 cores, Linux x86_64`."""
    return f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
