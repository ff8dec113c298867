"""What a result looks like in a terminal of 80 columns."""

import io

import pytest
from rich.console import Console

from runtime_server.errors import TextTooShortError
from runtime_server.problem import Problem
from runtime_server.result import BatchItem, ErrorItem, PredictResult
from runtime_server.result_panel import WIDTH, item_panel, title_of

LONG = "界" * 500


def result(probability: float | None, **metadata: object) -> PredictResult:
    return PredictResult.model_validate(
        {
            "prediction": None if probability is None else int(probability >= 0.9),
            "probability": probability,
            "confidence": None,
            "is_fake": None if probability is None else probability >= 0.9,
            "backend": "local",
            "model_id": "perplexity-small+int8_token",
            "latency_ms": 12345.6,
            "metadata": {
                "artifact_digest": "",
                "model_sha256": "",
                "model_version": "1.0.0",
                "variant": None,
                "provider": "CPUExecutionProvider",
                "quantization": "fp32",
                "tokens": 5,
                "windows": 1,
                "truncated": False,
                "threshold": 0.9,
                "fallbacks": (),
                "timings_ms": {},
                **metadata,
            },
        }
    )


def shown(title: str, item: BatchItem, **terminal: object) -> str:
    console = Console(file=io.StringIO(), width=80, **terminal)
    console.print(item_panel(title_of(title), item))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("probability", "verdict"), [(0.899, "human-written"), (0.9, "AI-written")]
)
def test_the_verdict_is_that_of_the_threshold(probability: float, verdict: str) -> None:
    text = shown("A text.", result(probability))
    assert verdict in text
    assert f"{probability:.1%} AI" in text
    assert "threshold 90.0%" in text
    assert "local (CPU)" in text


@pytest.mark.parametrize(
    ("warnings", "verdict"),
    [(("uncertain",), "uncertain"), (("too_short", "uncertain"), "too short")],
)
def test_a_text_that_cannot_be_judged_is_not_called_human_or_ai(
    warnings: tuple[str, ...], verdict: str
) -> None:
    text = shown("A text.", result(0.5, warnings=warnings))
    assert verdict in text
    assert "written" not in text


def test_the_bar_is_as_long_as_the_probability_is_large() -> None:
    lengths = [shown("", result(p)).count("━") for p in (0.0, 0.25, 0.5, 1.0)]
    assert lengths == sorted(set(lengths))
    assert lengths[2] == pytest.approx(lengths[3] / 2, abs=1)


def test_loading_and_what_was_not_read_are_said_where_they_were() -> None:
    plain = shown("A text.", result(0.5))
    assert "to load" not in plain
    assert "beginning" not in plain
    text = shown("A text.", result(0.5, truncated=True, timings_ms={"load": 46.2}))
    assert "46 to load" in text
    assert "only its beginning was read" in " ".join(text.replace("│", "").split())


@pytest.mark.parametrize(
    "item",
    [
        result(0.5),
        result(None),
        ErrorItem(error=Problem.of(TextTooShortError("the text has 0 characters"))),
    ],
    ids=["judged", "delegated", "refused"],
)
@pytest.mark.parametrize(
    "title", ["", "short", "a" * 500, LONG, "\U0001f469\u200d\U0001f680 " * 40]
)
def test_no_line_is_wider_than_the_panel(title: str, item: BatchItem) -> None:
    console = Console(width=80)
    lines = shown(title, item).splitlines()
    assert {console.measure(line).maximum for line in lines} == {WIDTH}


def test_a_text_cannot_speak_to_the_terminal() -> None:
    text = shown("a\x1b[31mred\x07 \x9bb\r\n[bold]c[/] \ud800", result(0.5), force_terminal=False)
    assert not {"\x1b", "\x07", "\x9b", "\r", "\ud800"} & set(text)
    assert "[bold]c[/]" in text


def test_colours_are_for_terminals() -> None:
    assert "\x1b[" in shown("A text.", result(0.5), force_terminal=True)
    assert "\x1b[" not in shown("A text.", result(0.5))


def test_a_terminal_of_ascii_gets_ascii() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    Console(file=file, width=80).print(item_panel("A text.", result(0.5)))
    file.flush()
    assert b"+- A text. -" in file.buffer.getvalue()
