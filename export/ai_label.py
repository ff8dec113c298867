"""Which of a classifier's two classes is AI."""

import re

from export.errors import RecipeError

_AI = {"ai", "artificial", "bot", "chatgpt", "fake", "generated", "gpt", "llm", "machine"}
_HUMAN = {"human", "humans", "person", "real"}


def ai_index(labels: tuple[str, str], chosen: str | int | None) -> int:
    """The index of the AI class: the recipe's choice, else by what the labels say.

    Args:
        labels: the names of class 0 and class 1.
        chosen: `ai_label` of the recipe, a label or its index.

    Raises:
        RecipeError: the choice is no label, or the labels do not say which is which.
    """
    if chosen is not None:
        return _chosen(labels, chosen)
    sides = [_side(label) for label in labels]
    if sides in (["human", "ai"], ["human", None], [None, "ai"]):
        return 1
    if sides in (["ai", "human"], [None, "human"], ["ai", None]):
        return 0
    raise RecipeError(
        f"it is unclear which of the labels {labels[0]!r} and {labels[1]!r} is AI: say "
        f'`ai_label = "{labels[1]}"` or the other one under [source] of the recipe'
    )


def _chosen(labels: tuple[str, str], chosen: str | int) -> int:
    if str(chosen) in labels:
        return labels.index(str(chosen))
    if chosen in (0, 1):
        return int(chosen)
    raise RecipeError(
        f"source.ai_label {chosen!r} is none of the model's labels: {labels[0]!r}, {labels[1]!r}"
    )


def _side(label: str) -> str | None:
    """What a label says: "ai", "human", or null where it says neither or both."""
    words = set(re.findall(r"[a-z]+", label.lower()))
    is_ai, is_human = bool(words & _AI), bool(words & _HUMAN)
    if is_ai == is_human or words & {"no", "non", "not"}:
        return None
    return "ai" if is_ai else "human"
