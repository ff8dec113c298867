"""Curves of the report: what to draw, in per cent of a chart's width and height."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log10

from export.protocol.measured import Length, Measured

# Where a logarithmic axis of false positive rates begins.
LEAST_RATE = 1e-3
# Of fewer texts a share is mostly chance.
LEAST_TEXTS = 8
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Tick:
    """A line of the grid: what stands at it, and its place in per cent from the left or the top."""

    label: str
    place: float


@dataclass(frozen=True)
class Curve:
    """A model's: its place among all models, its points in per cent from the left and the top."""

    number: int
    model_id: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """As SVG's `points` takes them."""
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """Curves of all models over one grid; `diagonal` is what a perfect calibration would be."""

    title: str
    note: str
    across: str
    up: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    diagonal: bool = False


def charts(measured: Sequence[Measured]) -> tuple[Chart, ...]:
    """ROC, reliability, and what a text's length does."""
    return (_roc(measured), _reliability(measured), _auroc(measured), _accuracy(measured))


def _roc(measured: Sequence[Measured]) -> Chart:
    def rate(value: float) -> float:
        return 100 * (1 + log10(max(value, LEAST_RATE)) / -log10(LEAST_RATE))

    return Chart(
        title="AI texts found, against human texts flagged",
        note="The left of the logarithmic axis is where a detector is used. Higher is better.",
        across="false positive rate",
        up="true positive rate",
        x_ticks=tuple(Tick(f"{100 * v:g}%", rate(v)) for v in (0.001, 0.01, 0.05, 0.2, 1)),
        y_ticks=_percents(0, 100, 25),
        curves=_curves(
            measured,
            lambda one: (
                (rate(point.false_positive_rate), 100 - 100 * point.true_positive_rate)
                for point in one.roc
            ),
        ),
    )


def _reliability(measured: Sequence[Measured]) -> Chart:
    return Chart(
        title="How often a probability is right",
        note="On the dotted line, of texts with probability p a share p was written by AI.",
        across="probability",
        up="share written by AI",
        x_ticks=tuple(Tick(f"{v / 100:g}", v) for v in (0, 25, 50, 75, 100)),
        y_ticks=_percents(0, 100, 25),
        curves=_curves(
            measured,
            lambda one: (
                (100 * part.probability, 100 - 100 * part.ai_share)
                for part in one.reliability
                if part.n >= LEAST_TEXTS
            ),
        ),
        diagonal=True,
    )


def _auroc(measured: Sequence[Measured]) -> Chart:
    return _against_length(
        measured,
        ("AUROC against length", "Only the first words of each text are read. 0.5 is chance."),
        "AUROC",
        tuple(Tick(f"{0.5 + v / 200:g}", 100 - v) for v in (0, 20, 40, 60, 80, 100)),
        lambda length: length.quality.auroc,
    )


def _accuracy(measured: Sequence[Measured]) -> Chart:
    return _against_length(
        measured,
        (
            "Accuracy at the threshold, against length",
            "Mean of the shares of human and of AI texts that are labelled right.",
        ),
        "balanced accuracy",
        _percents(50, 100, 10),
        lambda length: length.balanced_accuracy,
    )


def _against_length(
    measured: Sequence[Measured],
    title_and_note: tuple[str, str],
    up: str,
    y_ticks: tuple[Tick, ...],
    figure: Callable[[Length], float | None],
) -> Chart:
    """Of a figure from 0.5, which is chance, to 1."""
    title, note = title_and_note
    return Chart(
        title=title,
        note=note,
        across="words",
        up=up,
        x_ticks=_word_ticks(measured),
        y_ticks=y_ticks,
        curves=_curves(
            measured,
            lambda one: (
                (_words(length.words), 100 - 200 * (value - 0.5))
                for length in one.lengths
                if (value := figure(length)) is not None
            ),
        ),
    )


def _curves(
    measured: Sequence[Measured], points: Callable[[Measured], Iterable[tuple[float, float]]]
) -> tuple[Curve, ...]:
    return tuple(
        Curve(number, one.model_id, tuple(points(one))) for number, one in enumerate(measured, 1)
    )


def _percents(low: int, high: int, step: int) -> tuple[Tick, ...]:
    span = high - low
    values = range(low, high + 1, step)
    return tuple(Tick(f"{value}%", 100 - 100 * (value - low) / span) for value in values)


def _words(count: int) -> float:
    """On a logarithmic axis from 10 to 200."""
    return 100 * (log10(count) - 1) / (log10(200) - 1)


def _word_ticks(measured: Sequence[Measured]) -> tuple[Tick, ...]:
    counts = sorted({length.words for one in measured for length in one.lengths})
    return tuple(Tick(str(count), _words(count)) for count in counts)
