"""A recipe: the folder export/recipes/<model_id>/ that says what an artifact is made of."""

import tomllib
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.calibration import Calibration
from export.errors import RecipeError
from registry.manifest import (
    VARIANT_MARK,
    FileName,
    InputSpec,
    ModelId,
    Normalizer,
    Probability,
    Quantization,
    SpecialTokens,
    VariantName,
    VersionText,
    Window,
)

RECIPES = Path(__file__).resolve().parent / "recipes"
RECIPE_FILE = "recipe.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Source(_Strict):
    reference: str
    licence: str
    attribution: str


class SklearnSource(_Source):
    """A scikit-learn text pipeline; `weights` is a skops file, or what our training wrote.

    `ai_label` is the pipeline's class that is AI; where the classes are 0 and 1, it is 1.
    """

    kind: Literal["sklearn"]
    weights: FileName
    ai_label: str | int | None = None


class EncoderSource(_Source):
    """A pretrained encoder: `base` is package:NAME, a folder, or a hub id with its `revision`.

    With `weights` it gets a head of ours over the means of its layers. Without, the checkpoint is a
    fine-tuned sequence classifier, whose label `ai_label` (a name or an index) is AI.
    """

    kind: Literal["encoder"]
    base: str
    revision: str | None = None
    weights: FileName | None = None
    ai_label: str | int | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _one_head(self) -> Self:
        if self.weights is not None and (self.ai_label, self.calibration) != (None, None):
            raise ValueError("a head of `weights` has its own label and calibration")
        return self


class CausalLMSource(_Source):
    """A causal language model (`base`: package:NAME, .gguf file, folder) with a head of ours."""

    kind: Literal["causal_lm"]
    base: str
    weights: FileName


