import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from export.errors import DatasetError
from export.protocol.documents import Documents
from export.protocol.measure import measure, steps
from export.protocol.measured import Measured, read_measured
from export.protocol.page import render
from export.protocol.statistics import auroc, estimate, quality, reliability, tpr_at
from export.training.perturbations import PERTURBATIONS, changed_copy
from registry import FileStore
from registry.store import DEFAULT_ROOT

TEXT = (
    'It\'s raining again, and the old roof leaks. "Bring the bucket," said Ann; we did not laugh. '
)
ROWS = [
    {
        "text": f"{TEXT * 4}{n}"
        if n % 2
        else f"In conclusion, effective synergy is important to note. {n} " * 6,
        "label": 1 - n % 2,
        "domain": "diary" if n % 3 else "office",
        "generator": "human" if n % 2 else "model",
    }
    for n in range(48)
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    path = tmp_path_factory.mktemp("data") / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    documents = Documents.read(path, frozenset())
    told: list[int] = []
    found = measure(FileStore(DEFAULT_ROOT).resolve("lexical-tiny"), documents, told.append)
    assert sum(told) == steps(len(documents))
    return found


def test_an_artifact_is_measured_on_a_users_own_documents(measured: Measured) -> None:
    assert (measured.n, measured.n_human, measured.held_out) == (48, 24, False)
    assert {row.name for row in measured.domains} == {"diary", "office"}
    assert [row.name for row in measured.generators] == ["model"]
    assert [row.name for row in measured.perturbations] == list(PERTURBATIONS)
    assert measured.auroc.low <= measured.auroc.value <= measured.auroc.high
    # The manifest's own threshold, so that what is measured is what is served.
    artifact = FileStore(DEFAULT_ROOT).resolve("lexical-tiny")
    assert measured.threshold == artifact.manifest.decision.threshold
    assert measured.digest == artifact.manifest.digest


def test_the_page_needs_nothing_else_and_escapes_names(measured: Measured) -> None:
    hostile = measured.domains[0].model_copy(update={"name": "<script>alert(1)</script>"})
    page = render([measured.model_copy(update={"domains": (hostile,)})], {})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_measurement_is_read_back(measured: Measured, tmp_path: Path) -> None:
    assert read_measured(tmp_path) is None
    (tmp_path / "protocol.json").write_bytes(measured.to_bytes())
    assert read_measured(tmp_path) == measured


def test_the_command_writes_the_page_and_says_what_is_wrong(data: Path, tmp_path: Path) -> None:
    import typer

    from export.protocol.__main__ import protocol

    app = typer.Typer()
    app.command()(protocol)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, [str(data), "--model", "lexical-tiny", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "lexical-tiny" in (out / "evaluation.html").read_text("utf-8")
    assert [path.name for path in out.iterdir()] == ["evaluation.html"]
    (tmp_path / "bad.jsonl").write_text('{"text": "only human", "label": 0}\n')
    bad = CliRunner().invoke(app, [str(tmp_path / "bad.jsonl"), "--model", "lexical-tiny"])
    assert isinstance(bad.exception, DatasetError)
    assert "both labels" in str(bad.exception)
    unknown = CliRunner().invoke(app, [str(data), "--model", "nobody"])
    assert "there is no recipe nobody" in str(unknown.exception)


def test_a_sample_has_both_labels_and_is_the_same_every_time(data: Path) -> None:
    documents = Documents.read(data, frozenset())
    sample = documents.sample(20)
    assert len(sample) == 20
    assert set(sample.labels) == {0, 1}
    assert sample.texts == documents.sample(20).texts
    assert len(documents.sample(1000)) == 48


def test_figures_of_a_case_that_is_counted_by_hand() -> None:
    probabilities = np.array([0.1, 0.4, 0.35, 0.8])
    labels = np.array([0, 0, 1, 1])
    assert auroc(probabilities, labels) == 0.75
    assert tpr_at(0.5)(probabilities, labels) == 1
    assert tpr_at(0.01)(probabilities, labels) == 0.5
    found = quality(probabilities, labels, 0.4)
    assert (found.true_positive_rate, found.false_positive_rate) == (0.5, 0.5)
    assert quality(probabilities[:2], labels[:2], 0.4).auroc is None
    bins = reliability(probabilities, labels)
    assert sum(one.n for one in bins) == 4
    assert bins[-1].ai_share == 1


def test_an_interval_is_wider_where_documents_come_in_few_groups() -> None:
    generator = np.random.default_rng(1)
    labels = np.tile([0, 1], 100)
    probabilities = np.clip(0.3 * labels + generator.normal(0.35, 0.2, 200), 0, 1)
    alone = estimate(auroc, probabilities, labels, np.arange(200).astype(str))
    # The same documents ten times over are no more evidence.
    grouped = estimate(
        auroc,
        np.tile(probabilities, 10),
        np.tile(labels, 10),
        np.tile(np.arange(200), 10).astype(str),
    )
    assert grouped.value == alone.value
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.15)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_changes_a_text_the_same_way_every_time(name: str) -> None:
    change = PERTURBATIONS[name]
    text = TEXT * 5
    once, again = (change(text, np.random.default_rng(3)) for _ in range(2))
    assert once == again != text
    assert change("", np.random.default_rng(3)) == ""


def test_changed_copies_are_windows_of_thirty_words_or_more() -> None:
    text = TEXT * 60
    lengths = [len(changed_copy(text, np.random.default_rng(n)).split()) for n in range(40)]
    assert min(lengths) >= 20
    assert max(lengths) <= 350
    assert len(set(lengths)) > 20
