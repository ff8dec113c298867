"""What the protocol says of one artifact."""

from pathlib import Path

from pydantic import Field, ValidationError

from export.errors import RecipeError
from registry.manifest import Frozen, Sha256

PROTOCOL_FILE = "protocol.json"
# More than any of it is known to.
DECIMALS = 4


class Estimate(Frozen):
    """A number, and the interval in which 95% of the resamples have it."""

    value: float
    low: float
    high: float


class Quality(Frozen):
    """Of one set of documents; a rate is null where there are none that it could be of."""

    n: int
    auroc: float | None
    true_positive_rate: float | None
    false_positive_rate: float | None


class Named(Frozen):
    """Of the documents of a domain or a generator, or of all documents changed in one way."""

    name: str
    quality: Quality


class Length(Frozen):
    """When only the first so many words are read."""

    words: int
    quality: Quality

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of the shares of human and of AI texts that are labelled right."""
        found, flagged = self.quality.true_positive_rate, self.quality.false_positive_rate
        return None if found is None or flagged is None else (found + 1 - flagged) / 2


class Bin(Frozen):
    """Documents whose probability lies in one fifteenth of [0, 1]."""

    n: int
    probability: float
    """Their mean."""
    ai_share: float


class Point(Frozen):
    """Of the ROC curve."""

    false_positive_rate: float
    true_positive_rate: float


class Measured(Frozen):
    """Rates are at the threshold of the manifest, unless their name says where."""

    model: str
    digest: Sha256
    dataset: str
    dataset_sha256: Sha256
    held_out: bool
    """Whether these are documents of the training data, of groups that no fit has seen."""
    n: int = Field(gt=0)
    n_human: int
    threshold: float
    auroc: Estimate
    tpr_at_1pct_fpr: Estimate
    tpr_at_5pct_fpr: Estimate
    true_positive_rate: Estimate
    false_positive_rate: Estimate
    expected_calibration_error: Estimate
    roc: tuple[Point, ...]
    reliability: tuple[Bin, ...]
    domains: tuple[Named, ...]
    generators: tuple[Named, ...]
    """Each one's texts against all human texts."""
    lengths: tuple[Length, ...]
    unchanged: Quality
    """Of the documents that were changed, as they were."""
    perturbations: tuple[Named, ...]

    @property
    def model_id(self) -> str:
        """Without the version."""
        return self.model.partition("@")[0]

    def to_bytes(self) -> bytes:
        """The bytes of protocol.json."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_measured(recipe_folder: Path) -> Measured | None:
    """What stands beside a recipe; None where nothing does. Raises RecipeError."""
    path = recipe_folder / PROTOCOL_FILE
    try:
        return Measured.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as exc:
        raise RecipeError(f"{path} is not a measurement: {exc}") from exc
