"""docs/observability.md says what /metrics and the log really hold."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry import Artifact, Backend
from tests.server.test_deadline import FullEngine
from tests.server.test_pages import wait_until_ready

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "observability.md").read_text()
ROWS = re.findall(r"^\| `(samegraph_\w+)` \| (\w+) \|(?: ([\w, ]+))? \|", PAGE, re.MULTILINE)


@pytest.fixture
def metrics(make_client: Callable[..., httpx.Client], artifact: Artifact) -> str:
    client = make_client()
    wait_until_ready(client)
    client.post("/predict", json={"text": "a"})
    full = make_client({Backend.LOCAL: FullEngine(0)})
    full.post("/predict", json={"text": "a"})
    return client.get("/metrics").text + full.get("/metrics").text


def test_the_table_of_metrics_is_what_prometheus_reads(metrics: str) -> None:
    found = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(metrics)
        if family.name.startswith("samegraph_") and not family.name.endswith("_created")
    }
    assert {name: kind for name, kind, _ in ROWS} == found


def test_their_labels_are_those_of_the_table(metrics: str) -> None:
    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples]
    for name, kind, labels in ROWS:
        counted = name + ("_count" if kind == "histogram" else "")
        found = {", ".join(sorted(sample.labels)) for sample in samples if sample.name == counted}
        assert found <= {labels}, name
    assert len({sample.name for sample in samples if "samegraph" in sample.name}) > 20
