"""`python -m runtime_server keys`, as an operator types it."""

import json
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from tests.server.command import address, announced, run, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_added_used_listed_and_revoked(artifact: Artifact, root: Path, path: Path) -> None:
    def keys(*arguments: str) -> str:
        done = run(root, "keys", *arguments, API_KEYS=str(path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "no keys yet" in run(root, "keys", "list", API_KEYS=str(path)).stderr
    secret = keys("add", "shop", "--rate-limit", "600/minute", "--days", "30").strip()
    keys("add", "ops", "--scope", "admin", "--scope", "metrics")
    listed = keys("list")
    assert secret not in listed
    assert "admin, metrics" in listed
    assert "600/minute" in listed
    with started(root, API_KEYS=str(path)) as process:
        url = f"{address(announced(process))}/predict"
        headers = {"X-API-Key": secret}
        assert httpx.post(url, json={"text": "x"}, headers=headers).status_code == 200
        assert httpx.post(url, json={"text": "x"}).status_code == 401
        process.terminate()
        _, log = process.communicate(timeout=30)
    lines = [json.loads(line) for line in log.splitlines() if '"route": "/predict"' in line]
    assert [line.get("key") for line in lines] == ["shop", None]
    assert secret.split("_", 2)[2] not in log
    keys("revoke", "shop")
    assert "shop" not in keys("list")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "no spaces"), "name"),
        (("add", "a", "--rate-limit", "many"), "600/minute"),
        (("revoke", "nobody"), "no key nobody"),
    ],
)
def test_what_cannot_be_done_is_said(
    root: Path, path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run(root, "keys", *arguments, API_KEYS=str(path))
    assert done.returncode == 1
    assert said in done.stderr
    assert not path.exists() or json.loads(path.read_text()) == {"keys": []}


def test_without_the_setting_it_says_how_to_turn_keys_on(root: Path) -> None:
    done = run(root, "keys", "list")
    assert (done.returncode, "API_KEYS" in done.stderr) == (1, True)
    assert "REDIS_URL" in run(root, "keys", "list", API_KEYS="redis").stderr, (
        "keys in Redis need to know which"
    )
