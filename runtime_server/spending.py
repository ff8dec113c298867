"""What Modal costs: of a call, of a day, and when the day's budget is used up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from runtime_server.engine import Availability

_SECONDS_PER_HOUR = 3600.0
Clock = Callable[[], float]


class Ledger(Protocol):
    """Adds up what is spent on a day."""

    async def add(self, day: str, usd: float) -> float:
        """The day's sum, with these."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class OwnLedger:
    """Of this process, and as long as it lives."""

    def __init__(self) -> None:
        self._day = ""
        self._usd = 0.0

    async def add(self, day: str, usd: float) -> float:
        """The day's sum, with these."""
        if day != self._day:
            self._day, self._usd = day, 0.0
        self._usd += usd
        return self._usd

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class Price:
    """US dollars per hour of a container that is up, which it is for `idle_s` after a call."""

    usd_per_hour: float
    idle_s: float

    def usd(self, seconds: float) -> float:
        """Of so many seconds."""
        return seconds * self.usd_per_hour / _SECONDS_PER_HOUR


class Spending:
    """Charges the time in which a container is up: its start, its calls, and `idle_s` after each.

    That is what Modal bills where one container is enough for a model. Where calls overlap so much
    that Modal starts a second one, it bills more than is counted here.
    """

    def __init__(
        self,
        price: Price | None,
        budget_usd: float | None,
        ledger: Ledger,
        told: Callable[[str, float], None] = lambda *_: None,
        clock: Clock = time.time,
    ) -> None:
        """`told` hears model and US dollars, at each charge; `clock` is in Unix seconds."""
        self._price = price
        self._budget_usd = budget_usd
        self._ledger = ledger
        self._told = told
        self._clock = clock
        self._paid_until: dict[str, float] = {}
        self._day = ""
        self._today_usd = 0.0

    @property
    def today_usd(self) -> float:
        """Spent since midnight, UTC, as far as it is known here."""
        return self._today_usd if self._day == self._today() else 0.0

    @property
    def availability(self) -> Availability:
        """Whether there is budget left."""
        if self._budget_usd is None or self.today_usd < self._budget_usd:
            return Availability()
        told = (
            f"${self.today_usd:.2f} of ${self._budget_usd:.2f} a day are spent; midnight UTC resets"
        )
        return Availability("budget_exhausted", told)

    def cost_usd(self, run_s: float) -> float | None:
        """Of a container that works so long; None where the price is not known."""
        return None if self._price is None else self._price.usd(run_s)

    async def charge(self, model: str, began: float, ended: float) -> None:
        """A container of the model was up from `began` to `ended`, Unix seconds, for a call."""
        if self._price is None:
            return
        until = ended + self._price.idle_s
        paid = self._paid_until.get(model, 0.0)
        self._paid_until[model] = max(paid, until)
        usd = self._price.usd(max(0.0, until - max(began, paid)))
        self._told(model, usd)
        await self._add(usd)

    async def look(self) -> None:
        """See what others have spent."""
        await self._add(0.0)

    async def close(self) -> None:
        """Let go of connections."""
        await self._ledger.close()

    async def _add(self, usd: float) -> None:
        day = self._today()
        total = await self._ledger.add(day, usd)
        # Answers may come in another order than the sums were made in.
        self._today_usd = max(total, self._today_usd) if day == self._day else total
        self._day = day

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
