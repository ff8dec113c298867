"""What is paid for: prices.toml, or the file that BENCHMARK_PRICES names."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

VARIABLE: Final = "BENCHMARK_PRICES"
DEFAULT: Final = Path(__file__).resolve().parents[2] / "prices.toml"
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PricesError(Exception):
    """A file of prices that cannot be used."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Assumed(_Value):
    """What no price list says. `utilisation` is a share, `modal_start_s` of one container."""

    utilisation: Annotated[float, Field(gt=0, le=1)]
    texts_per_visitor: Positive
    hours_per_month: Positive
    modal_start_s: Amount


class Vps(_Value):
    """A machine by the month."""

    name: str
    cores: Annotated[int, Field(ge=1)]
    usd_per_month: Positive
    source: str
    date: str


class Modal(_Value):
    """A container while it is up: its cores, its memory, its GPU."""

    source: str
    date: str
    usd_per_core_hour: Amount
    usd_per_gib_hour: Amount
    usd_per_gpu_hour: Mapping[str, Amount]

    def usd_per_hour(self, cores: float, gib: float, gpu: str | None = None) -> float:
        """Raises KeyError for a GPU without a price."""
        card = 0.0 if gpu is None else self.usd_per_gpu_hour[gpu]
        return card + cores * self.usd_per_core_hour + gib * self.usd_per_gib_hour


class Egress(_Value):
    """What a host of downloads charges, per 10^9 bytes."""

    usd_per_gb: Amount
    source: str
    date: str


class Prices(_Value):
    """All of them."""

    assumed: Assumed
    vps: Annotated[tuple[Vps, ...], Field(min_length=1)]
    modal: Modal
    egress: Egress

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """From this file, else the one that BENCHMARK_PRICES names. Raises PricesError."""
        path = path or Path(os.environ.get(VARIABLE) or DEFAULT)
        try:
            return cls.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise PricesError(f"{path}: {exc}") from None
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise PricesError(f"{path}: {where}: {first['msg']}") from None
