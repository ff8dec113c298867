import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from registry import Manifest, SizeCategory
from registry.manifest import Quantization, Routing, artifact_digest
from registry.schema import SCHEMA_PATH, manifest_schema


def changed(manifest: Manifest, **fields: object) -> dict[str, object]:
    return {**manifest.model_dump(mode="json"), **fields}


def test_a_manifest_survives_its_own_bytes(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.to_bytes()) == manifest


def test_a_manifest_cannot_be_changed(manifest: Manifest) -> None:
    with pytest.raises(ValidationError):
        manifest.version = "2"  # type: ignore[misc]


def test_unknown_fields_are_refused(manifest: Manifest) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(changed(manifest, surprise=1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_bytes", 1),
        ("size_category", "large"),
        ("labels", ["ai", "human"]),
        ("decision", {"threshold": 0.1, "target_fpr": 0.02, "calibration": "platt"}),
        ("files", []),
        ("model_id", "../up"),
        ("version", "not a version"),
        ("schema_version", 2),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    manifest: Manifest, field: str, value: object
) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(changed(manifest, **{field: value}))


def test_a_model_that_is_not_evaluated_has_no_measured_threshold(manifest: Manifest) -> None:
    with pytest.raises(ValidationError, match="quality is null"):
        Manifest.model_validate(changed(manifest, quality=None))
    decision = manifest.decision.model_copy(update={"target_fpr": None})
    contract = manifest.model_copy(update={"decision": decision, "quality": None})
    digest = artifact_digest(manifest.files, contract)
    chosen = changed(contract, digest=digest)
    assert Manifest.model_validate(chosen).quality is None


@pytest.mark.parametrize("path", ["../model.onnx", "/etc/passwd", "a/b", "", ".hidden", "a\\b"])
def test_a_file_outside_the_artifact_cannot_be_named(manifest: Manifest, path: str) -> None:
    files = [{"path": path, "sha256": "0" * 64, "bytes": 1}]
    with pytest.raises(ValidationError, match="path"):
        Manifest.model_validate(changed(manifest, files=files))


def test_the_digest_ignores_name_and_evidence(manifest: Manifest) -> None:
    renamed = changed(manifest, model_id="other-name", version="9.0")
    assert Manifest.model_validate(renamed).digest == manifest.digest


@pytest.mark.parametrize(
    ("size", "category"),
    [
        (1, SizeCategory.TINY),
        (9_999_999, SizeCategory.TINY),
        (10_000_000, SizeCategory.SMALL),
        (200_000_000, SizeCategory.SMALL),
        (200_000_001, SizeCategory.MEDIUM),
        (1_000_000_000, SizeCategory.MEDIUM),
        (1_000_000_001, SizeCategory.LARGE),
    ],
)
def test_size_decides_the_category(size: int, category: SizeCategory) -> None:
    assert SizeCategory.of(size) is category


@pytest.mark.parametrize(
    ("category", "preferred", "fallback"),
    [
        ("tiny", "client_side", ["local"]),
        ("small", "local", ["modal"]),
        ("medium", "local", ["modal"]),
        ("large", "modal", ["local"]),
    ],
)
def test_the_category_decides_the_routing(
    category: str, preferred: str, fallback: list[str]
) -> None:
    routing = Routing.for_category(SizeCategory(category)).model_dump(mode="json")
    assert routing == {"preferred_backend": preferred, "fallback_backends": fallback}


@pytest.mark.parametrize(
    "quantization",
    [
        {"scheme": "fp32", "bits": 32},
        {"scheme": "int8_token", "bits": 7, "activation_bits": 8},
        {"scheme": "int8_token", "bits": 8, "activation_bits": 14},
        {"scheme": "int8_dynamic", "bits": 8, "activation_bits": 8, "batch_invariant": False},
        {"scheme": "fp16", "bits": 16, "batch_invariant": False},
    ],
)
def test_every_scheme_says_its_bits(quantization: dict[str, object]) -> None:
    assert Quantization.model_validate(quantization).model_dump().items() >= quantization.items()


@pytest.mark.parametrize(
    ("quantization", "message"),
    [
        ({"scheme": "int8_weight", "bits": 7}, "int8_weight has bits = 8"),
        ({"scheme": "nbits4", "bits": 4, "activation_bits": 8}, "nbits4 has bits = 4"),
        ({"scheme": "int8_token", "bits": 8}, "bits = 8, activation_bits = 14"),
        ({"scheme": "int8_token", "bits": 7, "activation_bits": 14}, "activation_bits = 8 or"),
        ({"scheme": "int8_dynamic", "bits": 8, "activation_bits": 8}, "batch_invariant = false"),
    ],
)
def test_bits_that_a_scheme_does_not_have_are_refused_with_those_it_has(
    quantization: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Quantization.model_validate(quantization)


def test_the_committed_schema_is_the_models(root: Path) -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == manifest_schema()


def test_the_schema_refuses_unknown_fields() -> None:
    assert json.loads(manifest_schema())["additionalProperties"] is False
