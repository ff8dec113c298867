"""What the texts of one model cost, in every way that there is a price and a measurement for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.suites.cost.bill import (
    SECONDS_PER_HOUR,
    Bill,
    Containers,
    Machine,
    Visitors,
    break_even,
)
from benchmarks.suites.cost.measured import CUDA, LOCAL, MODAL, Rate
from benchmarks.suites.cost.prices import Prices
from runtime_server.cpu_quota import usable_cores
from runtime_server.modal_plan import CPU_CORES, MEMORY_MIB
from runtime_server.settings import Settings

MILLION_COST: Final = "cost of a million texts"
MONTH_COST: Final = "cost of a month of"
BREAK_EVEN: Final = "break-even in texts a month"
TEXTS: Final = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
AXIS: Final = "texts a month"
# Modal's core is a physical one; those of virtual machines are threads of one.
THREADS_PER_CORE: Final = 2
IDLE_S: Final = float(Settings.model_fields["modal_idle_s"].default)
MIB_PER_GIB: Final = 1024


@dataclass(frozen=True)
class Offer:
    """One way to have a model's texts judged: its bill by texts a month, for ways they may come.

    A name in `bills` is empty where it does not matter how they come.
    """

    model: str
    name: str
    usd_per_million: float
    bills: Mapping[str, Bill]
    told: str

    def findings(self) -> Iterator[Finding]:
        """Of a million texts at best, and of months."""
        yield Measurement(
            subject=f"{self.model}, {self.name}",
            quantity=MILLION_COST,
            unit="$",
            values=(self.usd_per_million,),
            told=self.told,
        )
        for arrival, bill in self.bills.items():
            for texts in TEXTS:
                yield Measurement(
                    subject=f"{self.name}{arrival and f', {arrival}'}",
                    # A plot of each model: where its lines cross is what is asked.
                    quantity=f"{MONTH_COST} {self.model}",
                    unit="$",
                    values=(bill(texts),),
                    at={AXIS: texts},
                    told=self.told,
                )


@dataclass(frozen=True)
class Costs:
    """Of one model. `rates` are by place."""

    model: str
    prices: Prices
    rates: Mapping[str, Rate]
    download_bytes: float | None

    def findings(self) -> Iterator[Finding]:
        """Of every offer, and where they cross."""
        for offer in self._offers():
            yield from offer.findings()
        for name, containers in self._containers():
            yield from self._crossings(name, containers)

    def _offers(self) -> Iterator[Offer]:
        for name, (machine, told) in self._machines().items():
            yield Offer(self.model, name, machine.usd_per_million, {"": machine.bill}, told)
        for name, containers in self._containers():
            bills, told = _arrivals(containers), self._container_told(name)
            yield Offer(self.model, name, containers.usd_per_million, bills, told)
        if self.download_bytes is not None:
            yield self._browsers(self.download_bytes)

    def _machines(self) -> Mapping[str, tuple[Machine, str]]:
        rate, assumed = self.rates.get(LOCAL), self.prices.assumed
        if rate is None:
            return {}
        return {
            one.name: (
                Machine(
                    rate.per_s * one.cores / usable_cores(),
                    one.usd_per_month,
                    assumed.utilisation,
                    self._month_s,
                ),
                f"{one.usd_per_month:g} $ a month ({one.source}, {one.date}), used up to "
                f"{assumed.utilisation:.0%}; as fast per core as here; {rate.told}",
            )
            for one in self.prices.vps
        }

    def _containers(self) -> Iterator[tuple[str, Containers]]:
        rate = self.rates.get(MODAL)
        if rate is not None:
            scale = CPU_CORES * THREADS_PER_CORE / usable_cores()
            yield "Modal, no GPU", self._container(rate.per_s * scale, None)
        on_gpu = self.rates.get(CUDA)
        if on_gpu is not None:
            for gpu in self.prices.modal.usd_per_gpu_hour:
                yield f"Modal, {gpu}", self._container(on_gpu.per_s, gpu)

    def _container(self, per_s: float, gpu: str | None) -> Containers:
        gib = MEMORY_MIB / MIB_PER_GIB
        hourly = self.prices.modal.usd_per_hour(CPU_CORES, gib, gpu)
        start_s = self.prices.assumed.modal_start_s
        return Containers(per_s, hourly, start_s, IDLE_S, self._month_s)

    def _container_told(self, name: str) -> str:
        modal, start_s = self.prices.modal, self.prices.assumed.modal_start_s
        fast = (
            f"as fast per hardware thread as here, {THREADS_PER_CORE} to a core"
            if "no GPU" in name
            else "as fast as the GPU here, whichever it is"
        )
        rate = self.rates[MODAL if "no GPU" in name else CUDA]
        return (
            f"{CPU_CORES:g} cores, {MEMORY_MIB / MIB_PER_GIB:g} GiB ({modal.source}, "
            f"{modal.date}); a start of {start_s:g} s and {IDLE_S:g} s of idleness are paid; "
            f"{fast}; {rate.told}"
        )

    def _browsers(self, size: float) -> Offer:
        egress, each = self.prices.egress, self.prices.assumed.texts_per_visitor
        visitors = Visitors(size, egress.usd_per_gb, each)
        told = (
            f"no computing is paid, {size / 1e6:.1f} MB at a first visit at "
            f"{egress.usd_per_gb:g} $ per GB ({egress.source}, {egress.date}); {each:g} texts of "
            "each visitor"
        )
        return Offer(self.model, "browsers", visitors.usd_per_million, {"": visitors.bill}, told)

    def _crossings(self, name: str, containers: Containers) -> Iterator[Finding]:
        for vps, (machine, _) in self._machines().items():
            for arrival, bill in _arrivals(containers).items():
                subject = f"{self.model}, {vps} against {name}, {arrival}"
                texts = break_even(machine.usd_per_month, bill)
                if texts is None or texts > machine.most_texts:
                    why = f"one {vps} can judge {machine.most_texts:,.0f} texts a month; up to "
                    yield Missing(subject=subject, why=f"{why}there, {name} costs less")
                    continue
                share = texts / machine.most_texts
                told = (
                    f"from there on the VPS costs less; {share:.2%} of what it can do; "
                    f"{self._container_told(name)}"
                )
                yield Measurement(
                    subject=subject,
                    quantity=BREAK_EVEN,
                    values=(float(texts),),
                    better=Better.NEITHER,
                    told=told,
                )

    @property
    def _month_s(self) -> float:
        return self.prices.assumed.hours_per_month * SECONDS_PER_HOUR


def _arrivals(containers: Containers) -> Mapping[str, Bill]:
    return {"texts spread over the month": containers.spread, "texts at once": containers.at_once}
