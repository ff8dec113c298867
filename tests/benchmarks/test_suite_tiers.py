from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from benchmarks.bar import State, Verdict
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.serving.traffic import Answer, Answers
from benchmarks.suites.tiers import Plan
from benchmarks.suites.tiers.allowance import Allowance, parts_of, repetitions
from benchmarks.suites.tiers.cell import DOWNLOAD, MEMORY, THROUGHPUT, Cell, _expected_ms
from benchmarks.suites.tiers.chromium import Chromium
from benchmarks.suites.tiers.expected import COLD, FALLBACK, WARM, bar_of, verdicts
from benchmarks.suites.tiers.fallback import fallbacks
from benchmarks.suites.tiers.place import PlaceError
from benchmarks.suites.tiers.program import Node
from benchmarks.suites.tiers.served import Local, rates_by_part
from benchmarks.suites.tiers.texts import COUNTED_BY, TOKENS, SizedText, sized_texts
from registry import Artifact, FileStore
from registry.manifest import SizeCategory
from registry.store import DEFAULT_ROOT

TEXTS = tuple(SizedText("word " * tokens, tokens, "") for tokens in (64, 256, 512))


@dataclass
class Imagined:
    """A Place and what runs there: `ms_per_token`, and no clock."""

    ms_per_token: float = 0.01
    first_ms: float = 20.0
    name: str = "local"
    told: str = "imagined"
    impossible: str | None = None
    absent: str | None = None
    fails: bool = False
    asked: list[int] = field(default_factory=list)

    def missing(self) -> str | None:
        return self.absent

    def why_not(self, artifact: Artifact) -> str | None:
        return self.impossible

    def download_bytes(self, artifact: Artifact) -> int | None:
        return 5_000_000

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator["Imagined"]:
        if self.fails:
            raise PlaceError("it burnt down")
        yield self

    def ask(self, text: str, times: int) -> list[float]:
        tokens = len(text.split())
        self.asked.append(tokens)
        return [tokens * self.ms_per_token] * times

    def crowd(self, text: str, callers: int, texts: int) -> list[float]:
        return [100.0 * callers]

    def memory_mb(self) -> float:
        return 80.0


def measurements(found: Iterable[Finding]) -> list[Measurement]:
    return [one for one in found if isinstance(one, Measurement)]


def test_texts_have_exactly_so_many_tokens() -> None:
    artifacts = FileStore(DEFAULT_ROOT).artifacts()
    if COUNTED_BY not in {one.manifest.model_id for one in artifacts}:
        pytest.skip(f"{COUNTED_BY} is not built: make export")
    *exact, long = sized_texts(artifacts)
    assert tuple(one.tokens for one in exact) == TOKENS
    assert len(long.text.split()) == 2000
    assert long.tokens > TOKENS[-1]


def test_without_a_tokenizer_tokens_are_guessed_and_the_text_says_so() -> None:
    *exact, _ = sized_texts(())
    assert all(abs(one.tokens - wanted) <= 1 for one, wanted in zip(exact, TOKENS, strict=True))
    assert "words × 1.3" in exact[0].told


@pytest.mark.parametrize(
    ("one_s", "within_s", "times"), [(1, 5.5, 5), (1, 100, 30), (2, 1, 0), (1, -3, 0), (0, 1, 30)]
)
def test_as_many_repetitions_as_fit(one_s: float, within_s: float, times: int) -> None:
    assert repetitions(one_s, within_s, 30) == times


@pytest.mark.parametrize(
    ("texts", "callers", "parts"), [(1, 1, 1), (8, 1, 2), (500, 1, 5), (16, 16, 1), (500, 16, 5)]
)
def test_a_run_is_parted_where_each_caller_has_some_texts_in_each_part(
    texts: int, callers: int, parts: int
) -> None:
    assert parts_of(texts, callers) == parts


def test_each_part_of_a_run_has_its_own_rate() -> None:
    ends = (0.5, 1.0, 1.5, 1.9, 3.0, 4.0)
    items = tuple(Answer(status=200, milliseconds=1, second=second) for second in ends)
    assert rates_by_part(Answers(items=items, seconds=4.0), 2) == [2.0, 1.0]


def test_an_allowance_is_never_less_than_nothing() -> None:
    assert Allowance(-1).left_s == 0
    assert Allowance(10).part(0.5).left_s == pytest.approx(5, abs=0.5)


def test_a_text_is_expected_to_take_as_much_longer_as_it_is_longer() -> None:
    assert _expected_ms(TEXTS[0], {}) == 0
    assert _expected_ms(TEXTS[1], {64: 10.0}) == 40
    assert _expected_ms(TEXTS[1], {64: 10.0, 256: 30.0, 512: 99.0}) == 30
    # Shorter, and for all that is known as slow.
    assert _expected_ms(TEXTS[0], {256: 30.0}) == 30


