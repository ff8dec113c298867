"""MODEL_CARD.md, generated from what training measured; nothing in it is typed by hand."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.evaluation import Evaluation
from export.protocol.measured import read_measured

TEMPLATE = "MODEL_CARD.md.j2"
# What all cards say alike.
SHARED = Path(__file__).resolve().parent / "model_card_parts"


def write_model_card(evaluation: Evaluation, recipe_folder: Path) -> None:
    """Render the recipe's own template with the evaluation and, where there is one, the protocol.

    Raises:
        RecipeError: protocol.json is not one.
    """
    # autoescape is for HTML; this is Markdown from our own numbers
    environment = Environment(
        loader=FileSystemLoader([recipe_folder, SHARED]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701
    )
    card = environment.get_template(TEMPLATE).render(
        evaluation=evaluation, protocol=read_measured(recipe_folder)
    )
    (recipe_folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
