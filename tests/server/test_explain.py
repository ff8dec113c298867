"""`explain`, `max_false_positive_rate` and `timeout_ms` of a request, and what answers warn of."""

from collections.abc import Callable

import httpx
import pytest

from registry import Artifact
from registry.manifest import Decision, OperatingPoint

ONE = "The committee reviewed the proposal and found it broadly satisfactory, with some remarks. "
TWO = "Nobody had expected that, least of all those who had written it in one long night! "
THREE = "Still, the work went on, slowly at first and then so fast that nobody could follow it."
TEXT = f"{ONE * 2}{TWO * 2}{THREE * 2}"


def probability(client: httpx.Client, text: str) -> float:
    return float(client.post("/predict", json={"text": text}).json()["probability"])


def test_each_segment_is_judged_as_if_it_were_all(client: httpx.Client) -> None:
    result = client.post("/predict", json={"text": TEXT, "explain": True}).json()
    segments = result["metadata"]["segments"]
    assert len(segments) == 3
    assert result["probability"] == probability(client, TEXT)
    for segment in segments:
        part = TEXT[segment["start"] : segment["end"]]
        assert segment["probability"] == probability(client, part)
    places = [range(segment["start"], segment["end"]) for segment in segments]
    assert {i for place in places for i in place} >= {i for i, c in enumerate(TEXT) if c != " "}


def test_each_text_of_a_batch_has_its_own_segments(client: httpx.Client) -> None:
    texts = ["short", TEXT, " ", f"{ONE * 2}{TWO * 2}"]
    body = {"texts": texts, "explain": True}
    results = client.post("/batch-predict", json=body).json()["results"]
    found = [result["metadata"]["segments"] for result in results]
    assert [len(segments) for segments in found] == [1, 3, 0, 2]
    assert found[0] == [
        {
            "start": 0,
            "end": 5,
            "probability": results[0]["probability"],
            "mean_log_probability": None,
        }
    ]
    assert found[3][0]["probability"] == probability(client, (ONE * 2).strip())


def test_who_does_not_ask_gets_no_segments(client: httpx.Client) -> None:
    assert client.post("/predict", json={"text": TEXT}).json()["metadata"]["segments"] is None


def test_a_surrogate_is_one_character(client: httpx.Client) -> None:
    body = '{"text": "\\ud83d\\ude00 \\ud800 text", "explain": true}'
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    (segment,) = answer.json()["metadata"]["segments"]
    assert (segment["start"], segment["end"]) == (0, len("\U0001f600 \ufffd text"))


@pytest.mark.parametrize("rate", [0.02, 0.5, 1])
def test_a_rate_that_was_measured_takes_the_threshold_of_that_measurement(
    client: httpx.Client, artifact: Artifact, rate: float
) -> None:
    answer = client.post("/predict", json={"text": "x", "max_false_positive_rate": rate})
    assert answer.json()["metadata"]["threshold"] == artifact.manifest.decision.threshold


def test_a_rate_that_nobody_measured_is_refused_and_those_that_were_are_listed(
    client: httpx.Client,
) -> None:
    answer = client.post("/predict", json={"text": "x", "max_false_positive_rate": 0.001})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "unmeasured_rate")
    assert problem["measured"] == [0.02]


@pytest.mark.parametrize(
    "body",
    [
        {"max_false_positive_rate": 0},
        {"max_false_positive_rate": 1.1},
        {"max_false_positive_rate": "0.1"},
        {"max_false_positive_rate": 0.1, "threshold": 0.5},
        {"explain": "yes"},
        {"timeout_ms": 0},
        {"timeout_ms": 1.5},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    answer = client.post("/predict", json={"text": "x", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_the_shorter_of_two_deadlines_counts(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client()
    texts = [f"{TEXT} {number}" for number in range(100)]
    for header, body in (("1", 60_000), ("60000", 1)):
        answer = client.post(
            "/batch-predict",
            json={"texts": texts, "timeout_ms": body, "explain": True},
            headers={"X-Request-Timeout-Ms": header},
        )
        assert (answer.status_code, answer.json()["limit_ms"]) == (504, 1)


def test_the_lowest_threshold_that_was_measured_for_the_rate_decides(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    points = ((0.005, 0.9), (0.05, 0.3))
    decision = Decision(
        threshold=0.5,
        target_fpr=0.01,
        calibration="none",
        operating_points=tuple(
            OperatingPoint(max_false_positive_rate=rate, threshold=threshold)
            for rate, threshold in points
        ),
    )
    publish(graph, decision=decision)
    client = make_client()
    for rate, threshold in ((0.005, 0.9), (0.009, 0.9), (0.01, 0.5), (0.04, 0.5), (0.2, 0.3)):
        result = client.post("/predict", json={"text": "x", "max_false_positive_rate": rate}).json()
        assert result["metadata"]["threshold"] == threshold
        assert result["prediction"] == int(result["probability"] >= threshold)
    refused = client.post("/predict", json={"text": "x", "max_false_positive_rate": 0.001})
    assert refused.json()["measured"] == [0.005, 0.01, 0.05]


def test_an_answer_warns_of_short_and_of_uncertain_texts(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    decision = Decision(
        threshold=1, target_fpr=0.01, calibration="none", uncertain_from=0, min_words=3
    )
    publish(graph, decision=decision)
    client = make_client()

    def warnings(text: str, **wishes: object) -> object:
        answer = client.post("/predict", json={"text": text, **wishes})
        return answer.json()["metadata"]["warnings"]

    assert warnings("two words") == ["too_short", "uncertain"]
    assert warnings("it has three") == ["uncertain"]
    assert warnings("it has three", threshold=0) == []
