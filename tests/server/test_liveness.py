"""`/livez` while inference has all that it can do."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry.store import DEFAULT_ROOT
from tests.server.wire import Server, get, serving_from

TEXT = "The committee reviewed the proposal, and found it broadly satisfactory. " * 250
N_CALLERS, N_TEXTS = 6, 8
# What it takes is a matter of milliseconds (docs/serving.md); this is for any machine.
AT_ONCE_S = 3.0


def waiting_tokens(server: Server) -> float:
    shown = server.ask(get(b"/metrics")).content.decode()
    found = re.search(r"^samegraph_queue_tokens\{.*\} (\S+)$", shown, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.fixture
def saturated(tmp_path: Path) -> Iterator[Server]:
    settings = {"DEFAULT_MODEL": "minilm-small", "MAX_QUEUED_TOKENS": "10000000"}
    with serving_from(DEFAULT_ROOT, tmp_path, **settings) as server:
        url = f"http://{server.host}:{server.port}/batch-predict"

        def call(number: int) -> None:
            # Each text is another one, in case that anything remembers answers.
            texts = [f"{number} {index} {TEXT}" for index in range(N_TEXTS)]
            # The server is stopped long before it has done all of it.
            with pytest.raises(httpx.TransportError):
                httpx.post(url, json={"texts": texts}, timeout=60)

        callers = [threading.Thread(target=call, args=(n,)) for n in range(N_CALLERS)]
        for caller in callers:
            caller.start()
        while waiting_tokens(server) < 1000:
            time.sleep(0.05)
        yield server
    for caller in callers:
        caller.join()


def test_livez_is_answered_at_once_while_long_texts_wait_to_be_computed(saturated: Server) -> None:
    for _ in range(20):
        began = time.perf_counter()
        answer = saturated.ask(get(b"/livez"))
        assert (answer.status, answer.content) == (200, b'{"live":true}')
        assert time.perf_counter() - began < AT_ONCE_S
    assert waiting_tokens(saturated) > 1000
