"""docs/modal.md: its five commands, run against a Modal that has nothing yet."""

import os
import re
import shlex
import signal
import subprocess
import sys

import httpx

from tests.conftest import ROOT
from tests.modal_backend.asking import fallbacks
from tests.modal_loopback import running
from tests.redis_server import free_port
from tests.waiting import wait_for


def commands() -> list[str]:
    page = (ROOT / "docs" / "modal.md").read_text("utf-8")
    block = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    return block.group(1).strip().splitlines()


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def answers_from_modal(client: httpx.Client, body: str) -> bool:
    answer = client.post("/predict", content=body).json()
    assert answer["model_id"] == "minilm-small"
    return bool(answer["backend"] == "modal")


def test_the_commands_of_the_page_lead_to_an_answer() -> None:
    install, publish, deploy, serve, ask = commands()
    assert install.endswith("pip install -e '.[modal]'")  # done, where tests run
    port = free_port()
    python = (".venv/bin/python", sys.executable)
    with running() as modal:
        given = {**os.environ, **modal.environment, "PORT": str(port), "PYTHONPATH": str(ROOT)}
        for command in (publish, deploy):
            subprocess.run(command.replace(*python).split(), env=given, cwd=ROOT, check=True)
        assert serve.endswith(" &")
        server = subprocess.Popen(serve.replace(*python).split()[:-1], env=given, cwd=ROOT)
        try:
            assert ask.startswith("curl -s localhost:8000/predict ")
            text = shlex.split(ask)[-1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                client.headers["content-type"] = "application/json"
                wait_for(lambda: is_up(client), within_s=60)
                first = client.post("/predict", content=text)
                assert fallbacks(first) == [("modal", "cold_start")]
                wait_for(lambda: answers_from_modal(client, text), within_s=60)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
