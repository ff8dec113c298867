"""What Modal costs is told, counted, and limited."""

import asyncio

import pytest

from runtime_server.errors import SettingsError
from runtime_server.metrics import Metrics
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_engine import ModalEngine
from runtime_server.modal_price import usd_per_hour
from runtime_server.settings import Settings
from runtime_server.spending import OwnLedger, Price, Spending
from tests.modal_backend.asking import TEXT, ask, fallbacks, serving, state
from tests.modal_backend.clock import Hands
from tests.modal_loopback import LoopbackModal
from tests.waiting import wait_for

DAY = 86_400.0
HOURLY = Price(usd_per_hour=3.6, idle_s=100)  # a tenth of a cent per second


def spending(budget_usd: float | None = None) -> tuple[Spending, Hands]:
    clock = Hands(20_000 * DAY)
    return Spending(HOURLY, budget_usd, OwnLedger(), clock=clock), clock


def test_an_answer_says_what_it_cost(modal: LoopbackModal) -> None:
    with serving(modal_usd_per_hour=3600) as client:
        answer = ask(client).json()["metadata"]
        assert 0 < answer["cost_usd"] < 1
        here = client.post("/predict", json={"text": TEXT}).json()["metadata"]
        assert here["cost_usd"] is None
        wait_for(lambda: "samegraph_modal_cost_usd_total{" in client.get("/metrics").text)


def test_after_the_budget_of_the_day_modal_gets_no_more_calls(modal: LoopbackModal) -> None:
    with serving(modal_daily_budget_usd=0.001) as client:
        assert ask(client).json()["backend"] == "modal"
        wait_for(lambda: state(client)["reason"] == "budget_exhausted")
        before = modal.count("FunctionMap")
        assert fallbacks(ask(client, "another text")) == [("modal", "budget_exhausted")]
        assert modal.count("FunctionMap") == before
        assert client.get("/health").json()["backends"]["modal"]["reason"] == "budget_exhausted"


def test_where_only_modal_could_answer_the_503_names_the_budget(modal: LoopbackModal) -> None:
    with serving(vps_cpu_memory_gb=0.0001, modal_daily_budget_usd=0.001) as client:
        assert ask(client).json()["backend"] == "modal"
        wait_for(lambda: state(client)["reason"] == "budget_exhausted")
        problem = ask(client).json()
        assert problem["attempts"][0]["reason"] == "budget_exhausted"
        assert "MODAL_DAILY_BUDGET_USD" in problem["suggestion"]


def test_a_container_is_paid_until_it_is_gone() -> None:
    async def charged() -> None:
        counted, clock = spending()
        began = clock.now
        await counted.charge("a", began, began + 10)
        assert counted.today_usd == pytest.approx(0.110)
        # The next call is within the time that is paid, and moves its end.
        await counted.charge("a", began + 20, began + 30)
        assert counted.today_usd == pytest.approx(0.130)
        # Two calls at once are one container.
        await counted.charge("a", began + 20, began + 30)
        assert counted.today_usd == pytest.approx(0.130)
        # Another model has a container of its own.
        await counted.charge("b", began + 20, began + 30)
        assert counted.today_usd == pytest.approx(0.240)

    asyncio.run(charged())


def test_a_new_day_has_a_new_budget() -> None:
    async def charged() -> None:
        counted, clock = spending(budget_usd=0.1)
        assert counted.availability.ok
        await counted.charge("a", clock.now, clock.now + 10)
        assert counted.availability.reason == "budget_exhausted"
        clock.now += DAY
        assert counted.availability.ok
        assert counted.today_usd == 0

    asyncio.run(charged())


def test_a_budget_needs_a_price() -> None:
    known = Settings(_env_file=None, modal_gpu="L4")
    assert usd_per_hour(known) == pytest.approx(0.7992 + 4 * 0.0473 + 8 * 0.008)
    assert usd_per_hour(Settings(_env_file=None, modal_gpu="l4!")) == usd_per_hour(known)
    unknown = Settings(_env_file=None, modal_gpu="X1", modal_daily_budget_usd=1)
    assert usd_per_hour(unknown) is None
    with pytest.raises(SettingsError, match="MODAL_USD_PER_HOUR"):
        ModalEngine.of(unknown, ModalCredentials("a", "b"), Metrics())
    stated = unknown.model_copy(update={"modal_usd_per_hour": 2.0})
    assert usd_per_hour(stated) == 2.0
