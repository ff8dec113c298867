"""Dashboard, alerts and the page for operators: all speak of what /metrics really exports."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime_server.metrics import Metrics
from tests.deploy.conftest import needs

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "samegraph.json").read_text())
PAGE = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def exported() -> dict[str, str]:
    """Every metric of the server and its kind."""
    declared = re.findall(r"^# TYPE (samegraph_\w+) (\w+)$", Metrics().text().decode(), re.M)
    return {name: kind for name, kind in declared if not name.endswith("_created")}


def expressions() -> list[str]:
    panels = DASHBOARD["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def names_in(text: str, exported: dict[str, str]) -> Iterator[str]:
    """The metrics that a query names; a series of a histogram counts for it."""
    for series in re.findall(r"samegraph_\w+", text):
        base = re.sub(r"_(bucket|count|sum)$", "", series)
        yield base if exported.get(base) == "histogram" else series


def test_the_dashboard_asks_for_every_metric_and_for_no_other(exported: dict[str, str]) -> None:
    assert len(exported) > 15
    asked = {name for text in expressions() for name in names_in(text, exported)}
    assert asked == set(exported)


def test_the_alerts_ask_for_metrics_that_exist(exported: dict[str, str]) -> None:
    asked = {name for rule in alerts() for name in names_in(rule["expr"], exported)}
    assert asked <= set(exported)
    assert len(asked) >= 8


def test_the_page_says_of_every_metric_what_to_do(exported: dict[str, str]) -> None:
    told = re.findall(r"^\| `(samegraph_\w+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert sorted(name for name, _, _ in told) == sorted(exported)
    assert all(len(meaning) > 15 and len(action) > 15 for _, meaning, action in told)


def test_the_page_says_of_every_alert_what_to_do() -> None:
    told = re.findall(r"^\| `(Samegraph\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(rule["alert"] for rule in alerts())


def test_prometheus_accepts_its_configuration_and_the_alerts_fire_when_they_should() -> None:
    needs("promtool")
    for command in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            ("promtool", *command), cwd=PROMETHEUS, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"alertname: (\w+)", (PROMETHEUS / "alerts_test.yml").read_text()))
    assert tested == {rule["alert"] for rule in alerts()}


def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path: Path) -> None:
    needs("promtool")
    queries = (text.replace("$__rate_interval", "5m") for text in expressions())
    rules = [{"record": f"query:{n}", "expr": text} for n, text in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}))
    done = subprocess.run(
        ("promtool", "check", "rules", tmp_path / "rules.yml"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
