"""How a user's own classifier is calibrated: what a recipe says under [source.calibration]."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Temperature(_Strict):
    """Divides the log-odds by a number that was fitted on held-out texts.

    Guo et al., "On calibration of modern neural networks" (2017).
    """

    method: Literal["temperature"]
    temperature: float = Field(gt=0)

    @property
    def slope(self) -> float:
        """What the log-odds are multiplied by."""
        return 1 / self.temperature

    @property
    def intercept(self) -> float:
        """What is added to them."""
        return 0.0


class Platt(_Strict):
    """sigmoid(slope * log-odds + intercept), both fitted on held-out texts.

    Platt, "Probabilistic outputs for support vector machines" (1999).
    """

    method: Literal["platt"]
    slope: float = Field(gt=0)
    intercept: float


Calibration = Annotated[Temperature | Platt, Field(discriminator="method")]
