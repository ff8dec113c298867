"""`python -m export new`."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape

from export.commands.options import RecipesFolder, console, errors, short
from export.drafting.draft import ClassifierTerms, Draft, EnsembleTerms, Scheme, Windows
from export.drafting.ensemble import MemberRecipes
from export.drafting.write import write_recipe
from export.recipe import RECIPE_FILE, RECIPES
from registry.manifest import ModelId

if TYPE_CHECKING:
    from export.drafting.checkpoint import Checkpoint

LONGEST_WINDOW = 512

Pooling = Literal["mean_logit", "mean_probability", "max_probability"]
Normalizer = Literal["identity", "norm-1"]
Name = Annotated[str | None, typer.Argument(metavar="[MODEL_ID]", help="As in my-detector.")]
Members = Annotated[
    list[str] | None,
    typer.Option(
        "--member",
        help="For an ensemble, instead of --base: the model id of a recipe; give two or more.",
    ),
]
Base = Annotated[
    str | None, typer.Option(help="Folder of the checkpoint, a hub id, or package:NAME.")
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")]
AiLabel = Annotated[
    str | None, typer.Option(help="Which label is AI, where the checkpoint's do not say.")
]
Licence = Annotated[str | None, typer.Option(help="Of the weights, as in Apache-2.0.")]
Attribution = Annotated[str | None, typer.Option(help="Who made it, and from what.")]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Ids of a window with its special tokens; else what the model reads."),
]
Stride = Annotated[int | None, typer.Option(min=1, help="Tokens to the next window; else all.")]
Threshold = Annotated[float, typer.Option(min=0, max=1, help="AI is a probability from here on.")]
Stored = Annotated[Scheme, typer.Option(help="How weights are stored; docs/export.md.")]
Variants = Annotated[
    list[Scheme] | None,
    typer.Option("--variant", help="Another scheme to build as well; may be repeated."),
]


def new(
    model_id: Name = None,
    base: Base = None,
    members: Members = None,
    revision: Revision = None,
    ai_label: AiLabel = None,
    licence: Licence = None,
    attribution: Attribution = None,
    version: Annotated[str, typer.Option(help="Of the artifact.")] = "1.0.0",
    normalizer: Annotated[Normalizer, typer.Option(help="Before the tokenizer.")] = "identity",
    max_tokens: MaxTokens = None,
    stride: Stride = None,
    pooling: Annotated[Pooling, typer.Option(help="Of a long text's windows.")] = "mean_logit",
    threshold: Threshold = 0.5,
    scheme: Stored = Scheme.INT8_WEIGHT,
    variants: Variants = None,
    recipes_folder: RecipesFolder = RECIPES,
) -> None:
    """Write the recipe of your own fine-tuned checkpoint, or of an ensemble of several models.

    What a checkpoint knows is read from it; what is still missing is asked for in a terminal. An
    ensemble averages its members' log-odds, and cuts texts as its first member does.
    """
    model_id = _checked_id(_given(model_id, "model id", "MODEL_ID"))
    folder = recipes_folder / model_id
    if members:
        _require_only_members(base, max_tokens)
        together = MemberRecipes.read(members, recipes_folder)
        model = _Described(
            terms=together.terms(folder),
            reference=f"mean log-odds of {', '.join(members)}",
            attribution=together.attribution,
            normalizer=together.normalizer,
            windows=together.windows,
        )
    else:
        base = _given(base, "checkpoint (a folder, or a hub id)", "--base")
        checkpoint = _checkpoint(base, revision)
        reference = Path(base).name if Path(base).is_dir() else base
        model = _Described(
            terms=ClassifierTerms(
                _seen_from(folder, base), revision, _ai_label(checkpoint, ai_label)
            ),
            reference=reference,
            attribution=reference,
            normalizer=normalizer,
            windows=_windows(checkpoint, max_tokens, stride, pooling),
        )
    draft = Draft(
        model_id=model_id,
        version=version,
        terms=model.terms,
        reference=model.reference,
        licence=_given(licence, "licence of the weights", "--licence"),
        attribution=attribution or model.attribution,
        normalizer=model.normalizer,
        windows=model.windows,
        threshold=threshold,
        scheme=scheme,
        variants=tuple(variants or []),
    )
    write_recipe(draft, recipes_folder)
    console.print(f"wrote {short(folder / RECIPE_FILE)}; next:", soft_wrap=True)
    named = "" if recipes_folder == RECIPES else escape(f" --recipes {recipes_folder}")
    for command in (f"build {model_id}{named}", f"verify {model_id}{named}", "report --latency"):
        console.print(f"  python -m export {command}", soft_wrap=True, highlight=False)


@dataclass(frozen=True)
class _Described:
    """What is known of a model before anybody is asked."""

    terms: ClassifierTerms | EnsembleTerms
    reference: str
    attribution: str
    normalizer: str
    windows: Windows


def _require_only_members(base: str | None, max_tokens: int | None) -> None:
    for option, value in (("--base", base), ("--max-tokens", max_tokens)):
        if value is not None:
            raise typer.BadParameter(f"{option} is the members' own: leave it out with --member")


def _given(value: str | None, asked: str, option: str) -> str:
    """The value, or what the user answers. Raises BadParameter where there is nobody to ask."""
    if value is not None:
        return value
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{option} is missing: {asked}")
    answer: str = typer.prompt(asked)
    return answer


def _checked_id(model_id: str) -> str:
    try:
        return TypeAdapter(ModelId).validate_python(model_id)
    except ValidationError:
        raise typer.BadParameter(f"{model_id!r} is no model id such as my-detector") from None


def _checkpoint(base: str, revision: str | None) -> "Checkpoint":
    # Imported here: --help must not wait for transformers.
    from export.drafting.checkpoint import Checkpoint

    with errors.status("reading the checkpoint"):
        return Checkpoint.read(base, Path(), revision)


def _seen_from(folder: Path, base: str) -> str:
    """A checkpoint's folder as the recipe names it: relative, so that both may move together."""
    return os.path.relpath(base, folder) if Path(base).is_dir() else base


def _ai_label(checkpoint: "Checkpoint", chosen: str | None) -> str | None:
    labels = " or ".join(checkpoint.labels)
    if chosen is None and not checkpoint.ai_is_clear:
        chosen = _given(None, f"which label is AI, {labels}", "--ai-label")
    if chosen is not None and chosen not in checkpoint.labels:
        raise typer.BadParameter(f"{chosen!r} is no label of the checkpoint: {labels}")
    return chosen


def _windows(
    checkpoint: "Checkpoint", max_tokens: int | None, stride: int | None, pooling: str
) -> Windows:
    longest = max_tokens or min(checkpoint.positions, LONGEST_WINDOW)
    if longest > checkpoint.positions:
        raise typer.BadParameter(f"the checkpoint reads at most {checkpoint.positions} ids")
    tokens = longest - checkpoint.special_tokens
    if tokens < 1:
        raise typer.BadParameter(f"{longest} ids leave none beside the special tokens")
    return Windows(longest, tokens, stride or tokens, pooling)
