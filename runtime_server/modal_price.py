"""What a container on Modal costs while it is up.

List prices of https://modal.com/pricing as they were reported in June 2026, in US dollars per hour:
to be compared with that page before money depends on them. Choosing a region, or containers that
are never preempted, multiplies them; this project asks for neither.
"""

from typing import Final

from runtime_server.modal_plan import CPU_CORES, MEMORY_MIB, NO_GPU
from runtime_server.settings import Settings

USD_PER_HOUR: Final = {
    NO_GPU: 0.0,
    "T4": 0.5904,
    "L4": 0.7992,
    "A10": 1.1016,
    "L40S": 1.9512,
    "A100": 2.0988,
    "A100-40GB": 2.0988,
    "A100-80GB": 2.4984,
    "H100": 3.9492,
    "H200": 4.5396,
    "B200": 6.2496,
}
USD_PER_CORE_HOUR: Final = 0.0473
USD_PER_GIB_HOUR: Final = 0.0080
_MIB_PER_GIB: Final = 1024


def usd_per_hour(settings: Settings) -> float | None:
    """GPU, cores and memory of a container; None where the price of its GPU is not known."""
    if settings.modal_usd_per_hour is not None:
        return settings.modal_usd_per_hour
    # H100! is an H100 that Modal never upgrades, and B200+ a B200 that it may.
    gpu = USD_PER_HOUR.get(settings.modal_gpu.rstrip("!+"))
    if gpu is None:
        return None
    memory = MEMORY_MIB / _MIB_PER_GIB * USD_PER_GIB_HOUR
    return gpu + CPU_CORES * USD_PER_CORE_HOUR + memory