def test_a_cell_finds_all_that_a_model_takes_in_a_place(lexical_tiny: Artifact) -> None:
    found = list(Cell(lexical_tiny, Imagined(), TEXTS).findings(0.2, 10.0))
    taken = measurements(found)
    assert [one.at.get("tokens") for one in taken if one.quantity == WARM] == [64, 256, 512]
    assert [one.at.get("callers") for one in taken if one.quantity == THROUGHPUT] == [1, 4, 16]
    assert {one.quantity for one in taken} == {WARM, THROUGHPUT, MEMORY, COLD, DOWNLOAD}
    assert {one.subject for one in taken} == {"lexical-tiny, local"}
    (verdict,) = [one for one in found if isinstance(one, Verdict)]
    assert verdict.state is State.MET
    assert verdict.median == pytest.approx(2.56)


def test_what_would_take_too_long_is_missing_but_not_what_is_judged(
    lexical_tiny: Artifact,
) -> None:
    slow = Imagined(ms_per_token=30.0)
    found = list(Cell(lexical_tiny, slow, TEXTS).findings(0.0, 10.0))
    assert set(slow.asked) == {64, 256}
    missing = [one.why for one in found if isinstance(one, Missing)]
    assert missing[0].startswith("warm latency of 512 tokens: about 15 s each")
    (verdict,) = [one for one in found if isinstance(one, Verdict)]
    assert verdict.state is State.NOT_MET


def test_a_place_that_fails_is_missing_and_so_is_its_verdict(lexical_tiny: Artifact) -> None:
    missing, verdict = Cell(lexical_tiny, Imagined(fails=True), TEXTS).findings(1.0, 1.0)
    assert isinstance(missing, Missing)
    assert missing.why == "it burnt down"
    assert isinstance(verdict, Verdict)
    assert verdict.state is State.MISSING


def test_a_model_that_cannot_run_in_a_place_is_not_judged_there(lexical_tiny: Artifact) -> None:
    (found,) = Cell(lexical_tiny, Imagined(impossible="too large"), TEXTS).findings(1.0, 1.0)
    assert found == Missing(subject="lexical-tiny, local", why="too large")


def test_a_place_that_is_not_here_is_missing_once(lexical_tiny: Artifact) -> None:
    plan = Plan((Imagined(absent="no such machine"),), TEXTS)
    first = next(plan.findings((lexical_tiny, lexical_tiny), Allowance(0.0)))
    assert first == Missing(subject="local", why="no such machine")


@pytest.mark.parametrize(
    ("category", "place", "limit", "unit"),
    [
        (SizeCategory.TINY, "Chromium", 50, "ms"),
        (SizeCategory.SMALL, "local", 500, "ms"),
        (SizeCategory.MEDIUM, "local", 2000, "ms"),
        (SizeCategory.MEDIUM, "local on CUDA", 2000, "ms"),
        (SizeCategory.LARGE, "Modal on loopback", 30, "s"),
    ],
)
def test_each_tier_has_its_expectation(
    lexical_tiny: Artifact, category: SizeCategory, place: str, limit: float, unit: str
) -> None:
    bar = bar_of(of_category(lexical_tiny, category), place)
    assert bar is not None
    assert (bar.limit, bar.unit) == (limit, unit)


def test_nothing_is_expected_of_a_model_in_a_browser_that_belongs_on_a_server(
    lexical_tiny: Artifact,
) -> None:
    assert bar_of(of_category(lexical_tiny, SizeCategory.SMALL), "Chromium") is None


def test_a_cold_start_on_modal_is_judged_in_seconds(lexical_tiny: Artifact) -> None:
    cold = Measurement(subject="", quantity=COLD, unit="ms", values=(31_000.0,), told="a told")
    (verdict,) = verdicts(lexical_tiny, "Modal on loopback", [cold], "")
    assert (verdict.median, verdict.state, verdict.told) == (31, State.NOT_MET, "a told")


def of_category(artifact: Artifact, category: SizeCategory) -> Artifact:
    routing = type(artifact.manifest.routing).for_category(category)
    changed = artifact.manifest.model_copy(update={"size_category": category, "routing": routing})
    return Artifact(changed, artifact.folder)


@pytest.mark.parametrize("place", [Local(), Node(), Chromium()], ids=lambda place: place.name)
def test_real_places_answer(place: Local | Node | Chromium, lexical_tiny: Artifact) -> None:
    if (why := place.missing()) is not None:
        pytest.skip(why)
    found = list(Cell(lexical_tiny, place, TEXTS[:2]).findings(0.0, 60.0))
    taken = measurements(found)
    assert {one.quantity for one in taken} >= {WARM, THROUGHPUT, MEMORY, COLD}
    assert all(value > 0 for one in taken for value in one.values)
    assert next(one for one in found if isinstance(one, Verdict)).values


def test_where_modal_is_unreachable_this_server_answers(lexical_tiny: Artifact) -> None:
    found = list(fallbacks((lexical_tiny,), TEXTS[0], Allowance(0.0)))
    assert [one.quantity for one in measurements(found)] == [FALLBACK]
    states = [one.state for one in found if isinstance(one, Verdict)]
    assert states == [State.MET, State.MISSING]
