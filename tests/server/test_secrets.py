"""No secret of the operator or of a caller reaches the log or an answer, whatever goes wrong."""

import asyncio
from pathlib import Path

import httpx

from registry import Artifact
from runtime_server.access.api_key import KeyScope, new_key
from runtime_server.access.key_store import KeyFile
from tests.redis_server import free_port
from tests.server.command import address, announced, run, started

SECRETS = {
    "ADMIN_KEY": "admin-hush-admin-hush",
    "MODAL_TOKEN_ID": "ak-modal-hush",
    "MODAL_TOKEN_SECRET": "as-modal-hush",
    "REDIS_URL": "redis://:redis-hush@127.0.0.1:{port}/0",
}


def test_secrets_stay_where_they_are(artifact: Artifact, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    secret, kept = new_key("caller", [KeyScope.PREDICT])
    asyncio.run(KeyFile(path).add(kept))
    # Neither Redis nor Modal is there: what is said of them must not hold how they are reached.
    given = {name: value.format(port=free_port()) for name, value in SECRETS.items()}
    settings = {**given, "API_KEYS": str(path), "RATE_LIMIT": "100/minute", "LOG_LEVEL": "debug"}
    answers = []
    with started(root, MODAL_SERVER_URL=f"http://127.0.0.1:{free_port()}", **settings) as process:
        url = address(announced(process))
        for headers in (
            {"X-API-Key": secret},
            {"Authorization": f"Bearer {secret}"},
            {"Authorization": f"Bearer {given['ADMIN_KEY']}"},
            {"X-API-Key": f"{secret}wrong"},
        ):
            for method, route, body in (
                ("POST", "/predict", {"text": "a", "prefer_backend": "modal"}),
                ("POST", "/predict", {"text": 7}),
                ("GET", "/admin/models", None),
                ("GET", f"/nowhere?key={secret}", None),
                ("GET", "/backends", None),
                ("GET", "/metrics", None),
            ):
                answer = httpx.request(method, url + route, json=body, headers=headers, timeout=60)
                answers.append(answer.text + str(answer.headers))
        process.terminate()
        said = "".join(process.communicate(timeout=60))
    config = run(root, "--check-config", **settings)
    said += "".join(answers) + config.stdout + config.stderr
    assert '"key": "caller"' in said, "the key is named"
    assert "Redis did not answer" in said, "Redis was asked for"
    hidden = [secret.split("_", 2)[2], kept.digest, kept.salt, "hush"]
    assert [one for one in hidden if one in said] == []
