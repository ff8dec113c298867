"""What Modal has answered is answered again without it, by a hash of the text."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.black_hole import black_hole
from registry import Artifact
from runtime_server.modal_answer import ModalScore
from runtime_server.result_cache import MemoryCache, Remembered, cache_key
from tests.modal_backend.asking import TEXT, ask, serving
from tests.modal_backend.clock import Hands
from tests.modal_loopback import LoopbackModal
from tests.redis_server import free_port, running_redis
from tests.waiting import wait_for

SCORE = Remembered(
    score=ModalScore(probability=0.25, tokens=3, windows=1, truncated=False), provider="CPU"
)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis"), free_port()) as url:
        yield url


def test_a_repeated_text_is_not_sent_again(modal: LoopbackModal) -> None:
    with serving() as client:
        first = ask(client).json()
        before = modal.count("FunctionMap")
        # The same as norm-1 reads it.
        again = ask(client, f"  {TEXT.upper()}\n").json()
        assert modal.count("FunctionMap") == before
        assert again["probability"] == first["probability"]
        assert [a["metadata"]["cached"] for a in (first, again)] == [False, True]
        assert again["metadata"]["cost_usd"] == 0
        assert again["backend"] == "modal"
        metrics = client.get("/metrics").text
    assert 'samegraph_modal_cache_total{result="hit"} 1.0' in metrics
    assert 'samegraph_modal_cache_total{result="miss"} 1.0' in metrics


def test_of_a_batch_only_what_is_new_is_sent_and_in_one_call(modal: LoopbackModal) -> None:
    texts = [f"text number {n % 20}" for n in range(40)]
    body = {"texts": texts, "prefer_backend": "modal"}
    with serving() as client:
        ask(client, texts[0])
        before = modal.count("FunctionMap")
        results = client.post("/batch-predict", json=body).json()["results"]
        assert modal.count("FunctionMap") == before + 1
        here = client.post("/batch-predict", json={**body, "prefer_backend": "local"}).json()
    both = zip(results, here["results"], strict=True)
    assert all(a["probability"] == pytest.approx(b["probability"], abs=1e-5) for a, b in both)
    assert [r["metadata"]["cached"] for r in results[:3]] == [True, False, False]


def test_a_large_batch_is_cut_into_calls_of_the_size_that_is_set(modal: LoopbackModal) -> None:
    texts = [f"text number {n}" for n in range(25)]
    with serving(modal_batch_texts=10) as client:
        ask(client)
        before = modal.count("FunctionMap")
        client.post("/batch-predict", json={"texts": texts, "prefer_backend": "modal"})
        assert modal.count("FunctionMap") == before + 3


def test_nothing_is_remembered_where_it_is_off(modal: LoopbackModal) -> None:
    with serving(modal_cache_entries=0) as client:
        found = [ask(client).json()["metadata"]["cached"] for _ in range(2)]
    assert found == [False, False]


def test_a_key_depends_on_artifact_and_normal_form(lexical_tiny: Artifact) -> None:
    manifest = lexical_tiny.manifest
    key = cache_key(manifest, "A  text")
    assert key == cache_key(manifest, "a text ")
    assert key != cache_key(manifest, "a test")
    assert key != cache_key(manifest.model_copy(update={"digest": "0" * 64}), "a text")
    assert len(key) == 64


def test_the_oldest_makes_room_and_time_forgets() -> None:
    clock = Hands(0.0)

    async def used() -> None:
        cache = MemoryCache(most=2, ttl_s=10, clock=clock)
        await cache.put({"a": SCORE})
        await cache.put({"b": SCORE})
        assert await cache.get(["a"]) == (SCORE,)
        await cache.put({"c": SCORE})
        assert await cache.get(["a", "b", "c"]) == (SCORE, None, SCORE)
        clock.now = 10
        assert await cache.get(["a", "c"]) == (None, None)

    asyncio.run(used())


def test_redis_remembers_for_the_next_server_and_holds_no_text(
    modal: LoopbackModal, redis: str
) -> None:
    from redis import Redis

    with serving(redis_url=redis) as client:
        ask(client)
    before = modal.count("FunctionMap")
    with serving(redis_url=redis) as client:
        assert ask(client).json()["metadata"]["cached"] is True
    assert modal.count("FunctionMap") == before
    with Redis.from_url(redis) as held:
        (key,) = held.scan_iter("samegraph:modal:result:*")
        assert 0 < held.ttl(key) <= 86_400
        kept = key + held.get(key)
    assert not any(word.encode() in kept for word in TEXT.split() if len(word) > 4)


def test_the_budget_of_the_day_is_one_for_all_who_share_a_redis(
    modal: LoopbackModal, redis: str
) -> None:
    limits = {"redis_url": redis, "modal_daily_budget_usd": 0.0001}
    with serving(**limits) as first, serving(**limits) as second:
        ask(first, "spend something")
        for client in (first, second):
            asked = lambda c=client: c.get("/backends").text  # noqa: E731
            wait_for(lambda a=asked: "budget_exhausted" in a(), within_s=30)


@pytest.mark.parametrize("kind", ["nobody listens", "black hole"])
def test_without_its_redis_a_server_goes_on(modal: LoopbackModal, kind: str) -> None:
    with black_hole() as address:
        host = "127.0.0.1:9" if kind == "nobody listens" else address.removeprefix("http://")
        without_redis(f"redis://:secret@{host}/0")


def without_redis(url: str) -> None:
    with serving(redis_url=url) as client:
        began = time.monotonic()
        answer = ask(client, "a text that nobody remembers")
        assert answer.json()["backend"] == "modal"
        assert time.monotonic() - began < 5


def test_what_is_not_as_agreed_in_redis_is_not_believed(redis: str, tmp_path: Path) -> None:
    from redis import Redis

    from runtime_server.redis_store import RedisStore

    async def used() -> None:
        store = RedisStore(redis, ttl_s=60)
        await store.put({"good": SCORE, "bad": SCORE})
        with Redis.from_url(redis) as held:
            held.set("samegraph:modal:result:bad", b"\xff not JSON")
        assert await store.get(["good", "none"]) == (SCORE, None)
        assert await store.get(["bad"]) == (None,)
        await store.close()

    asyncio.run(used())


def test_a_redis_that_does_not_answer_is_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from runtime_server.redis_store import REST_S, RedisStore

    port, clock = free_port(), Hands(0.0)

    async def used() -> None:
        store = RedisStore(f"redis://:secret@127.0.0.1:{port}/0", ttl_s=60, clock=clock)
        for _ in range(3):
            assert await store.get(["a"]) == (None,)
            await store.put({"a": SCORE})
        assert [await store.add("day", usd) for usd in (1, 2)] == [1, 3]
        assert len(caplog.records) == 1
        with running_redis(tmp_path, port, "secret"):
            await store.put({"a": SCORE})
            assert await store.get(["a"]) == (None,)
            clock.now += REST_S
            await store.put({"a": SCORE})
            assert await store.get(["a"]) == (SCORE,)
            # Redis has missed some of it, this process has not.
            assert await store.add("day", 4) == 7
            await store.close()

    asyncio.run(used())
    assert "secret" not in caplog.text
