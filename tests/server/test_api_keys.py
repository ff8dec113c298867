"""Who is let in, with which key."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from runtime_server.access import live_keys
from runtime_server.access.api_key import ApiKey, KeyRing, KeyScope, new_key
from runtime_server.access.key_store import KeyFile, KeyStoreError
from runtime_server.access.redis_keys import RedisKeys
from tests.redis_server import free_port, running_redis
from tests.waiting import wait_for

MakeClient = Callable[..., httpx.Client]
JUDGING = [
    ("/predict", {"text": "a text"}),
    ("/batch-predict", {"texts": ["a text"]}),
    (
        "/v2/models/hash-tiny/infer",
        {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a text"]}]},
    ),
]
ADMIN_KEY = "an operator's key"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys" / "keys.json")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keys.json"


async def _added(keys: KeyFile, name: str, *scopes: KeyScope, **options: object) -> str:
    secret, kept = new_key(name, scopes or [KeyScope.PREDICT], **options)  # type: ignore[arg-type]
    await keys.add(kept)
    return secret


@pytest.fixture
def add(keys: KeyFile) -> Callable[..., str]:
    return lambda *given, **options: asyncio.run(_added(keys, *given, **options))


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(("route", "body"), JUDGING)
def test_texts_are_judged_for_those_who_have_a_key(
    artifact: Artifact,
    make_client: MakeClient,
    add: Callable[..., str],
    path: Path,
    route: str,
    body: dict[str, object],
) -> None:
    secret, metrics = add("shop"), add("prometheus", KeyScope.METRICS)
    client = make_client(api_keys=str(path), admin_key=ADMIN_KEY)
    for headers in (bearer(secret), {"X-API-Key": secret}, {"authorization": f"bearer {secret}"}):
        assert client.post(route, json=body, headers=headers).status_code == 200
    for headers in ({}, bearer(secret[:-1]), {"X-API-Key": "x"}, {"Authorization": "Basic abc"}):
        refused = client.post(route, json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
    for other in (metrics, ADMIN_KEY):
        refused = client.post(route, json=body, headers=bearer(other))
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        assert 'scope="predict"' in refused.headers["www-authenticate"]


def test_a_caller_without_a_key_is_refused_before_its_body_is_read(
    artifact: Artifact, make_client: MakeClient, path: Path
) -> None:
    client = make_client(api_keys=str(path))
    headers = {"Content-Type": "application/json"}
    refused = client.post("/predict", content=b"not JSON", headers=headers)
    assert refused.status_code == 401


def test_each_scope_opens_its_routes_and_no_others(
    artifact: Artifact, make_client: MakeClient, add: Callable[..., str], path: Path
) -> None:
    secrets = {scope: add(scope.value, scope) for scope in KeyScope}
    client = make_client(api_keys=str(path))
    routes = {
        KeyScope.PREDICT: ("POST", "/predict"),
        KeyScope.METRICS: ("GET", "/metrics"),
        KeyScope.ADMIN: ("GET", "/admin/models"),
    }
    for scope, secret in secrets.items():
        for needed, (method, route) in routes.items():
            body = {"text": "a text"} if method == "POST" else None
            answer = client.request(method, route, json=body, headers=bearer(secret))
            assert answer.status_code == (200 if scope is needed else 403), (scope, route)


@pytest.mark.parametrize("route", ["/livez", "/readyz", "/health", "/models", "/v2", "/docs"])
def test_what_carries_no_text_needs_no_key(
    artifact: Artifact, make_client: MakeClient, path: Path, route: str
) -> None:
    client = make_client(api_keys=str(path))
    wait_for(lambda: client.get("/readyz").status_code == 200)
    assert client.get(route, follow_redirects=True).status_code == 200


def test_a_key_counts_as_soon_as_it_is_added_and_no_longer_than_it_is_there(
    artifact: Artifact,
    make_client: MakeClient,
    add: Callable[..., str],
    keys: KeyFile,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_keys, "REFRESH_S", 0.05)
    client = make_client(api_keys=str(path))

    def status(secret: str) -> int:
        return client.post("/predict", json={"text": "x"}, headers=bearer(secret)).status_code

    assert status("sg_00000000_x") == 401
    secret = add("late")
    wait_for(lambda: status(secret) == 200)
    path.write_text("spoilt")
    wait_for(lambda: status("sg_00000000_x") == 401)
    assert status(secret) == 200, "what was read last goes on to hold"
    path.unlink()
    asyncio.run(keys.remove("late"))
    wait_for(lambda: status(secret) == 401)


def test_keys_that_cannot_be_read_at_all_are_not_taken_for_none(
    artifact: Artifact, make_client: MakeClient, path: Path
) -> None:
    path.parent.mkdir()
    path.write_text('{"keys": [{"name": "half a key"')
    refused = make_client(api_keys=str(path)).post(
        "/predict", json={"text": "x"}, headers=bearer("sg_00000000_x")
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "keys_unavailable")
    assert int(refused.headers["retry-after"]) > 0


def test_an_expired_key_is_no_key() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    old, kept_old = new_key("old", [KeyScope.PREDICT], expires=past)
    new, kept_new = new_key("new", [KeyScope.PREDICT], expires=past + timedelta(hours=1))
    ring = KeyRing([kept_old, kept_new])
    assert ring.find(old) is None
    assert ring.find(new) == kept_new
    for wrong in ("", "sg", "sg__", "sg_zz_\ud800", new.upper(), f"{new}x", old):
        assert ring.find(wrong) is None


def test_only_a_salted_hash_is_kept_where_only_its_owner_reads(
    add: Callable[..., str], path: Path
) -> None:
    secret, again = add("one"), add("two")
    content = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for sent in (secret, again):
        assert sent.split("_", 2)[2] not in content
    one, two = json.loads(content)["keys"]
    assert one["salt"] != two["salt"]
    assert [entry for entry in os.listdir(path.parent) if "json" not in entry] == []


async def _exercised(store: KeyFile | RedisKeys) -> list[str]:
    _, kept = new_key("one", [KeyScope.PREDICT, KeyScope.ADMIN], rate_limit="5/second")
    await store.add(kept)
    _, same_name = new_key("one", [KeyScope.METRICS])
    with pytest.raises(KeyStoreError, match="already"):
        await store.add(same_name)
    assert await store.read() == (kept,)
    _, other = new_key("another", [KeyScope.METRICS])
    await store.add(other)
    found = [key.name for key in await store.read()]
    assert await store.remove("one")
    assert not await store.remove("one")
    assert await store.read() == (other,)
    await store.close()
    return found


def test_keys_in_a_file_and_in_redis_are_the_same(keys: KeyFile, tmp_path: Path) -> None:
    async def in_redis() -> list[str]:
        with running_redis(tmp_path, free_port()) as url:
            return await _exercised(RedisKeys(url))

    assert asyncio.run(_exercised(keys)) == ["another", "one"]
    assert asyncio.run(in_redis()) == ["another", "one"]


def test_redis_that_is_gone_is_said_without_its_password() -> None:
    async def read() -> tuple[ApiKey, ...]:
        return await RedisKeys(f"redis://:hush@127.0.0.1:{free_port()}/0").read()

    with pytest.raises(KeyStoreError, match="REDIS_URL") as caught:
        asyncio.run(read())
    assert "hush" not in str(caught.value)
