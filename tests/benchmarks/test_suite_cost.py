from pathlib import Path

import pytest

from benchmarks.environment import Environment
from benchmarks.measurement import Better, Measurement, Missing, Results, SuiteResult
from benchmarks.suites import Context
from benchmarks.suites.cost import run
from benchmarks.suites.cost.bill import Containers, Machine, Visitors, break_even
from benchmarks.suites.cost.costs import AXIS, BREAK_EVEN, MILLION_COST, MONTH_COST
from benchmarks.suites.cost.measured import from_tiers
from benchmarks.suites.cost.prices import DEFAULT, VARIABLE, Prices, PricesError
from registry import Artifact
from runtime_server.cpu_quota import usable_cores
from runtime_server.modal_price import USD_PER_CORE_HOUR, USD_PER_GIB_HOUR, USD_PER_HOUR

MONTH_S = 1000.0
MACHINE = Machine(per_s=2.0, usd_per_month=30.0, utilisation=0.5, month_s=MONTH_S)
CONTAINERS = Containers(per_s=2.0, usd_per_hour=3600.0, start_s=3.0, idle_s=5.0, month_s=MONTH_S)


def test_a_machine_is_paid_whole_and_another_one_where_it_does_not_suffice() -> None:
    assert MACHINE.most_texts == 1000
    assert [MACHINE.bill(texts) for texts in (0, 1000, 1001)] == [30, 30, 60]
    assert MACHINE.usd_per_million == 30_000


def test_texts_at_once_are_paid_with_one_start_and_one_idle_end() -> None:
    assert CONTAINERS.at_once(100) == pytest.approx(50 + 3 + 5)


def test_few_texts_spread_out_pay_a_start_and_an_idle_end_each() -> None:
    assert CONTAINERS.spread(1) == pytest.approx(0.5 + 3 + 5, rel=0.02)
    assert CONTAINERS.spread(2) == pytest.approx(2 * CONTAINERS.spread(1), rel=0.02)


def test_many_texts_spread_out_keep_a_container_up_and_more_than_it_can_do_need_another() -> None:
    assert CONTAINERS.spread(1500) == pytest.approx(MONTH_S, rel=0.01)
    assert CONTAINERS.spread(4000) == pytest.approx(2 * MONTH_S, rel=0.01)


def test_visitors_download_once_for_all_their_texts() -> None:
    visitors = Visitors(download_bytes=2e9, usd_per_gb=0.5, texts_each=10)
    assert visitors.bill(100) == pytest.approx(10)
    assert visitors.usd_per_million == pytest.approx(1e5)


def test_the_break_even_is_where_the_growing_bill_reaches_the_fixed_one() -> None:
    assert break_even(10.0, lambda texts: texts / 4) == 40
    assert break_even(10.0, lambda _: 1.0) is None


def test_prices_of_modal_are_those_that_the_server_counts_with() -> None:
    modal = Prices.read(DEFAULT).modal
    assert modal.usd_per_core_hour == USD_PER_CORE_HOUR
    assert modal.usd_per_gib_hour == USD_PER_GIB_HOUR
    assert modal.usd_per_gpu_hour.items() <= USD_PER_HOUR.items()
    assert modal.usd_per_hour(4, 8) == pytest.approx(4 * 0.0473 + 8 * 0.008)
    assert modal.usd_per_hour(4, 8, "T4") == pytest.approx(0.5904 + modal.usd_per_hour(4, 8))


