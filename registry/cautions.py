"""What an answer warns of. The same in TypeScript: web_bundle/src/cautions.ts."""

import enum

from registry.manifest import Decision
from registry.segments import count_words


class Caution(enum.StrEnum):
    """Why an answer should not be relied on."""

    TOO_SHORT = "too_short"
    """Fewer words than the model was measured to need."""
    UNCERTAIN = "uncertain"
    """Below the threshold, where texts by an AI are not rare."""


def cautions(
    text: str, probability: float, threshold: float, decision: Decision
) -> tuple[Caution, ...]:
    """What to be told with this probability of this text; `threshold` is the one that decides."""
    found = []
    if decision.min_words is not None and count_words(text) < decision.min_words:
        found.append(Caution.TOO_SHORT)
    lowest = decision.uncertain_from
    if lowest is not None and lowest <= probability < threshold:
        found.append(Caution.UNCERTAIN)
    return tuple(found)
