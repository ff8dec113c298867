"""What a million texts cost: on a machine by the month, on Modal, in the visitors' browsers."""

from collections.abc import Iterator, Mapping

from benchmarks.measurement import Finding, Missing
from benchmarks.suites import Context
from benchmarks.suites.cost.costs import Costs
from benchmarks.suites.cost.measured import (
    CUDA,
    LOCAL,
    MODAL,
    Rate,
    download_bytes,
    from_tiers,
    measured_here,
)
from benchmarks.suites.cost.prices import Prices
from benchmarks.suites.tiers.allowance import Allowance
from benchmarks.suites.tiers.expected import EXPECTED_TOKENS
from benchmarks.suites.tiers.texts import SizedText, sized_texts
from registry import Artifact
from runtime_server.errors import EngineError


def run(context: Context) -> Iterator[Finding]:
    """Of every model, by throughput of the suite `tiers` where it has measured it."""
    prices, allowance = Prices.read(), Allowance(context.budget_s)
    text = next(t for t in sized_texts(context.artifacts) if t.tokens >= EXPECTED_TOKENS * 0.9)
    for number, artifact in enumerate(context.artifacts):
        model = artifact.manifest.model_id
        part = allowance.part(1 / (len(context.artifacts) - number))
        try:
            rates = _rates(context, artifact, text, part)
        except EngineError as exc:
            yield Missing(subject=model, why=f"no throughput: {exc}")
            continue
        if not rates:
            yield Missing(subject=model, why="no throughput: measure tiers first, or for longer")
        if CUDA not in rates:
            yield Missing(subject=f"{model}, Modal with a GPU", why="no GPU was measured")
        size = download_bytes(context.earlier, artifact)
        yield from Costs(model, prices, rates, size).findings()


def _rates(
    context: Context, artifact: Artifact, text: SizedText, allowance: Allowance
) -> Mapping[str, Rate]:
    """By place; a container without GPU does what a server does where nobody has measured it."""
    found = {
        place: rate
        for place in (LOCAL, MODAL, CUDA)
        if (rate := from_tiers(context.earlier, artifact, place)) is not None
    }
    if LOCAL not in found:
        here = measured_here(artifact, text, allowance)
        found |= {} if here is None else {LOCAL: here}
    if MODAL not in found and LOCAL in found:
        found[MODAL] = found[LOCAL]
    return found