def test_another_file_of_prices_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(DEFAULT.read_text("utf-8").replace("= 24.0", "= 5.0"))
    monkeypatch.setenv(VARIABLE, str(own))
    assert Prices.read().vps[0].usd_per_month == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [("assumed = 1", "assumed"), ("[", "own.toml"), ("", "assumed: Field required")],
)
def test_a_file_that_is_none_of_prices_says_why(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(PricesError, match=told):
        Prices.read(tmp_path / "own.toml")
    with pytest.raises(PricesError, match="absent"):
        Prices.read(tmp_path / "absent.toml")


def context(artifact: Artifact, earlier: Results | None) -> Context:
    return Context((artifact,), None, 1.0, lambda _: None, earlier=earlier)


def of_tiers(*measurements: Measurement) -> Results:
    result = SuiteResult(
        suite="tiers",
        title="",
        began="",
        seconds=1,
        load=(0, 0),
        commit="",
        measurements=measurements,
    )
    return Results(environment=Environment.current(), suites=(result,))


def throughput(place: str, per_s: float, callers: int) -> Measurement:
    return Measurement(
        subject=f"lexical-tiny, {place}",
        quantity="throughput",
        unit="/s",
        values=(per_s,),
        at={"callers": callers},
        better=Better.HIGHER,
    )


def test_what_tiers_has_measured_is_what_is_paid_for(
    monkeypatch: pytest.MonkeyPatch, lexical_tiny: Artifact
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    earlier = of_tiers(
        throughput("local", 100, 1),
        throughput("local", 200, 4),
        throughput("Modal on loopback", 50, 1),
        throughput("local on CUDA", 400, 4),
        Measurement(
            subject="lexical-tiny, Chromium", quantity="download", unit="MB", values=(5.0,)
        ),
    )
    found = list(run(context(lexical_tiny, earlier)))
    costs = {
        one.subject: one.values[0]
        for one in found
        if isinstance(one, Measurement) and one.quantity == MILLION_COST
    }
    prices = Prices.read()
    vps, assumed = prices.vps[0], prices.assumed
    month_s = assumed.hours_per_month * 3600
    per_s = 200 * vps.cores / usable_cores() * assumed.utilisation
    assert costs[f"lexical-tiny, {vps.name}"] == pytest.approx(
        vps.usd_per_month / (per_s * month_s) * 1e6
    )
    hourly = prices.modal.usd_per_hour(4, 8, "L4")
    assert costs["lexical-tiny, Modal, L4"] == pytest.approx(hourly / 3600 / 400 * 1e6)
    assert costs["lexical-tiny, browsers"] == pytest.approx(
        5.0 / 1e3 * prices.egress.usd_per_gb * 1e6 / assumed.texts_per_visitor
    )
    months = [
        one for one in found if isinstance(one, Measurement) and one.quantity.startswith(MONTH_COST)
    ]
    assert {one.subject for one in months} >= {
        "Modal, no GPU, texts at once",
        "Modal, no GPU, texts spread over the month",
        "browsers",
    }
    assert all(AXIS in one.at for one in months)
    assert any(isinstance(one, Measurement) and one.quantity == BREAK_EVEN for one in found)


def test_a_model_too_slow_for_a_crowd_is_paid_for_by_its_warm_latency(
    lexical_tiny: Artifact,
) -> None:
    warm = [
        Measurement(
            subject="lexical-tiny, local",
            quantity="warm latency",
            unit="ms",
            values=(milliseconds,),
            at={"tokens": tokens},
        )
        for tokens, milliseconds in ((64, 100.0), (256, 400.0))
    ]
    rate = from_tiers(of_tiers(*warm), lexical_tiny, "local")
    assert rate is not None
    assert rate.per_s == 2.5
    assert from_tiers(of_tiers(), lexical_tiny, "local") is None


def test_without_tiers_the_throughput_is_measured_and_no_gpu_is_missing(
    lexical_tiny: Artifact,
) -> None:
    found = list(run(context(lexical_tiny, None)))
    (missing,) = [
        one for one in found if isinstance(one, Missing) and one.subject.endswith("a GPU")
    ]
    assert missing.why == "no GPU was measured"
    costs = [one for one in found if isinstance(one, Measurement) and one.quantity == MILLION_COST]
    assert any("one by one" in one.told for one in costs)
    assert all(one.values[0] > 0 for one in costs)
