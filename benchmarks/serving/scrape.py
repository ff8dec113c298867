"""The server's own figures, as Prometheus reads them."""

from collections import Counter
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.live_server import Program


def scrape(server: Program) -> Mapping[str, float]:
    """Every sample by its name without the prefix, summed over its labels."""
    found: Counter[str] = Counter()
    text = httpx.get(f"{server.url}/metrics").raise_for_status().text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name.removeprefix("samegraph_")] += sample.value  # type: ignore[assignment]
    return found
