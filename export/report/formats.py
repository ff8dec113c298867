"""How the report writes figures."""

from collections.abc import Callable


def size(count: float, decimals: int = 1) -> str:
    """Bytes, as in `24.2 MB`; units of 10^3, 10^6 and 10^9."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.{decimals}f} {name}"
    return f"{count:.0f} B"


def distance(value: float) -> str:
    """A difference of probability, with two digits: `0.019`, or `1.1e-6` where it is small."""
    if value == 0:
        return "0"
    if value >= 1e-3:
        return f"{value:.2g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def percent(value: float) -> str:
    """A share, as in `1.9%`."""
    return f"{100 * value:.1f}%"


def seconds(value: float) -> str:
    """As in `8.2 s` or `3.4 min`."""
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.1f} s"


def milliseconds(value: float) -> str:
    """As in `7.3 ms`, with three digits."""
    return (
        f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
    )


def share(value: float, whole: float) -> str:
    """Per cent of the whole, 100 at most, for a bar's width."""
    return place(min(100.0, 100 * value / whole) if whole else 0.0)


def place(value: float) -> str:
    """A coordinate in per cent."""
    return f"{value:.2f}"


FILTERS: dict[str, Callable[..., str]] = {
    "bytes": size,
    "distance": distance,
    "percent": percent,
    "seconds": seconds,
    "milliseconds": milliseconds,
    "place": place,
}
