"""An item of AVAILABLE_MODELS: a model to serve, where it is, and where it is to run."""

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry import Backend
from runtime_server.routing import RoutingOverride

EVERY: Final = "*"


class ServedModel(BaseModel):
    """`model` is an id, an id@version, or `*`, which is every model of the registry.

    With a `folder` (`<model_id>/<version>`, as `make export` lays it out) it is an artifact from
    outside of the registry. The backends take the place of those that its manifest names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, max_length=200)
    folder: Path | None = None
    preferred_backend: Backend | None = None
    fallback_backends: tuple[Backend, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.model == EVERY and self != ServedModel.model_construct(model=EVERY):
            raise ValueError("* is every model as it is; what is changed is named after it")
        return self

    @property
    def override(self) -> RoutingOverride | None:
        """What it changes about where the model runs; None is nothing."""
        if self.preferred_backend is None and self.fallback_backends is None:
            return None
        return RoutingOverride(self.model, self.preferred_backend, self.fallback_backends)

    def __str__(self) -> str:
        changes = self.model_dump(mode="json", exclude_none=True, exclude={"model"})
        return f"{self.model} {changes}" if changes else self.model
