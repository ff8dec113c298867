"""MODEL_CARD.md, generated from what training measured; nothing in it is typed by hand."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.evaluation import Evaluation

TEMPLATE = "MODEL_CARD.md.j2"


def write_model_card(evaluation: Evaluation, recipe_folder: Path) -> None:
    """Render the recipe's own template, MODEL_CARD.md.j2, with the evaluation."""
    # autoescape is for HTML; this is Markdown from our own numbers
    environment = Environment(
        loader=FileSystemLoader(recipe_folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701
    )
    card = environment.get_template(TEMPLATE).render(evaluation=evaluation)
    (recipe_folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
