import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from export.errors import DatasetError
from export.evaluation import read_evaluation
from export.recipe import RECIPES
from export.sklearn_text.lexical import load_weights
from export.training.dataset import read_dataset
from export.training.lexical import run
from export.training.metrics import expected_calibration_error, score, threshold_for_fpr
from export.training.model_card import write_model_card
from registry import sha256_of_file

HUMAN = "rain all week so we patched the roof with an old sail and tea {} {}"
AI = "it is important to note that effective synergy fosters growth {} {}"


def documents(per_domain: int = 40) -> list[dict[str, object]]:
    return [
        {
            "text": (AI if n % 2 else HUMAN).format(domain, n % 7),
            "label": n % 2,
            "domain": domain,
            "generator": "model" if n % 2 else "human",
            "source": "test",
            "group": f"{domain}{n // 2}",
        }
        for domain in ("wiki", "l2r_Sports", "l2r_Finance", "reviews")
        for n in range(per_domain)
    ]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_documents_are_read_normalised_and_small_domains_merged(tmp_path: Path, name: str) -> None:
    dataset = read_dataset(write(tmp_path / name, documents()))
    assert len(dataset) == 160
    assert set(dataset.domains) == {"wiki", "l2r", "reviews"}
    assert dataset.name == "data.jsonl"


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    rows = documents()
    rows[2]["label"] = 7
    with pytest.raises(DatasetError, match="line 3: label"):
        read_dataset(write(tmp_path / "data.jsonl", rows))


def test_data_of_one_label_is_refused(tmp_path: Path) -> None:
    rows = [row for row in documents() if row["label"]]
    with pytest.raises(DatasetError, match="both labels"):
        read_dataset(write(tmp_path / "data.jsonl", rows))


@pytest.mark.slow
def test_training_writes_the_same_recipe_twice(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path / "data.jsonl", documents()))
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        shutil.copy(RECIPES / "lexical-tiny" / "MODEL_CARD.md.j2", folder)
        with Progress(disable=True) as progress:
            evaluation = run(dataset, folder, progress)
        assert evaluation.auroc == 1
        assert set(evaluation.auroc_leave_one_domain_out) == {"wiki", "l2r", "reviews"}
    for name in ("weights.safetensors", "evaluation.json", "MODEL_CARD.md"):
        assert sha256_of_file(folders[0] / name) == sha256_of_file(folders[1] / name), name
    assert "| wiki | 1.0000 |" in (folders[0] / "MODEL_CARD.md").read_text("utf-8")
    assert load_weights(folders[0] / "weights.safetensors").predict_proba(["synergy"]).shape == (
        1,
        2,
    )


def test_the_model_card_is_the_one_that_training_would_write(tmp_path: Path) -> None:
    committed = RECIPES / "lexical-tiny"
    shutil.copytree(committed, tmp_path / "copy")
    write_model_card(read_evaluation(committed), tmp_path / "copy")
    assert (tmp_path / "copy" / "MODEL_CARD.md").read_text() == (
        committed / "MODEL_CARD.md"
    ).read_text()


def test_a_threshold_flags_no_more_than_it_may() -> None:
    human = np.random.RandomState(0).beta(1, 5, size=1000)
    threshold = threshold_for_fpr(human, 0.02)
    assert 0.015 < (human >= threshold).mean() <= 0.02


def test_calibration_error_is_zero_for_frequencies_and_large_for_boasts() -> None:
    labels = np.array([0, 1] * 500)
    assert expected_calibration_error(np.full(1000, 0.5), labels) == 0
    assert expected_calibration_error(np.full(1000, 0.95), labels) == pytest.approx(0.45)


def test_scores_of_a_perfect_detector() -> None:
    labels = np.array([0] * 100 + [1] * 100)
    scores = score(labels.astype(float), labels, 0.5)
    assert (scores.auroc, scores.tpr_at_1pct_fpr, scores.fpr_at_threshold) == (1, 1, 0)
