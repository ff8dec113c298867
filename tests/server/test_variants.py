"""Variants of a model: each an artifact of its own, chosen by the request or the operator."""

from collections.abc import Callable

import httpx
import pytest

from registry import Artifact
from runtime_server.catalogue import Catalogue
from runtime_server.errors import SettingsError
from runtime_server.settings import Settings
from tests.server.conftest import hash_graph

FAST = "hash-tiny+int8_token"
MakeClient = Callable[..., httpx.Client]


@pytest.fixture
def pair(publish: Callable[..., Artifact], graph: bytes) -> tuple[Artifact, Artifact]:
    return publish(graph), publish(hash_graph(seed=1), model_id=FAST)


def answer(client: httpx.Client, **request: str) -> tuple[str, str | None, str]:
    response = client.post("/predict", json={"text": "a text", **request})
    assert response.status_code == 200, response.text
    body = response.json()
    return body["model_id"], body["metadata"]["variant"], body["metadata"]["artifact_digest"]


@pytest.mark.parametrize(
    ("request_fields", "fast"),
    [
        ({}, False),
        ({"model_id": "hash-tiny"}, False),
        ({"variant": "int8_token"}, True),
        ({"model_id": "hash-tiny@1.0.0", "variant": "int8_token"}, True),
        ({"model_id": FAST}, True),
        ({"model_id": f"{FAST}@1.0.0", "variant": "int8_token"}, True),
        ({"variant": "default"}, False),
    ],
    ids=str,
)
def test_a_request_gets_the_variant_that_it_names_and_no_other(
    pair: tuple[Artifact, Artifact],
    make_client: MakeClient,
    request_fields: dict[str, str],
    fast: bool,
) -> None:
    expected = pair[fast].manifest
    variant = "int8_token" if fast else None
    found = answer(make_client(), **request_fields)
    assert found == (expected.model_id, variant, expected.digest)


def test_the_operator_chooses_where_the_request_does_not(
    pair: tuple[Artifact, Artifact], make_client: MakeClient
) -> None:
    client = make_client(model_variants=(FAST,))
    assert answer(client)[0] == FAST
    assert answer(client, model_id="hash-tiny")[2] == pair[1].manifest.digest
    assert answer(client, variant="default")[0] == "hash-tiny"
    assert client.get("/models/hash-tiny").json()["model_id"] == "hash-tiny"
    urls = {m["model_id"]: m["download_url"] for m in client.get("/models").json()["models"]}
    assert client.get(urls[FAST]).content == pair[1].path("model.onnx").read_bytes()


@pytest.mark.parametrize(
    "request_fields",
    [{"variant": "nbits4"}, {"model_id": FAST, "variant": "default"}, {"variant": "../x"}],
    ids=str,
)
def test_a_variant_that_is_not_there_is_no_other_model(
    pair: tuple[Artifact, Artifact], make_client: MakeClient, request_fields: dict[str, str]
) -> None:
    response = make_client().post("/predict", json={"text": "a text", **request_fields})
    assert response.status_code == 404
    assert response.json()["known_models"] == [artifact.manifest.model_id for artifact in pair]


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (("hash-tiny",), "'hash-tiny' is not like model"),
        (("hash-tiny+nbits4",), "'hash-tiny.nbits4' is not served"),
        ((FAST, FAST), "hash-tiny can have one variant"),
    ],
)
def test_variants_that_cannot_be_are_refused_at_the_start(
    pair: tuple[Artifact, Artifact], variants: tuple[str, ...], message: str
) -> None:
    settings = Settings(
        _env_file=None,
        registry_root=pair[0].folder.parent.parent,
        default_model="hash-tiny",
        model_variants=variants,
    )
    with pytest.raises(SettingsError, match=f"MODEL_VARIANTS: {message}"):
        Catalogue.load(settings)
