"""What a worker tells the process that started it."""

from dataclasses import dataclass

from export.jobs.record import BuildInputs, PassCost
from registry import Manifest


@dataclass(frozen=True)
class PassBegun:
    """The build has come to this pass."""

    name: str


@dataclass(frozen=True)
class Built:
    """The artifact is published: what its passes cost, how many weights it has, and its inputs."""

    manifest: Manifest
    passes: tuple[PassCost, ...]
    parameters: int
    inputs: BuildInputs

    @property
    def model_id(self) -> str:
        """Of the artifact."""
        return self.manifest.model_id


@dataclass(frozen=True)
class Failed:
    """Nothing was published; `error` names the model and the pass."""

    model_id: str
    error: str


Outcome = Built | Failed
Message = PassBegun | Outcome
