"""Both reports, and the picture: everything that was found is in them, and nothing else loads."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks.measurement import Measurement, Results
from benchmarks.report import write_reports
from benchmarks.report.markdown import markdown
from benchmarks.report.picture import AUROC, LATENCY, SIZE, UNSEEN, picture
from benchmarks.report.plots import plots
from benchmarks.report.tables import quantity_tables
from tests.benchmarks.results import HERE, latency, results, suite_result

VALUES = [1.0, 1.1, 1.2, 1.3, 1.4]
ALONG = [latency(VALUES, tokens=64), latency([9.0, 9.1, 9.2, 9.3, 40.0], tokens=512)]


def quality(**figures: float) -> list[Measurement]:
    names = {"size": SIZE, "auroc": AUROC, "unseen": UNSEEN, "ms": LATENCY}
    return [
        Measurement(subject="tiny", quantity=names[name], values=(value,))
        for name, value in figures.items()
    ]


def test_markdown_has_environment_verdicts_figures_and_what_is_missing() -> None:
    page = markdown(results(*ALONG))
    assert "a CPU, 2 cores, 24 GB, Linux x86_64, Python 3.11.7, onnxruntime 1.32.0" in page
    assert "| B | a ratio <b> | ≤ 0.8 | 0.9 | not met |" in page
    assert "| C | x | ≤ 1 |  | missing | no GPU |" in page
    assert "| latency, ms | tokens | median | 95% interval |" in page
    assert re.search(r"\| tiny \| 64 \| 1\.2 \| 1 – 1\.4 \|", page)
    assert "Missing: Firefox: it is not installed" in page


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_reports(results(*ALONG, latency(VALUES, subject="<script>", tokens=64)), path)
    page = path.with_suffix(".html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "a ratio &lt;b&gt;" in page
    assert not re.findall(r"""(?:src|href)=["'](?!#)|url\((?!#)|@import""", page)
    assert page.count("<svg") == 1
    assert "2 not met" not in page
    assert "1 not met, 1 missing" in page


def test_a_quantity_is_lines_along_numbers_and_points_or_bars_without() -> None:
    (lines,) = plots(ALONG)
    assert "tokens" in lines.svg
    (bars,) = plots([latency(VALUES), latency([2.0], subject="other")])
    assert "other" in bars.svg
    assert not list(plots([latency(VALUES)]))
    assert not list(plots([latency([1.0]), latency([1.0], subject="as good")]))


def test_plots_are_whole_xml_and_have_no_colour_of_their_own() -> None:
    for plot in (*plots(ALONG), *plots([latency(VALUES), latency([90.0], subject="b")])):
        ET.fromstring(plot.svg)  # noqa: S314 (drawn here)
        assert set(re.findall(r"#[0-9a-f]{6}\b", plot.svg)) <= {"#000000", "#ffffff"}
        assert "var(--series-0)" in plot.svg


def test_the_picture_shows_models_of_which_everything_is_known() -> None:
    known = quality(size=1.2, auroc=0.97, unseen=0.94, ms=1.3)
    svg = picture(suite_result(*known, name="quality"))
    assert svg is not None
    ET.fromstring(svg)  # noqa: S314 (drawn here)
    assert "tiny" in svg
    assert "prefers-color-scheme" in svg
    assert picture(suite_result(*known[:3], name="quality")) is None


def test_a_report_of_nothing_is_a_page_too(tmp_path: Path) -> None:
    write_reports(Results(environment=HERE), tmp_path / "r.json")
    assert "a CPU" in (tmp_path / "r.html").read_text("utf-8")
    assert not (tmp_path / "r.svg").exists()


def test_more_lines_than_can_be_told_apart_are_a_plot_for_each_model() -> None:
    many = [
        latency([float(tokens)], subject=f"{model}, place {place}", tokens=tokens)
        for model in ("tiny", "small")
        for place in range(5)
        for tokens in (64, 128)
    ]
    assert [plot.title for plot in plots(many)] == ["tiny: latency, ms", "small: latency, ms"]


def test_a_table_has_each_subject_together_along_the_axis() -> None:
    places = [("b", 256.0), ("a", 64.0), ("b", 64.0)]
    (table,) = quantity_tables([latency(VALUES, subject=s, tokens=n) for s, n in places])
    assert [(row.subject, row.places) for row in table.rows] == [
        ("b", ("64",)),
        ("b", ("256",)),
        ("a", ("64",)),
    ]
