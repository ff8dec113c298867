"""How other servers are installed, asked, and given the artifact."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from benchmarks.peers.dialect import CLASSIFY, LISTS, PLAIN, V2, Dialect
from benchmarks.peers.infinity_model import infinity_model
from benchmarks.peers.installation import PeerMissingError, environment
from benchmarks.peers.scorer import Scorer
from registry import FileStore
from registry.store import DEFAULT_ROOT

BASE = Path(sys.executable)


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [
        (PLAIN, '{"probability": 0.25}'),
        (V2, '{"outputs": [{"name": "probability", "data": [0.25]}]}'),
        (LISTS, "[0.25]"),
        (
            CLASSIFY,
            '{"data": [[{"score": 0.75, "label": "human"}, {"score": 0.25, "label": "ai"}]]}',
        ),
    ],
    ids=["plain", "v2", "lists", "classify"],
)
def test_each_server_is_asked_and_read_in_its_own_form(dialect: Dialect, answer: str) -> None:
    assert dialect.probability(answer) == 0.25
    assert "a text" in dialect.body("a text")
    with pytest.raises(ValueError, match="not an answer"):
        dialect.probability('{"error": "no"}')


def test_bad_input_is_written_as_it_is() -> None:
    assert json.loads(V2.body(None))["inputs"][0]["data"] == [None]
    assert PLAIN.body("\ud83d") == '{"text": "\\ud83d"}'


def test_an_environment_is_made_once_and_anew_where_it_is_unfinished_or_outdated(
    tmp_path: Path,
) -> None:
    pins, folder, told = tmp_path / "some.txt", tmp_path / "some", list[str]()
    pins.write_text("")
    python = environment(folder, pins, told.append, BASE)
    made = len(told)
    assert (python.exists(), made) == (True, 2)
    assert environment(folder, pins, told.append, BASE) == python
    assert len(told) == made
    (folder / "made_of.txt").unlink()
    (folder / "left over").touch()
    environment(folder, pins, told.append, BASE)
    assert len(told) == 2 * made
    assert not (folder / "left over").exists()


def test_an_environment_that_cannot_be_made_is_not_there_and_says_why(tmp_path: Path) -> None:
    pins = tmp_path / "some.txt"
    pins.write_text("nothing @ file:///nonexistent/nothing-1.0-py3-none-any.whl\n")
    with pytest.raises(PeerMissingError, match="nonexistent"):
        environment(tmp_path / "some", pins, lambda line: None, BASE)
    assert not (tmp_path / "some" / "made_of.txt").exists()


def test_infinity_gets_two_logits_whose_softmax_is_the_probability(tmp_path: Path) -> None:
    artifact = FileStore(DEFAULT_ROOT).resolve("minilm-small")
    folder = infinity_model(artifact, tmp_path)
    assert infinity_model(artifact, tmp_path) == folder
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    ids = np.array([[101, 2023, 2003, 1037, 3231, 102]], dtype=np.int64)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (human, ai) = session.run(["logits"], feed)[0][0]
    text = "this is a test"
    wanted = Scorer(artifact.folder, threads=1)([text])[0]
    assert 1 / (1 + math.exp(human - ai)) == pytest.approx(wanted, abs=1e-6)
