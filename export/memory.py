"""Resident memory of processes: of any on Linux; elsewhere only the own peak is known."""

import ctypes
import gc
import resource
import sys
from pathlib import Path

_UNIT = 1 if sys.platform == "darwin" else 1024


def resident_bytes(pid: int) -> int | None:
    """What the process holds now; None where that cannot be seen."""
    return _status_bytes(Path(f"/proc/{pid}/status"), "VmRSS")


def peak_bytes() -> int:
    """The most that this process held since `reset_peak`, or since it began."""
    # getrusage is second choice on Linux: a process inherits the peak of the one that started it.
    peak = _status_bytes(Path("/proc/self/status"), "VmHWM")
    return peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def give_back() -> None:
    """Return what is free to the system; glibc keeps it for itself otherwise (malloc_trim(3))."""
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def reset_peak() -> None:
    """Begin a new measurement, where the system can (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status_bytes(status: Path, field: str) -> int | None:
    try:
        lines = status.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = next((line for line in lines if line.startswith(f"{field}:")), None)
    return int(found.split()[1]) * 1024 if found else None
