from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from export.ensemble.token_ngrams import BUCKETS, ORDERS, ngram_places
from export.training.causal_lm_cache import Readings
from export.training.dataset import Dataset
from export.training.ensemble_head import Place, save_ensemble_head
from export.training.linear import Dense, Ngrams, Stack, balanced, fit_stack
from export.training.stack_evaluation import stack_fit
from export.training.teacher import read_teacher, write_teacher
from export.training.token_ngrams import ngram_counts
from export.training.unseen import aurocs_left_out, domain_splits, generator_splits
from export.training.views import CHANGED, WHOLE, first_words, views

N = 240


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, N)
    return Dataset(
        name="data.jsonl",
        sha256="0" * 64,
        texts=np.array([f"text {n}" for n in range(N)], dtype=object),
        labels=labels,
        domains=np.array([("wiki", "mail", "news")[n % 3] for n in range(N)]),
        generators=np.array(
            [("one", "two")[n % 2] if label else "human" for n, label in enumerate(labels)]
        ),
        groups=np.array([f"g{n // 2}" for n in range(N)]),
    )


@pytest.fixture(scope="module")
def ids(dataset: Dataset) -> list[list[int]]:
    generator = np.random.default_rng(1)
    return [
        [int(token) for token in generator.integers(100, 150, 20)] + ([7, 8] if label else [9, 8])
        for label in dataset.labels
    ]


@pytest.fixture(scope="module")
def kinds(dataset: Dataset, ids: list[list[int]]) -> tuple[Dense, Ngrams]:
    generator = np.random.default_rng(2)
    features = generator.normal(size=(N, 6)).astype(np.float32) + 5
    features[:, 0] += dataset.labels
    # A changed copy that nobody read.
    copies = np.full_like(features, np.nan)
    copies[:50] = features[:50] + 0.1
    counts = ngram_counts(ids)
    return Dense([features, copies], 10.0, trained=2), Ngrams([counts, counts], trained=2)


@pytest.fixture(scope="module")
def stack(dataset: Dataset, kinds: tuple[Dense, Ngrams]) -> Stack:
    return fit_stack(kinds, dataset, np.arange(160))


def test_a_stack_beats_each_kind_of_evidence_and_is_calibrated_on_what_it_had_not_seen(
    dataset: Dataset, stack: Stack
) -> None:
    rows, labels = np.arange(160, N), dataset.labels[160:]
    together = roc_auc_score(labels, stack.logits(rows))
    assert together > 0.95
    assert together >= roc_auc_score(labels, stack.scorers[0].logits(rows))
    assert len(stack.unseen) == 160
    mean = (1 / (1 + np.exp(-stack.unseen))).mean()
    assert mean == pytest.approx(dataset.labels[:160].mean(), abs=0.01)


def test_the_head_that_is_shipped_says_what_the_stack_says(
    stack: Stack, kinds: tuple[Dense, Ngrams], ids: list[list[int]], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    width = kinds[0].width
    # One column between the members that no scorer looks at.
    places = (Place(np.arange(width)), Place(width + 1 + np.arange(ORDERS), "ngrams"))
    save_ensemble_head(stack, places, width + 1 + ORDERS, path)
    tensors = load_file(path)
    table, scale = tensors["ngrams.table"], tensors["ngrams.scale"]
    assert table.shape == (ORDERS, BUCKETS)
    features = np.zeros((N, width + 1 + ORDERS))
    features[:, :width], features[:, width] = kinds[0].views[0], 99
    for row, tokens in enumerate(ids):
        for order in range(1, ORDERS + 1):
            found = ngram_places(np.array(tokens), order)
            total = table[order - 1][found].sum(dtype=np.int64) * scale[order - 1]
            features[row, width + order] = total / np.sqrt(len(found))
    logits = (features - tensors["head.mean"]) @ tensors["head.weight"] + tensors["head.bias"]
    np.testing.assert_allclose(logits, stack.logits(np.arange(N)), atol=1e-4)


def test_what_was_left_out_is_measured_on_what_was_left_out(
    dataset: Dataset, kinds: tuple[Dense, Ngrams]
) -> None:
    quiet, fit = Console(quiet=True), stack_fit(kinds, dataset)
    domains = aurocs_left_out(dataset, domain_splits(dataset), fit, "domains", quiet)
    assert set(domains) == {"wiki", "mail", "news"}
    assert min(domains.values()) > 0.9
    splits = generator_splits(dataset, np.arange(160), np.arange(160, N))
    generators = aurocs_left_out(dataset, splits, fit, "generators", quiet)
    assert set(generators) == {"one", "two"}


def test_small_domains_weigh_more_for_each_document_and_all_have_a_mean_of_one() -> None:
    dataset = Dataset(
        name="",
        sha256="",
        texts=np.array(["a"] * 5, dtype=object),
        labels=np.array([0, 0, 0, 0, 1]),
        domains=np.array(["wiki"] * 5),
        generators=np.array(["human"] * 5),
        groups=np.array(list("abcde")),
    )
    weights = balanced(dataset, np.arange(5))
    assert weights.mean() == pytest.approx(1)
    assert weights[4] == pytest.approx(2 * weights[0])


def test_views_are_the_whole_a_changed_copy_and_first_words() -> None:
    text = "One two, three! " * 40
    found = dict(views([text]))
    assert found[WHOLE] == [text]
    assert found[CHANGED] == dict(views([text, "other"]))[CHANGED][:1] != [text]
    assert found["first 10 words"] == ["One two, three! One two, three! One two, three! One"]
    assert first_words("  two words ", 5) == "  two words "


def test_a_teacher_is_found_by_the_data_that_it_was_trained_on(
    dataset: Dataset, tmp_path: Path
) -> None:
    assert read_teacher(tmp_path, dataset) is None
    write_teacher(tmp_path, dataset, np.array([3, 1]), np.array([0.25, 0.75]))
    assert read_teacher(tmp_path, dataset) == {"text 3": 0.25, "text 1": 0.75}


def test_a_part_of_the_cache_that_was_cut_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "000000.npz"
    readings = Readings(
        lengths=np.array([[3, 4]]),
        statistics=np.zeros((5, 4), np.float32),
        layer_means=np.zeros((1, 2, 6), np.float16),
    )
    readings.write(path)
    found = Readings.read(path)
    assert found is not None
    assert found.lengths.tolist() == [[3, 4]]
    path.write_bytes(path.read_bytes()[:100])
    assert Readings.read(path) is None
