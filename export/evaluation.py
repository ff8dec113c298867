"""evaluation.json of a recipe: what was measured, for the manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.errors import RecipeError
from export.recipe import RECIPE_FILE, Recipe
from registry.manifest import Decision, OperatingPoint, Quality

EVALUATION_FILE = "evaluation.json"


class Evaluation(BaseModel):
    """Scores of the shipped weights on documents whose groups were held out of training.

    What has a default is for the model card; training fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    dataset_sha256: str
    n_train: int | None = None
    ai_share: float | None = None
    n: int = Field(gt=0)
    threshold: float
    target_fpr: float
    calibration: str
    auroc: float
    tpr_at_1pct_fpr: float
    fpr_at_threshold: float
    tpr_at_threshold: float
    expected_calibration_error: float
    operating_points: tuple[OperatingPoint, ...] = ()
    uncertain_from: float | None = None
    min_words: int | None = None
    auroc_by_domain: Mapping[str, float] = {}
    auroc_by_generator: Mapping[str, float] = {}
    fpr_by_domain: Mapping[str, float] = {}
    auroc_by_words: Mapping[str, float] = {}
    auroc_leave_one_domain_out: Mapping[str, float] = {}
    auroc_leave_one_generator_out: Mapping[str, float] = {}

    @property
    def mean_unseen_auroc(self) -> float:
        """Mean over domains of the AUROC with that domain left out of training."""
        values = self.auroc_leave_one_domain_out.values()
        return sum(values) / len(values)

    @property
    def all_operating_points(self) -> tuple[OperatingPoint, ...]:
        """The threshold that is shipped among the others, the strictest first."""
        own = OperatingPoint(max_false_positive_rate=self.target_fpr, threshold=self.threshold)
        every = (*self.operating_points, own)
        return tuple(sorted(every, key=lambda point: point.max_false_positive_rate))

    def rounded(self) -> Self:
        """With 4 decimals, which is more than any of it is known to."""
        text = self.model_dump_json()
        return self.model_validate(json.loads(text, parse_float=lambda x: round(float(x), 4)))

    def to_bytes(self) -> bytes:
        """The bytes of evaluation.json."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    def decision(self) -> Decision:
        """The manifest's threshold."""
        return Decision(
            threshold=self.threshold,
            target_fpr=self.target_fpr,
            calibration=self.calibration,
            operating_points=self.operating_points,
            uncertain_from=self.uncertain_from,
            min_words=self.min_words,
        )

    def quality(self) -> Quality:
        """The manifest's evidence. Only our training knows that it held the groups out."""
        held_out = "" if self.n_train is None else ", held-out groups"
        unseen = bool(self.auroc_leave_one_domain_out)
        return Quality(
            dataset=f"{self.dataset} (sha256 {self.dataset_sha256[:12]}){held_out}",
            n=self.n,
            auroc=self.auroc,
            leave_one_domain_out_auroc=round(self.mean_unseen_auroc, 4) if unseen else None,
            tpr_at_1pct_fpr=self.tpr_at_1pct_fpr,
            fpr_at_threshold=self.fpr_at_threshold,
            tpr_at_threshold=self.tpr_at_threshold,
            expected_calibration_error=self.expected_calibration_error,
        )


def read_evaluation(recipe_folder: Path) -> Evaluation:
    """The evaluation beside a recipe. Raises RecipeError."""
    path = recipe_folder / EVALUATION_FILE
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RecipeError(
            f"{path} is missing: train the recipe first, or choose a [decision] threshold in "
            f"{RECIPE_FILE}; the manifest then says that the model is not evaluated"
        ) from None
    except ValidationError as exc:
        raise RecipeError(f"{path} is not an evaluation: {exc}") from exc


def evaluation_of(recipe: Recipe) -> Evaluation | None:
    """The recipe's evaluation; null where the recipe chooses its threshold itself.

    Raises:
        RecipeError: there is neither, or there are both and it is unclear which threshold holds.
    """
    if recipe.decision is None:
        return read_evaluation(recipe.folder)
    if (recipe.folder / EVALUATION_FILE).exists():
        raise RecipeError(
            f"{recipe.folder / RECIPE_FILE}: decision: {EVALUATION_FILE} has a measured threshold; "
            "remove one of the two"
        )
    return None
