"""What each tier takes: every model in every place where it runs, beside what is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measurement import Finding, Missing
from benchmarks.suites import Context
from benchmarks.suites.tiers.allowance import Allowance
from benchmarks.suites.tiers.cell import Cell
from benchmarks.suites.tiers.chromium import Chromium
from benchmarks.suites.tiers.fallback import fallbacks
from benchmarks.suites.tiers.place import Place
from benchmarks.suites.tiers.program import Firefox, Node
from benchmarks.suites.tiers.served import Local, LoopbackModal
from benchmarks.suites.tiers.texts import SizedText, sized_texts
from registry import Artifact
from registry.manifest import SizeCategory

# How much of the time a cell gets, against others; what it leaves is for those after it.
WEIGHTS: Final = {SizeCategory.TINY: 1.0, SizeCategory.SMALL: 2.0}
LARGE_WEIGHT: Final = 3.0
FALLBACK_WEIGHT: Final = 3.0
# A cold start may be much slower than expected: of the time that all cells have left.
LONGEST_START: Final = 0.4
LEAST_PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """Every model in every place, smallest first."""

    places: tuple[Place, ...]
    texts: tuple[SizedText, ...]

    def findings(self, artifacts: Sequence[Artifact], allowance: Allowance) -> Iterator[Finding]:
        """Of all cells, and of fallbacks from Modal."""
        places = []
        for place in self.places:
            if (why := place.missing()) is None:
                places.append(place)
            else:
                yield Missing(subject=place.name, why=why)
        cells = [Cell(one, place, self.texts) for one in artifacts for place in places]
        weights = [_weight(cell) for cell in cells]
        for number, cell in enumerate(cells):
            share = weights[number] / (sum(weights[number:]) + FALLBACK_WEIGHT)
            patience_s = max(allowance.left_s * LONGEST_START, LEAST_PATIENCE_S)
            yield from cell.findings(allowance.left_s * share, patience_s)
        yield from fallbacks(artifacts, self.texts[0], allowance)


def run(context: Context) -> Iterator[Finding]:
    """Cold starts, warm latency, throughput, memory and downloads, within the budget."""
    allowance = Allowance(context.budget_s)
    with LoopbackModal() as modal:
        places = (Local(), Local(on_gpu=True), modal, Chromium(), Node(), Firefox())
        plan = Plan(places, sized_texts(context.artifacts))
        context.tell(f"{len(context.artifacts)} models in {len(places)} places")
        yield from plan.findings(context.artifacts, allowance)


def _weight(cell: Cell) -> float:
    if cell.place.why_not(cell.artifact) is not None:
        return 0.0
    return WEIGHTS.get(cell.artifact.manifest.size_category, LARGE_WEIGHT)
