"""How many cores this process may really use: its affinity, and its cgroup's quota."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUP: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")


def usable_cores(cgroup: Path = CGROUP, membership: Path = MEMBERSHIP) -> int:
    """At least 1; a quota of 1.5 cores counts as 2."""
    limits = (float(_affinity()), *_quotas_v2(cgroup, membership), *_quota_v1(cgroup))
    return max(1, math.ceil(min(limits)))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas_v2(cgroup: Path, membership: Path) -> Iterator[float]:
    own = cgroup / _own_group(membership)
    # Every group above limits its members too.
    for folder in (own, *own.parents):
        if not folder.is_relative_to(cgroup):
            return
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            yield math.inf if quota == "max" else int(quota) / int(period)
        except (OSError, ValueError):
            continue


def _own_group(membership: Path) -> str:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return ""
    unified = (line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
    return next(unified, "")


def _quota_v1(cgroup: Path) -> Iterator[float]:
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return
    if quota > 0 and period > 0:
        yield quota / period
