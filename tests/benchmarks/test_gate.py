"""What no change may make worse unnoticed: each figure of benchmarks/gate.toml, measured anew."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.gate import FILE, Floor, read_floors
from benchmarks.mixed_texts import mixed_texts
from benchmarks.suites.web.line import UNTHROTTLED, Tally
from benchmarks.suites.web.site import HERE, LIBRARY, served
from registry import Artifact, FileStore
from runtime_server.graph_session import SessionPlan
from runtime_server.local_engine import LocalEngine
from runtime_server.metrics import Metrics
from runtime_server.placement import MemoryBudget

FLOORS = read_floors()
ARTIFACTS = {one.manifest.model_id: one for one in FileStore().artifacts()}
TEXTS = 32
WORK = ("runs", "padding")
LIBRARY_VISIT, PAGE_VISIT = "library-visit", "page-visit"


def names(*groups: str, of: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Group and figure of the floors in these groups; only such figures, where some are named."""
    split = (name.split(".", 1) for name in FLOORS)
    return [(group, name) for group, name in split if group in groups and (not of or name in of)]


def require(group: str, name: str, now: float) -> None:
    objection = FLOORS[f"{group}.{name}"].objection(f"{group}.{name}", now)
    if objection is not None:
        pytest.fail(objection, pytrace=False)


def built(model_id: str) -> Artifact:
    if model_id not in ARTIFACTS:
        pytest.skip(f"{model_id} is not built: `make export`")
    return ARTIFACTS[model_id]


MODELS = sorted(
    {name.partition(".")[0] for name in FLOORS} - {"shipped", LIBRARY_VISIT, PAGE_VISIT}
)
OF_MANIFEST = [(model, name) for model, name in names(*MODELS) if name not in WORK]


@pytest.mark.parametrize(("model_id", "name"), OF_MANIFEST)
def test_an_artifact_is_no_larger_and_no_worse_than_it_was(model_id: str, name: str) -> None:
    manifest = built(model_id).manifest
    assert manifest.quality is not None
    require(model_id, name, getattr(manifest if name == "size_bytes" else manifest.quality, name))


@cache
def work(model_id: str) -> dict[str, float]:
    """Of one request of many texts, as the engine itself counts it."""
    metrics = Metrics()

    async def _run() -> None:
        plan = SessionPlan(threads=1, allow_cuda=False)
        engine = LocalEngine(plan, MemoryBudget(cpu_bytes=None, gpu_bytes=None), metrics=metrics)
        try:
            await engine.predict(built(model_id), mixed_texts(TEXTS))
        finally:
            await engine.close()

    asyncio.run(_run())
    families = text_string_to_metric_families(metrics.text().decode())
    samples = {one.name: one.value for family in families for one in family.samples}
    assert samples["samegraph_batch_rows_sum"] == TEXTS
    padded = samples.get("samegraph_batch_padded_tokens_total", 0.0)
    return {
        "runs": samples["samegraph_batch_rows_count"],
        "padding": padded / samples["samegraph_batch_tokens_sum"],
    }


@pytest.mark.parametrize(("model_id", "name"), names(*MODELS, of=WORK))
def test_a_request_of_many_texts_takes_no_more_runs_and_no_more_padding(
    model_id: str, name: str
) -> None:
    require(model_id, name, work(model_id)[name])


@pytest.mark.parametrize(("group", "name"), names("shipped"))
def test_what_is_shipped_is_no_larger(group: str, name: str) -> None:
    require(group, name, (LIBRARY / name).stat().st_size)


@pytest.fixture(scope="module")
def visits(lexical_tiny: Artifact, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tally]:
    """What first visits fetch until the first answer of the library, until the page is ready."""
    if find_chromium() is None:
        pytest.skip("no Chromium: `python -m benchmarks.chromium` installs one")
    folder = tmp_path_factory.mktemp("site")
    (folder / "samegraph").symlink_to(LIBRARY)
    (folder / "models").mkdir()
    (folder / "models" / lexical_tiny.manifest.model_id).symlink_to(lexical_tiny.folder)
    (folder / "samegraph.html").symlink_to(HERE / "samegraph.html")
    asked = f"samegraph.html?model={lexical_tiny.manifest.model_id}&text=Rain+again."
    static = LIBRARY.with_name("static")
    return {
        LIBRARY_VISIT: fetched(folder, asked, lambda page: page.wait_for_function("window.visit")),
        PAGE_VISIT: fetched(
            static, "", lambda page: page.wait_for_selector("html[data-state=ready]")
        ),
    }


def fetched(folder: Path, path: str, wait: Callable[[Page], object]) -> Tally:
    with served(folder, UNTHROTTLED) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        # The service worker fetches the page's files once more, whenever there is time.
        context = browser.new_context(service_workers="block")
        page = context.new_page()
        page.goto(site.url + path)
        wait(page)
        browser.close()
        return site.line.tally


@pytest.mark.parametrize(("group", "name"), names(LIBRARY_VISIT, PAGE_VISIT))
def test_a_first_visit_asks_for_no_more(group: str, name: str, visits: dict[str, Tally]) -> None:
    require(group, name, getattr(visits[group], name))


def test_an_objection_says_what_moved_from_what_to_what_and_how_to_accept_it() -> None:
    floor = Floor(was=1_000, at_most=1_020, why="it is downloaded every time")
    said = floor.objection("shipped.some.js", 1_500)
    assert said is not None
    assert said.startswith("shipped.some.js moved from 1,000 to 1,500; accepted is at_most 1,020")
    assert "downloaded every time" in said
    assert "`was = 1500`" in said
    assert FILE.name in said


@pytest.mark.parametrize(("now", "holds"), [(0.97, True), (0.9699, False), (float("nan"), False)])
def test_a_figure_that_may_not_fall_is_held_from_below(now: float, holds: bool) -> None:
    floor = Floor(was=0.975, at_least=0.97, why="the README promises it")
    assert (floor.objection("a.auroc", now) is None) is holds


BROKEN = [
    {"was": 1, "why": "no bound at all"},
    {"was": 1, "at_most": 2, "at_least": 0, "why": "two bounds at once"},
    {"was": 3, "at_most": 2, "why": "it is beyond its own bound"},
    {"was": 1, "at_most": 2, "why": ""},
]


@pytest.mark.parametrize("floor", BROKEN)
def test_a_floor_that_means_nothing_is_refused(floor: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Floor.model_validate(floor)
