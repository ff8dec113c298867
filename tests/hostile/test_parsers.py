"""Every parser of ours takes what it is given or says what is wrong, whatever it is given."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from export.errors import RecipeError
from export.recipe import RECIPES, read_recipe
from registry import FileStore, Manifest, RegistryError
from registry.manifest import MANIFEST_FILE
from registry.signature import public_key_bytes
from runtime_server import token_input
from runtime_server.access.api_key import KeyRing, KeyScope, new_key
from runtime_server.access.key_store import KeyFile, KeyStoreError
from runtime_server.errors import EngineError, ServerError, SettingsError
from runtime_server.json_body import parse_json
from runtime_server.settings import Settings, load_settings
from tests.hostile.mutations import mutated
from tests.server.conftest import hash_graph, make_manifest
from tests.server.test_token_input import tokenizer_json

MANIFEST = make_manifest(hash_graph()).to_bytes()
RECIPE = (RECIPES / "fusion-medium" / "recipe.toml").read_bytes()
ENV = (Path(__file__).parents[2] / ".env.example").read_bytes()
KEYS = json.dumps({"keys": [json.loads(new_key("a", [KeyScope.PREDICT])[1].model_dump_json())]})
BODY = b'{"text": "a \\u00e9", "model_id": "lexical-tiny", "threshold": 0.5, "explain": true}'
fuzzed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzzed
@given(mutated(MANIFEST))
def test_a_manifest(content: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "hash-tiny" / "1.0.0"
        folder.mkdir(parents=True)
        (folder / MANIFEST_FILE).write_bytes(content)
        try:
            artifact = FileStore(Path(name)).resolve("hash-tiny")
        except RegistryError as exc:
            assert "\n" not in str(exc)
        else:
            for file in artifact.manifest.files:
                assert artifact.path(file.path).parent == folder, "a file outside its folder"
            assert Manifest.model_validate_json(artifact.manifest.to_bytes()) == artifact.manifest


@fuzzed
@given(mutated(RECIPE))
def test_a_recipe(content: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "fusion-medium"
        folder.mkdir()
        (folder / "recipe.toml").write_bytes(content)
        (folder / "weights.safetensors").touch()
        try:
            recipe = read_recipe(folder)
        except RecipeError as exc:
            assert str(folder) in str(exc)
        else:
            assert recipe.model_id == "fusion-medium"
            assert recipe.weights is None or recipe.weights.parent == folder


@fuzzed
@given(mutated(ENV))
def test_a_file_of_settings(content: bytes) -> None:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        for field in Settings.model_fields:
            patch.delenv(field.upper(), raising=False)
        patch.chdir(name)
        Path(".env").write_bytes(content)
        try:
            found = load_settings()
        except SettingsError as exc:
            assert str(exc)
        else:
            assert isinstance(found, Settings)


@fuzzed
@given(mutated(KEYS.encode()))
def test_a_file_of_keys(content: bytes) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / "keys.json"
        path.write_bytes(content)
        try:
            keys = asyncio.run(KeyFile(path).read())
        except KeyStoreError as exc:
            assert str(path) in str(exc)
        else:
            assert KeyRing(keys).find("sg_00000000_x") is None


@fuzzed
@given(mutated(BODY))
def test_a_body(content: bytes) -> None:
    try:
        value = parse_json(content)
    except ServerError as exc:
        assert 400 <= exc.status < 500
    else:
        json.dumps(value)


@fuzzed
@given(mutated(tokenizer_json()))
def test_a_tokenizer(content: bytes) -> None:
    try:
        tokenizer = token_input._tokenizer(content, "tokenizer.json")
    except EngineError as exc:
        assert exc.reason == "load_failed"
    else:
        assert isinstance(tokenizer, Tokenizer)


@fuzzed
@given(st.text(max_size=60))
def test_a_public_key(text: str) -> None:
    try:
        assert len(public_key_bytes(text)) == 32
    except RegistryError as exc:
        assert "base64" in str(exc)
