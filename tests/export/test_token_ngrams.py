from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from safetensors.numpy import save_file

from export.ensemble.token_ngrams import BUCKETS, ORDERS, TokenNgrams, ngram_places
from export.errors import RecipeError
from export.torch_to_onnx import torch_to_onnx
from export.training.token_ngrams import fit_ngrams, ngram_counts
from registry.manifest import SpecialTokens

FRAMED = SpecialTokens(prefix=(101,), suffix=(102,), pad=0)
BARE = SpecialTokens(prefix=(), suffix=(), pad=0)
TEXTS = [[7, 8, 9, 7, 8], [5], [30521, 30520, 30519, 30518], [7, 8, 9, 10, 11, 12, 13]]


@pytest.fixture
def tables() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    table = generator.integers(-127, 128, size=(ORDERS, BUCKETS)).astype(np.int8)
    return table, np.array([0.01, 0.02, 0.03], dtype=np.float32)


def expected(tables: tuple[np.ndarray, np.ndarray], ids: list[int]) -> list[float]:
    table, scale = tables
    found = []
    for order in range(1, ORDERS + 1):
        places = ngram_places(np.array(ids), order)
        total = float(table[order - 1][places].astype(float).sum() * scale[order - 1])
        found.append(total / max(len(places), 1) ** 0.5)
    return found


def batch(special: SpecialTokens, texts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [special.framed(ids) for ids in texts]
    length = max(map(len, rows)) + 2
    ids = torch.tensor([[*row, *[9] * (length - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return ids, mask


@pytest.mark.parametrize("special", [FRAMED, BARE])
def test_a_batch_gives_what_each_text_gives_alone_and_no_special_token_counts(
    tables: tuple[np.ndarray, np.ndarray], special: SpecialTokens
) -> None:
    module = TokenNgrams(*map(torch.from_numpy, tables), special)
    found = module(*batch(special, TEXTS)).numpy()
    np.testing.assert_allclose(found, [expected(tables, ids) for ids in TEXTS], atol=1e-5)


def test_the_graph_says_what_the_module_says_of_short_and_empty_texts(
    tables: tuple[np.ndarray, np.ndarray],
) -> None:
    module = TokenNgrams(*map(torch.from_numpy, tables), FRAMED).eval()
    session = ort.InferenceSession(torch_to_onnx(module, ("features",)).SerializeToString())
    for texts in ([[]], [[3]], TEXTS):
        ids, mask = batch(FRAMED, texts)
        ran = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        np.testing.assert_allclose(ran[0], module(ids, mask).numpy(), atol=1e-6)


def test_counts_and_module_agree_so_that_what_is_trained_is_what_runs() -> None:
    labels = np.array([0, 1, 1, 0])
    fitted = fit_ngrams(ngram_counts(TEXTS), labels, np.ones(4))
    module = TokenNgrams(torch.from_numpy(fitted.table), torch.from_numpy(fitted.scale), FRAMED)
    found = module(*batch(FRAMED, TEXTS)).sum(-1).numpy() + fitted.bias
    np.testing.assert_allclose(found, fitted.logits(ngram_counts(TEXTS)), atol=1e-5)


def test_n_grams_of_different_order_lie_in_different_places() -> None:
    assert list(ngram_places(np.array([1, 2]), 2)) != list(ngram_places(np.array([2, 1]), 2))
    assert len(ngram_places(np.array([1, 2]), 3)) == 0


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"ngrams.table": np.zeros((1, 5), np.int8), "ngrams.scale": np.zeros(1)}, path)
    with pytest.raises(RecipeError, match=r"ngrams\.table is not int8"):
        TokenNgrams.load(path, "ngrams", FRAMED)
    with pytest.raises(RecipeError, match="n-grams of other"):
        TokenNgrams.load(path, "other", FRAMED)
