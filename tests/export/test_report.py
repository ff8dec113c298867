"""report.html and report.json: what they show, and that nothing from a manifest becomes markup."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.jobs.record import BuildRecord, PassCost, write_record
from export.report import formats
from export.report.latency import TOKENS, read_latency
from export.report.page import render, write_report
from export.report.plot import APART, FLOOR, plot
from export.report.rows import ReportRow, report_rows
from registry import Artifact, FileStore
from registry.manifest import Drift, Source
from tests.export.artifacts import copied

HOSTILE = "</style><script>alert('x')</script><img src=x onerror=alert(1)>"
GB = 1_000_000_000


@pytest.fixture
def store(lexical_tiny: Artifact, tmp_path: Path) -> FileStore:
    """A store with lexical-tiny and what its build cost: more than it may."""
    store = FileStore(tmp_path / "artifacts")
    manifest = copied(lexical_tiny, store.root).manifest
    costs = (
        PassCost(name="load", seconds=1, peak_rss_bytes=GB),
        PassCost(name="verify", seconds=3, peak_rss_bytes=2 * GB),
    )
    record = BuildRecord(
        digest=manifest.digest, passes=costs, parameters=10**6, inputs={}, machine="a machine"
    )
    write_record(store.root, manifest, record)
    return store


@pytest.fixture
def row(store: FileStore) -> ReportRow:
    (row,) = report_rows(store)
    return row


def drifting(row: ReportRow, p99: float, size_bytes: int) -> ReportRow:
    drift = Drift(n=500, p50=0, p99=p99, max=p99, flips=0)
    return row.model_copy(update={"drift": drift, "size_bytes": size_bytes})


def test_the_report_has_the_evidence_of_the_manifest_and_the_cost_of_the_build(
    store: FileStore, lexical_tiny: Artifact
) -> None:
    page = write_report(store).read_text("utf-8")
    (row,) = json.loads((store.root / "report.json").read_text("utf-8"))
    manifest = lexical_tiny.manifest
    assert row["digest"] == manifest.digest
    assert row["quality"]["auroc"] == manifest.quality.auroc
    assert row["drift"]["p99"] == manifest.parity.drift.p99
    assert (row["build"]["seconds"], row["build"]["peak_rss_bytes"]) == (4, 2 * GB)
    assert row["build"]["is_over_bound"] is True
    assert row["latency"] is None
    for shown in (f"{manifest.quality.auroc:.4f}", "4.0 s", "2.0 GB of 1.5 GB", "a machine"):
        assert shown in page
    assert "The build held more than" in page


def test_a_record_of_another_build_is_not_shown(store: FileStore, row: ReportRow) -> None:
    (path,) = (store.root / ".builds").rglob("*.json")
    path.write_text(path.read_text("utf-8").replace(row.digest, "0" * 64), "utf-8")
    assert report_rows(store)[0].build is None
    path.write_text("{}", "utf-8")
    assert report_rows(store)[0].build is None


def test_what_comes_from_a_manifest_is_text(row: ReportRow) -> None:
    source = Source(kind="sklearn", reference=HOSTILE, licence=HOSTILE, attribution=HOSTILE)
    changed = {"source": source, "max_abs_diff": {HOSTILE: 0.0}, "parity_reference": HOSTILE}
    page = render([row.model_copy(update=changed)])
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 5
    assert page.count("</style>") == 1


def test_the_page_asks_for_nothing(row: ReportRow) -> None:
    page = render([row])
    linked = re.findall(r"""(?:src|href)=["']?([^"'>]*)""", page)
    assert set(linked) == {"data:,", f"#{row.anchor}"}
    assert "url(" not in page
    assert "@import" not in page


def test_what_was_not_measured_is_said(row: ReportRow) -> None:
    nothing = {"quality": None, "drift": None, "build": None, "batch_max_abs_diff": None}
    page = render([row.model_copy(update=nothing)])
    assert "Not evaluated" in page
    assert "not measured" in page
    assert "<svg" not in page
    assert "None" not in page


def test_an_empty_store_has_a_report(tmp_path: Path) -> None:
    page = write_report(FileStore(tmp_path / "artifacts"))
    assert "of 0 artifacts" in page.read_text("utf-8")


def test_the_page_is_written_again_only_where_a_figure_is_another(store: FileStore) -> None:
    page = write_report(store)
    page.write_text("mark", "utf-8")
    write_report(store, if_changed=True)
    assert page.read_text("utf-8") == "mark"
    (path,) = (store.root / ".builds").rglob("*.json")
    path.unlink()
    write_report(store, if_changed=True)
    assert page.read_text("utf-8") != "mark"


def test_the_plot_is_logarithmic_and_keeps_its_numbers_apart(row: ReportRow) -> None:
    places = [(1e-2, 10**6), (1e-3, 10**7), (0, 10**9), (2e-9, 10**9)]
    drawn = plot([drifting(row, p99, size) for p99, size in places])
    assert drawn is not None
    assert [tick.value for tick in drawn.sizes] == pytest.approx([1e6, 1e7, 1e8, 1e9])
    assert drawn.drifts[0].value == pytest.approx(FLOOR)
    assert [(point.x, point.y) for point in drawn.points] == [
        pytest.approx(place) for place in [(0, 0), (100 / 3, 25), (100, 100), (100, 100)]
    ]
    third, fourth = drawn.points[2:]
    assert third.label_y - fourth.label_y >= APART


def test_figures_have_few_digits() -> None:
    written = [formats.distance(value) for value in (0, 0.0193, 1.14e-6, 1e-5, 1.0)]
    assert written == ["0", "0.019", "1.1e-6", "1e-5", "1"]
    assert [formats.size(n) for n in (999, 1500, 24_187_677, 1.5e9)] == [
        "999 B",
        "1.5 kB",
        "24.2 MB",
        "1.5 GB",
    ]
    assert [formats.milliseconds(n) for n in (0.234, 17.83, 418.2)] == [
        "0.23 ms",
        "17.8 ms",
        "418 ms",
    ]
    assert (formats.seconds(83.12), formats.seconds(683)) == ("83.1 s", "11.4 min")
    assert (formats.share(3, 2), formats.share(1, 4), formats.share(1, 0)) == (
        "100.00",
        "25.00",
        "0.00",
    )


def test_latency_is_measured_on_request_and_kept(store: FileStore) -> None:
    result = CliRunner().invoke(app, ["report", "--latency", "--root", str(store.root)])
    assert result.exit_code == 0, result.output
    (artifact,) = store.artifacts()
    latency = read_latency(store.root, artifact.manifest)
    assert latency is not None
    assert tuple(latency.milliseconds) == TOKENS
    assert all(value > 0 for value in latency.milliseconds.values())
    page = (store.root / "report.html").read_text("utf-8")
    assert "one text of 512 tokens" in page
    assert latency.machine in page
    before = next((store.root / ".latency").rglob("*.json")).stat().st_mtime_ns
    CliRunner().invoke(app, ["report", "--latency", "--root", str(store.root)])
    assert next((store.root / ".latency").rglob("*.json")).stat().st_mtime_ns == before
