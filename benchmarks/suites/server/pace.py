"""How long each question is asked, by what is left of the suite's time."""

from dataclasses import dataclass

ROUNDS = 5
PEAK_S = 2
# Shares of the time of one server: the rest is for bad input, SIGTERM, and what comes between.
PEAKS, RATES, OVERLOAD = 0.28, 0.38, 0.18
# Streams at a fixed rate of one server; each has a sender that starts and is ended.
STREAMS = 4
SENDER_S = 0.7
# An overload of a second leaves two seconds of work to a server that gives nothing up.
OVERLOAD_AND_AFTER = 3
LEAST_S = 0.4


@dataclass(frozen=True)
class Pace:
    """Seconds of each load; wrk takes whole ones."""

    rounds: int
    peak_s: int
    rate_s: float
    overload_s: float

    @classmethod
    def of(cls, left_s: float, servers: int) -> "Pace":
        """For so many servers in so many seconds. The least is what gives any figure at all."""
        each = max(left_s, 0) / max(servers, 1)
        rounds = min(ROUNDS, max(1, round(PEAKS * each / PEAK_S)))
        return cls(
            rounds=rounds,
            peak_s=max(1, round(PEAKS * each / rounds)),
            rate_s=max(LEAST_S, RATES * each / STREAMS - SENDER_S),
            overload_s=max(LEAST_S, OVERLOAD * each / OVERLOAD_AND_AFTER),
        )
