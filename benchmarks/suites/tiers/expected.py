"""What the design expects of each tier, and which measurement is held against it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmarks.bar import Bar, Verdict
from benchmarks.measurement import Measurement
from registry import Artifact, Backend
from registry.manifest import SizeCategory

COLD: Final = "cold start"
WARM: Final = "warm latency"
FALLBACK: Final = "fallback"
# The text that warm expectations are about: about 200 words.
EXPECTED_TOKENS: Final = 256
CLIENT_MS: Final = 50
LOCAL_MS: Final[Mapping[str, float]] = {
    SizeCategory.TINY: 500,
    SizeCategory.SMALL: 500,
    SizeCategory.MEDIUM: 2000,
}
MODAL_S: Final = 30
FALLBACK_S: Final = 60
CLIENTS: Final = ("Chromium", "Firefox", "Node.js")


def subject(artifact: Artifact, place: str) -> str:
    """As in `minilm-small, Chromium`."""
    return f"{artifact.manifest.model_id}, {place}"


def verdicts(
    artifact: Artifact, place: str, found: Sequence[Measurement], why_not: str
) -> Iterator[Verdict]:
    """Of this model in this place; `why_not` is told where nothing was measured."""
    bar = bar_of(artifact, place)
    if bar is None:
        return
    judged = _judged(found, COLD if bar.unit == "s" else WARM)
    if judged is None:
        yield bar.missing(why_not)
        return
    values = [value / 1e3 if bar.unit == "s" else value for value in judged.values]
    yield bar.judge(values, judged.told)


def fallback_bar(name: str) -> Bar:
    """Of an answer that Modal was to give."""
    return Bar(f"T5 {name}", "fallback: Modal unreachable, 10 to 60 s", FALLBACK_S, "s")


def bar_of(artifact: Artifact, place: str) -> Bar | None:
    """What is expected of this model in this place; None where nothing is."""
    manifest, name = artifact.manifest, subject(artifact, place)
    text = f"{EXPECTED_TOKENS} tokens, warm"
    if place in CLIENTS:
        if manifest.routing.preferred_backend is not Backend.CLIENT_SIDE:
            return None
        return Bar(f"T1 {name}", f"client-side: {text}, 10 to 50 ms", CLIENT_MS, "ms")
    if place.startswith("local"):
        return _local_bar(manifest.size_category, name, text)
    return Bar(f"T4 {name}", "Modal: first answer, no container up, 2 to 30 s", MODAL_S, "s")


def _local_bar(category: SizeCategory, name: str, text: str) -> Bar | None:
    limit = LOCAL_MS.get(category)
    if limit is None:
        return None
    medium = category == SizeCategory.MEDIUM
    tier, least = ("T3", 500) if medium else ("T2", 100)
    claim = f"local, {'medium' if medium else 'small'}: {text}, {least} to {limit:g} ms"
    return Bar(f"{tier} {name}", claim, limit, "ms")


def _judged(found: Sequence[Measurement], quantity: str) -> Measurement | None:
    wanted = (one for one in found if one.quantity == quantity)
    at_all = (one for one in wanted if one.at.get("tokens", EXPECTED_TOKENS) == EXPECTED_TOKENS)
    return next(at_all, None)