class _Member(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class EncoderMember(_Member):
    """The masked means of all layers of an encoder."""

    kind: Literal["encoder"]
    base: str
    normalizer: Normalizer
    max_tokens: int = Field(gt=0)


class CausalLMMember(_Member):
    """The means of all layers of a causal language model, and its features of a text."""

    kind: Literal["causal_lm"]
    base: str
    normalizer: Normalizer
    max_tokens: int = Field(gt=0)


class TokenNgramsMember(_Member):
    """Evidence of which tokens follow each other, in the ids of another member, named `of`.

    Its tables are `NAME.table` and `NAME.scale` of the ensemble's weights.
    """

    kind: Literal["token_ngrams"]
    of: str


class RecipeMember(_Member):
    """The log-odds of another recipe's model; `recipe` is its folder, seen from this one."""

    kind: Literal["recipe"]
    recipe: str


class ArtifactMember(_Member):
    """The log-odds of a built artifact; `artifact` is its folder, seen from this recipe's."""

    kind: Literal["artifact"]
    artifact: str


Member = Annotated[
    EncoderMember | CausalLMMember | TokenNgramsMember | RecipeMember | ArtifactMember,
    Field(discriminator="kind"),
]


class EnsembleSource(_Source):
    """Several models in one graph; windows are counted in the first one's tokens.

    `weights` holds the head over all members' features; without it, the members' log-odds are
    averaged.
    """

    kind: Literal["ensemble"]
    weights: FileName | None = None
    members: tuple[Member, ...] = Field(min_length=2)


Source = Annotated[
    SklearnSource | EncoderSource | CausalLMSource | EnsembleSource, Field(discriminator="kind")
]


class RecipeInput(_Strict):
    """How a text is prepared; `max_tokens` and `window` for models that read tokens."""

    normalizer: Normalizer
    max_tokens: int | None = Field(default=None, gt=0)
    window: Window | None = None


class RecipeDecision(_Strict):
    """A threshold that was chosen, not measured: for a model that nobody has evaluated."""

    threshold: Probability


class Recipe(_Strict):
    """recipe.toml, and the folder it was read from."""

    folder: Path
    model_id: ModelId
    version: VersionText
    task: str
    labels: tuple[str, str]
    source: Source
    input: RecipeInput
    decision: RecipeDecision | None = None
    """Instead of evaluation.json, where the model is not evaluated."""
    quantization: Quantization
    variants: Mapping[VariantName, Quantization] = {}
    external_data: bool = False
    """Keep the weights in model.onnx.data, whatever their size."""

    @model_validator(mode="after")
    def _input_fits_source(self) -> Self:
        terms = (self.input.max_tokens, self.input.window)
        if self.source.kind == "sklearn" and terms != (None, None):
            raise ValueError("input: a sklearn source reads text: no max_tokens, no window")
        if self.source.kind != "sklearn" and None in terms:
            raise ValueError(f"input: a source of kind {self.source.kind} needs max_tokens, window")
        return self

    @property
    def weights(self) -> Path | None:
        """The file of trained weights, where the recipe has one."""
        return self.folder / self.source.weights if self.source.weights else None

    @property
    def max_tokens(self) -> int:
        """Ids of the longest window. Raises RecipeError for a recipe that reads text."""
        if self.input.max_tokens is None:
            raise RecipeError(f"{self.model_id}: the input has no `max_tokens`")
        return self.input.max_tokens

    @property
    def calibration(self) -> str:
        """How the recipe itself calibrates the model: "none" unless it says how."""
        own = getattr(self.source, "calibration", None)
        return "none" if own is None else own.method

    def token_input(self, special_tokens: SpecialTokens) -> InputSpec:
        """The manifest's input of a recipe that reads tokens. Raises RecipeError."""
        try:
            return InputSpec(
                kind="tokens",
                normalizer=self.input.normalizer,
                max_tokens=self.input.max_tokens,
                window=self.input.window,
                special_tokens=special_tokens,
            )
        except ValidationError as exc:
            raise RecipeError(f"{self.model_id}: input: {exc.errors()[0]['msg']}") from None

    def with_variants(self) -> "tuple[Recipe, ...]":
        """This recipe, and for each variant one of its own, called `model_id+variant`."""
        variants = (
            self.model_copy(
                update={
                    "model_id": f"{self.model_id}{VARIANT_MARK}{name}",
                    "quantization": quantization,
                    "variants": {},
                }
            )
            for name, quantization in self.variants.items()
        )
        return (self, *variants)


def read_recipe(folder: Path) -> Recipe:
    """The recipe in this folder. Raises RecipeError naming the field."""
    path = folder / RECIPE_FILE
    try:
        recipe = Recipe.model_validate({**tomllib.loads(path.read_text("utf-8")), "folder": folder})
    except OSError as exc:
        raise RecipeError(f"{path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise RecipeError(f"{path} is not UTF-8 at byte {exc.start}") from None
    except tomllib.TOMLDecodeError as exc:
        raise RecipeError(f"{path} is not TOML: {exc}") from None
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecipeError(f"{path}: {where}: {first['msg']}") from None
    if recipe.model_id != folder.name:
        raise RecipeError(f"{path}: model_id {recipe.model_id!r} is not the folder's name")
    if recipe.weights and not recipe.weights.is_file():
        raise RecipeError(f"{recipe.weights} is missing; the recipe's training command makes it")
    return recipe


def catalogue(root: Path = RECIPES) -> tuple[Recipe, ...]:
    """Every recipe and its variants, by model id.

    Raises RecipeError, also for a recipe that is not batch-invariant: it can be a variant only.
    """
    recipes = [read_recipe(path.parent) for path in sorted(root.glob(f"*/{RECIPE_FILE}"))]
    for recipe in recipes:
        if not recipe.quantization.batch_invariant:
            raise RecipeError(
                f"{recipe.folder / RECIPE_FILE}: quantization: {recipe.quantization.scheme} is not "
                "batch-invariant: it can be a variant, not the model's default"
            )
    return tuple(chain.from_iterable(recipe.with_variants() for recipe in recipes))


def find_recipe(model_id: str, version: str, root: Path = RECIPES) -> Recipe | None:
    """The recipe or variant of this id and version, if the folder has one. Raises RecipeError."""
    folder = root / model_id.partition(VARIANT_MARK)[0]
    recipes = read_recipe(folder).with_variants() if (folder / RECIPE_FILE).is_file() else ()
    named = (model_id, version)
    return next((r for r in recipes if (r.model_id, r.version) == named), None)
