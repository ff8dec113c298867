"""The head of perplexity-small: how it is calibrated, on which mix of documents."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from export.causal_lm.features import FEATURES
from export.training.dataset import Dataset
from export.training.metrics import expected_calibration_error
from export.training.perplexity import Expectations
from export.training.perplexity_order import first_documents

WIDTH = len(FEATURES)


def documents(count: int, seed: int) -> tuple[Dataset, Expectations]:
    """Two domains, nine documents of ten in one of them, whose labels follow one feature."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, WIDTH)).astype(np.float32)
    features[:, 0] += 1.0
    numbers = np.arange(count)
    return (
        Dataset(
            name="made",
            sha256="0" * 64,
            texts=np.array([f"text {number}" for number in numbers], dtype=object),
            labels=(random.random(count) < expit(2 * features[:, 0])).astype(np.int64),
            domains=np.where(numbers % 10 == 0, "rare", "common"),
            generators=np.full(count, "any"),
            groups=numbers.astype(str),
        ),
        Expectations(torch.from_numpy(features), torch.full((count,), 1e6)),
    )


def test_documents_that_train_weigh_as_often_as_they_are_met() -> None:
    everything, _ = documents(2000, seed=0)
    first = first_documents(everything, 400)
    strata = first.dataset.strata[first.training]
    assert (strata == "rare1").mean() > 0.2, "documents are taken from the domains in turn"
    for name in np.unique(strata):
        share = first.training_weights[strata == name].sum() / len(strata)
        assert share == pytest.approx((everything.strata == name).mean(), abs=0.01)


def test_calibration_fits_the_mix_that_the_weights_describe() -> None:
    dataset, expectations = documents(4000, seed=1)
    rows, weights = np.arange(2000), np.where(dataset.labels[:2000] == 1, 4.0, 1.0)
    test = np.arange(2000, 4000)
    odds = np.where(dataset.labels[test] == 1, 4.0, 1.0)
    seen = np.random.default_rng(2).choice(test, size=8000, p=odds / odds.sum())
    errors = [
        expected_calibration_error(expectations.probabilities(head, seen), dataset.labels[seen])
        for head in (
            expectations.fit(dataset, rows),
            expectations.fit_calibrated(dataset, rows, weights),
        )
    ]
    assert errors[0] > 0.05
    assert errors[1] < 0.02


def test_a_rescaled_head_scales_and_moves_its_logit() -> None:
    dataset, expectations = documents(300, seed=3)
    rows = np.arange(300)
    head = expectations.fit(dataset, rows)
    moved = logit(expectations.probabilities(head.rescaled(1.5, -0.25), rows))
    np.testing.assert_allclose(
        moved, 1.5 * logit(expectations.probabilities(head, rows)) - 0.25, atol=1e-4
    )
